"""A batch of frames decoded, layer by layer, into the packet table.

Every layer is read for all frames of the batch at once, in whole columns: a row has the columns of a layer blank where
it has none. That most frames have the same headers is not used, and not needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ipipdiag.capture.model import FrameBatch, Interface
from ipipdiag.decode.arp import read_arp
from ipipdiag.decode.columns import U8, Bool, Stops
from ipipdiag.decode.dns import read_dns
from ipipdiag.decode.icmp_errors import ERROR_TYPES, read_icmp_errors
from ipipdiag.decode.ipv4 import FIELDS, Ipv4Headers, read_ipv4
from ipipdiag.decode.link import link_decoder
from ipipdiag.decode.link.model import COLUMNS as LINK_COLUMNS
from ipipdiag.decode.link.model import LinkRows
from ipipdiag.decode.packets import Decoded, IcmpErrors, Packets, Segments
from ipipdiag.decode.transport import TransportRows, read_transport
from ipipdiag.decode.tunnels import MOST_NESTED, Wrapping, find_vxlan, name_tunnels
from ipipdiag.decode.window import ByteWindow, Positions
from ipipdiag.kinds import Layer, Network, StopReason, Tunnel
from ipipdiag.protocols import BGP_PORT, IPIP_PROTOCOL

INT32_MAX = (1 << 31) - 1


def decode(batch: FrameBatch, interfaces: Sequence[Interface]) -> Decoded:
    """Every frame of the batch as a row of the packet table, with the tables of the rare kinds beside it."""
    frames = batch.frames
    captured_end = frames.offset + frames.captured_length
    wire_end = frames.offset + np.maximum(frames.wire_length, frames.captured_length)
    window = ByteWindow(batch.buffer, captured_end)
    link = _read_links(window, batch, interfaces, captured_end, wire_end)
    is_arp = np.flatnonzero((link.network == Network.ARP) & (link.stop_layer == Layer.COMPLETE))
    arp_messages = read_arp(window, link, is_arp, frames.number, frames.time_ns)
    stops = Stops(link.stop_layer, link.stop_reason)
    other = (link.network == Network.IPV6) | (link.network == Network.OTHER)
    stops.put(np.flatnonzero(other & (stops.layer == Layer.COMPLETE)), Layer.NETWORK, StopReason.UNSUPPORTED)
    wrapping, inner = _read_ipv4_packets(window, link, stops)
    transport = _read_transport(window, wrapping, inner, stops)
    packets = Packets(
        number=frames.number,
        time_ns=frames.time_ns,
        captured_length=frames.captured_length.astype(np.int32),
        wire_length=np.minimum(frames.wire_length, INT32_MAX).astype(np.int32),
        interface=frames.interface,
        **{name: getattr(link, name) for name in LINK_COLUMNS},
        **wrapping.columns(),
        **{f"inner_{name}": getattr(inner, name) for name in FIELDS},
        **transport.columns(),
    )
    at_bgp = (packets.source_port == BGP_PORT) | (packets.destination_port == BGP_PORT)
    at_bgp &= (packets.tcp_header_length > 0) & (packets.payload_length > 0)
    return Decoded(
        packets,
        arp_messages,
        _icmp_errors(window, packets, transport.payload),
        bgp_segments=_payloads(at_bgp, packets, transport.payload, captured_end),
        dns_messages=read_dns(window, _payloads(packets.dns_id >= 0, packets, transport.payload, captured_end)),
    )


def _read_links(
    window: ByteWindow,
    batch: FrameBatch,
    interfaces: Sequence[Interface],
    captured_end: Positions,
    wire_end: Positions,
) -> LinkRows:
    """The link layer of all frames, each by the link type of its interface."""
    frames = batch.frames
    link = LinkRows.at(frames.offset, captured_end, wire_end)
    types = np.array([interface.link_type for interface in interfaces], dtype=np.int64)
    is_one = bool((types == types[0]).all())  # nearly always; no need then to look at the frames
    types = types if is_one else types[frames.interface]
    distinct = np.unique(types)
    for link_type in distinct.tolist():
        chosen = slice(None) if is_one else np.flatnonzero(types == link_type)
        decoder = link_decoder(link_type)
        if decoder is None:
            link.stop_layer[chosen] = Layer.LINK
            link.stop_reason[chosen] = StopReason.UNSUPPORTED
        elif is_one:
            decoder(window, link)
        else:
            part = LinkRows(**{name: getattr(link, name)[chosen] for name in LinkRows.__dataclass_fields__})
            decoder(window, part)
            for name in LinkRows.__dataclass_fields__:
                getattr(link, name)[chosen] = getattr(part, name)
    return link


def _read_ipv4_packets(window: ByteWindow, link: LinkRows, stops: Stops) -> tuple[Wrapping, Ipv4Headers]:
    """Follow IPv4 headers inwards, all packets a header a step; returns what wraps them and the innermost headers."""
    count = len(link.network)
    wrapping = Wrapping.of(count)
    is_ipv4 = (link.network == Network.IPV4) & (stops.layer == Layer.COMPLETE)
    inner = read_ipv4(window, link.network_start, link.captured_end, link.wire_end, expected=is_ipv4)
    rows = np.flatnonzero(inner.protocol == IPIP_PROTOCOL)
    depth = 0
    while len(rows):
        depth += 1
        headers = inner.select(rows)
        if depth == 1:
            wrapping.put(rows, Tunnel.IPIP, headers)
        wrapping.depth[rows] = min(depth, 255)
        reason = _why_not_inside(headers, depth)
        ends_here = reason != StopReason.NONE
        if ends_here.any():
            ended = rows[ends_here]
            is_outer_cut = (depth == 1) & (headers.stop_reason[ends_here] != StopReason.NONE)
            stops.layer[ended] = np.where(is_outer_cut, Layer.OUTER_IPV4, Layer.INNER_IPV4)
            stops.reason[ended] = reason[ends_here]
            inner.put(ended, Ipv4Headers.absent(len(ended)))
            rows, headers = rows[~ends_here], headers.select(~ends_here)
        headers = read_ipv4(window, headers.payload, link.captured_end[rows], headers.payload_end)
        inner.put(rows, headers)
        rows = rows[headers.protocol == IPIP_PROTOCOL]
    return wrapping, inner


def _why_not_inside(headers: Ipv4Headers, depth: int) -> U8:
    """Which tunnel packets show no header inside: cut, a later fragment, or nested too deep; and why."""
    reason = headers.stop_reason.copy()
    unbroken = reason == StopReason.NONE
    reason[unbroken & (headers.fragment_offset > 0)] = StopReason.FRAGMENT
    if depth >= MOST_NESTED:
        reason[unbroken] = StopReason.DEPTH
    return reason


def _read_transport(window: ByteWindow, wrapping: Wrapping, inner: Ipv4Headers, stops: Stops) -> TransportRows:
    """What the innermost packets carry; VXLAN is looked into, and the packet inside then is the inner one."""
    transport = TransportRows.of(len(inner))
    read_transport(window, transport, stops, inner, np.arange(len(inner)))
    vxlan = find_vxlan(window, inner, transport, wrapping.tunnel)
    if len(vxlan.row):
        wrapping.put(vxlan.row, Tunnel.VXLAN, inner.select(vxlan.row))
        wrapping.vni[vxlan.row] = vxlan.vni
        transport.clear(vxlan.row)
        inner.put(vxlan.row, vxlan.headers)
        is_stopped = vxlan.stop_reason != StopReason.NONE
        stopped, inside = vxlan.row[is_stopped], vxlan.row[~is_stopped]
        inner.put(stopped, Ipv4Headers.absent(len(stopped)))
        stops.put(stopped, Layer.TUNNEL, vxlan.stop_reason[is_stopped])
        read_transport(window, transport, stops, inner, inside)
    name_tunnels(window, inner, transport, stops, wrapping.tunnel)
    return transport


def _icmp_errors(window: ByteWindow, packets: Packets, payload: Positions) -> IcmpErrors:
    row = np.flatnonzero(packets.icmp_type >= 0)
    row = row[np.isin(packets.icmp_type[row], ERROR_TYPES)]
    errors, reason = read_icmp_errors(
        window,
        row,
        packets.number[row],
        packets.time_ns[row],
        payload[row] - 8,
        payload[row] + packets.payload_length[row],
        window.end[row],
    )
    stopped = reason != StopReason.NONE
    packets.stop_layer[row[stopped]] = Layer.ICMP_QUOTE
    packets.stop_reason[row[stopped]] = reason[stopped]
    return errors


def _payloads(wanted: Bool, packets: Packets, payload: Positions, captured_end: Positions) -> Segments:
    """Where the payloads of some packets lie, in the order of the frames."""
    row = np.flatnonzero(wanted)
    length = packets.payload_length[row]
    captured = np.clip(captured_end[row] - payload[row], 0, length)
    return Segments(row, payload[row], captured.astype(np.int32), length)
