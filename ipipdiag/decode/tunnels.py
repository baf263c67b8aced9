"""Tunnels other than IP-in-IP: VXLAN is looked into (RFC 7348), GRE, WireGuard and IPv6 are named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.columns import I32, U8, Columns, Stops, blank
from ipipdiag.decode.ipv4 import FIELDS, Ipv4Headers, read_ipv4
from ipipdiag.decode.link.model import ETHERTYPE_IPV4
from ipipdiag.decode.transport import TransportRows
from ipipdiag.decode.window import ByteWindow, u16, u32
from ipipdiag.kinds import Layer, StopReason, Tunnel
from ipipdiag.protocols import GRE_PROTOCOL, IPV6_PROTOCOL, UDP, VXLAN_PORT

WIREGUARD_PORTS = (51820, 51821)  # Calico's, for IPv4 and IPv6 traffic
WIREGUARD_TYPES = (1, 2, 3, 4)
MOST_NESTED = 64
UDP_HEADER, VXLAN_HEADER, ETHERNET_HEADER = 8, 8, 14
VNI_IS_VALID = 0x08


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What is wrapped around the inner packet, a row a frame: columns of the packet table."""

    tunnel: U8
    depth: U8
    vni: I32
    outer: Ipv4Headers

    @classmethod
    def of(cls, count: int) -> Wrapping:
        """Rows in which nothing is wrapped."""
        return cls(**blank(cls, count), outer=Ipv4Headers.absent(count))

    def put(self, rows: npt.NDArray[np.intp], tunnel: Tunnel, outer: Ipv4Headers) -> None:
        """Note the tunnel of some rows and its header."""
        self.tunnel[rows] = tunnel
        self.outer.put(rows, outer)

    def columns(self) -> Columns:
        """The columns by name, as the packet table has them."""
        outer = {f"outer_{name}": getattr(self.outer, name) for name in FIELDS}
        return {"tunnel": self.tunnel, "depth": self.depth, "vni": self.vni, **outer}


@dataclass(frozen=True, slots=True)
class VxlanPackets:
    """VXLAN packets: their rows, network identifier, and the IPv4 header inside."""

    row: npt.NDArray[np.intp]
    vni: I32
    headers: Ipv4Headers
    stop_reason: U8


def find_vxlan(window: ByteWindow, inner: Ipv4Headers, transport: TransportRows, tunnel: U8) -> VxlanPackets:
    """The packets of UDP destination port 4789, and what they carry; an inner ARP or IPv6 packet is named only."""
    row = np.flatnonzero((transport.destination_port == VXLAN_PORT) & (inner.protocol == UDP))
    row = row[transport.has_transport[row] & (tunnel[row] == Tunnel.NONE)]
    start = inner.payload[row] + UDP_HEADER
    end, captured = inner.payload_end[row], window.end[row]
    run = window.gather(start, VXLAN_HEADER + ETHERNET_HEADER)
    room = VXLAN_HEADER + ETHERNET_HEADER
    headers = read_ipv4(window, start + room, captured, end)
    reason = np.select(
        [
            end - start < room,
            captured - start < room,
            run[:, 0] & VNI_IS_VALID == 0,
            u16(run, room - 2) != ETHERTYPE_IPV4,
        ],
        [
            int(StopReason.TOTAL_LENGTH),
            int(StopReason.CAPTURED_LENGTH),
            int(StopReason.UNSUPPORTED),
            int(StopReason.UNSUPPORTED),
        ],
        np.where(headers.header_length == 0, headers.stop_reason, StopReason.NONE),
    )
    has_vni = np.minimum(end, captured) - start >= VXLAN_HEADER
    vni = np.where(has_vni & (run[:, 0] & VNI_IS_VALID > 0), (u32(run, 4) >> 8).astype(np.int32), -1)
    return VxlanPackets(row, vni, headers, reason.astype(np.uint8))


def name_tunnels(window: ByteWindow, inner: Ipv4Headers, transport: TransportRows, stops: Stops, tunnel: U8) -> None:
    """Name the tunnels that are not looked into; a packet already inside a tunnel keeps that one's name."""
    is_bare = tunnel == Tunnel.NONE
    for protocol, kind in ((GRE_PROTOCOL, Tunnel.GRE), (IPV6_PROTOCOL, Tunnel.IPV6)):
        named = np.flatnonzero(is_bare & (inner.protocol == protocol))
        tunnel[named] = kind
        stops.layer[named] = Layer.TUNNEL
    datagrams = np.flatnonzero(is_bare & (inner.protocol == UDP) & transport.has_transport)
    source, destination = transport.source_port[datagrams], transport.destination_port[datagrams]
    chosen = datagrams[np.isin(source, WIREGUARD_PORTS) | np.isin(destination, WIREGUARD_PORTS)]
    start = transport.payload[chosen]
    run = window.gather(start, 4)
    there = (transport.payload_length[chosen] >= 4) & (window.end[chosen] - start >= 4)
    is_message = there & np.isin(run[:, 0], WIREGUARD_TYPES) & (run[:, 1:].max(axis=1, initial=0) == 0)
    tunnel[chosen[is_message]] = Tunnel.WIREGUARD
