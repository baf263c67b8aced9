"""Tunnels other than IP-in-IP: VXLAN is looked into (RFC 7348), GRE, WireGuard and IPv6 are named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.ipv4 import Ipv4Headers, read_ipv4
from ipipdiag.decode.link.model import ETHERTYPE_IPV4
from ipipdiag.decode.transport import TransportRows
from ipipdiag.decode.window import ByteWindow, Positions, u16, u32
from ipipdiag.kinds import Layer, StopReason, Tunnel
from ipipdiag.protocols import GRE_PROTOCOL, IPV6_PROTOCOL, UDP, VXLAN_PORT

WIREGUARD_PORTS = (51820, 51821)  # Calico's, for IPv4 and IPv6 traffic
WIREGUARD_TYPES = (1, 2, 3, 4)
MOST_NESTED = 64
UDP_HEADER, VXLAN_HEADER, ETHERNET_HEADER = 8, 8, 14
VNI_IS_VALID = 0x08


@dataclass(frozen=True, slots=True)
class VxlanPackets:
    """VXLAN packets among inner ones: position there, network identifier, and the IPv4 header inside."""

    row: npt.NDArray[np.intp]
    vni: npt.NDArray[np.int64]
    headers: Ipv4Headers
    stop_reason: npt.NDArray[np.int64]


def find_vxlan(
    window: ByteWindow,
    inner: Ipv4Headers,
    transport: TransportRows,
    captured_end: Positions,
    *,
    bare: npt.NDArray[np.bool_],
) -> VxlanPackets:
    """The packets of UDP destination port 4789, and what they carry; an inner ARP or IPv6 packet is named only."""
    is_vxlan = bare & (inner.protocol == UDP) & transport.has_transport & (transport.destination_port == VXLAN_PORT)
    row = np.flatnonzero(is_vxlan & (inner.fragment_offset == 0))
    start = inner.payload[row] + UDP_HEADER
    end, captured = inner.payload_end[row], captured_end[row]
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
        np.where(headers.header_length == 0, headers.stop_reason, int(StopReason.NONE)),
    )
    has_vni = np.minimum(end, captured) - start >= VXLAN_HEADER
    vni = np.where(has_vni & (run[:, 0] & VNI_IS_VALID > 0), u32(run, 4) >> 8, -1)
    return VxlanPackets(row, vni, headers, reason)


def name_tunnels(
    window: ByteWindow,
    columns: dict[str, npt.NDArray[Any]],
    rows: npt.NDArray[np.intp],
    inner: Ipv4Headers,
    transport: TransportRows,
) -> None:
    """Name the tunnels that are not looked into; a packet already inside a tunnel keeps that one's name."""
    bare = columns["tunnel"][rows] == Tunnel.NONE
    for protocol, tunnel in ((GRE_PROTOCOL, Tunnel.GRE), (IPV6_PROTOCOL, Tunnel.IPV6)):
        named = rows[bare & (inner.protocol == protocol)]
        columns["tunnel"][named] = tunnel
        columns["stop_layer"][named] = Layer.TUNNEL
    to_port = np.isin(transport.destination_port, WIREGUARD_PORTS) | np.isin(transport.source_port, WIREGUARD_PORTS)
    chosen = np.flatnonzero(bare & (inner.protocol == UDP) & transport.has_transport & to_port)
    start = transport.payload[chosen]
    run = window.gather(start, 4)
    there = (transport.payload_length[chosen] >= 4) & (window.end[rows[chosen]] - start >= 4)
    is_message = there & np.isin(run[:, 0], WIREGUARD_TYPES) & (run[:, 1:].max(axis=1, initial=0) == 0)
    columns["tunnel"][rows[chosen[is_message]]] = Tunnel.WIREGUARD
