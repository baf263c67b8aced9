"""A batch of frames decoded, layer by layer, into the packet table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ipipdiag.capture.model import FrameBatch, Interface
from ipipdiag.decode.arp import read_arp
from ipipdiag.decode.icmp_errors import ERROR_TYPES, read_icmp_errors
from ipipdiag.decode.ipv4 import FIELDS, Ipv4Headers, read_ipv4
from ipipdiag.decode.link import link_decoder
from ipipdiag.decode.link.model import LinkRows
from ipipdiag.decode.packets import Decoded, Packets, Segments
from ipipdiag.decode.tcp_options import TcpOptions
from ipipdiag.decode.transport import TransportRows, read_transport
from ipipdiag.decode.tunnels import MOST_NESTED, find_vxlan, name_tunnels
from ipipdiag.decode.window import ByteWindow, Positions
from ipipdiag.kinds import Layer, Network, StopReason, Tunnel
from ipipdiag.protocols import BGP_PORT, IPIP_PROTOCOL

INT32_MAX = (1 << 31) - 1
Columns = dict[str, npt.NDArray[Any]]

_DTYPES: dict[str, str] = {
    "Bool": "bool", "U8": "uint8", "U16": "uint16", "U32": "uint32", "I16": "int16", "I32": "int32", "I64": "int64"
}  # fmt: skip
COLUMN_TYPES = {column.name: np.dtype(_DTYPES[str(column.type)]) for column in fields(Packets)}
OPTION_COLUMNS = [name for name in TcpOptions.__dataclass_fields__ if name.startswith("tcp_")]
ABSENT = dict.fromkeys(
    [
        "source_port",
        "destination_port",
        "payload_length",
        "tcp_window",
        "tcp_mss",
        "tcp_window_scale",
        "tcp_timestamp",
        "tcp_timestamp_echo",
        "icmp_type",
        "icmp_code",
        "icmp_id",
        "icmp_sequence",
        "dns_id",
        "vni",
    ],
    -1,
)


def decode(batch: FrameBatch, interfaces: Sequence[Interface]) -> Decoded:
    """Every frame of the batch as a row of the packet table, with the tables of the rare kinds beside it."""
    frames = batch.frames
    count = len(frames)
    captured_end = frames.offset + frames.captured_length
    wire_end = frames.offset + np.maximum(frames.wire_length, frames.captured_length)
    window = ByteWindow(batch.buffer, captured_end)
    link = _read_links(window, batch, interfaces, captured_end, wire_end)
    columns: Columns = {name: np.full(count, ABSENT.get(name, 0), dtype=dtype) for name, dtype in COLUMN_TYPES.items()}
    columns["number"], columns["time_ns"] = frames.number, frames.time_ns
    columns["captured_length"] = frames.captured_length.astype(np.int32)
    columns["wire_length"] = np.minimum(frames.wire_length, INT32_MAX).astype(np.int32)
    columns["interface"] = frames.interface
    is_arp = np.flatnonzero((link.network == Network.ARP) & (link.stop_layer == Layer.COMPLETE))
    arp_messages = read_arp(window, link, is_arp, frames.number, frames.time_ns)
    other = (link.stop_layer == Layer.COMPLETE) & np.isin(link.network, (Network.IPV6, Network.OTHER))
    link.stop_layer[other] = Layer.NETWORK
    link.stop_reason[other] = StopReason.UNSUPPORTED
    for name in LinkRows.__dataclass_fields__:
        if name in columns:
            columns[name][:] = getattr(link, name)
    rows = np.flatnonzero((link.network == Network.IPV4) & (link.stop_layer == Layer.COMPLETE))
    transport, inner_rows = _read_ipv4_packets(window, columns, rows, link)
    packets = Packets(**columns)
    icmp_errors = _icmp_errors(window, packets, transport, inner_rows, captured_end)
    at_bgp = (transport.source_port == BGP_PORT) | (transport.destination_port == BGP_PORT)
    at_bgp &= (transport.tcp_header_length > 0) & (transport.payload_length > 0)
    return Decoded(
        packets,
        arp_messages,
        icmp_errors,
        bgp_segments=_payloads(at_bgp, transport, inner_rows, captured_end),
        dns_segments=_payloads(transport.dns_id >= 0, transport, inner_rows, captured_end),
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
    types = np.array([interface.link_type for interface in interfaces], dtype=np.int64)[frames.interface]
    distinct = np.unique(types)
    for link_type in distinct.tolist():
        chosen = types == link_type
        decoder = link_decoder(link_type)
        if decoder is None:
            link.stop_layer[chosen] = Layer.LINK
            link.stop_reason[chosen] = StopReason.UNSUPPORTED
        elif len(distinct) == 1:
            decoder(window, link)
        else:
            part = LinkRows(**{name: getattr(link, name)[chosen] for name in LinkRows.__dataclass_fields__})
            decoder(window, part)
            for name in LinkRows.__dataclass_fields__:
                getattr(link, name)[chosen] = getattr(part, name)
    return link


def _store(columns: Columns, side: str, rows: npt.NDArray[np.intp], headers: Ipv4Headers) -> None:
    for name in FIELDS:
        columns[f"{side}_{name}"][rows] = getattr(headers, name)


def _read_ipv4_packets(
    window: ByteWindow, columns: Columns, rows: npt.NDArray[np.intp], link: LinkRows
) -> tuple[TransportRows, npt.NDArray[np.intp]]:
    """Follow IPv4 headers inwards; returns the transport of the innermost packets and the rows that have one."""
    headers = read_ipv4(window, link.network_start[rows], link.captured_end[rows], link.wire_end[rows])
    found: list[tuple[npt.NDArray[np.intp], Ipv4Headers]] = []
    depth = 0
    while len(rows):
        wraps = (headers.protocol == IPIP_PROTOCOL) & (headers.header_length > 0)
        found.append((rows[~wraps], headers.select(~wraps)))
        rows, headers = rows[wraps], headers.select(wraps)
        if depth == 0:
            _store(columns, "outer", rows, headers)
            columns["tunnel"][rows] = Tunnel.IPIP
        columns["depth"][rows] = min(depth + 1, 255)
        ends_here, reason = _why_not_inside(headers, depth)
        columns["stop_layer"][rows[ends_here]] = Layer.INNER_IPV4 if depth else Layer.OUTER_IPV4
        columns["stop_layer"][rows[ends_here & (headers.stop_reason == StopReason.NONE)]] = Layer.INNER_IPV4
        columns["stop_reason"][rows[ends_here]] = reason[ends_here]
        rows, headers = rows[~ends_here], headers.select(~ends_here)
        headers = read_ipv4(window, headers.payload, link.captured_end[rows], headers.payload_end)
        depth += 1
    inner_rows = np.concatenate([rows for rows, _ in found]) if found else rows
    inner = Ipv4Headers.concatenate([part for _, part in found]) if found else headers
    return _finish_inner(window, columns, inner_rows, inner, link)


def _why_not_inside(headers: Ipv4Headers, depth: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Which tunnel packets show no header inside: cut, a later fragment, or nested too deep; and why."""
    reason = headers.stop_reason.copy()
    unbroken = reason == StopReason.NONE
    reason[unbroken & (headers.fragment_offset > 0)] = StopReason.FRAGMENT
    if depth + 1 >= MOST_NESTED:
        reason[unbroken] = StopReason.DEPTH
    return reason != StopReason.NONE, reason


def _finish_inner(
    window: ByteWindow,
    columns: Columns,
    rows: npt.NDArray[np.intp],
    inner: Ipv4Headers,
    link: LinkRows,
) -> tuple[TransportRows, npt.NDArray[np.intp]]:
    """Look into VXLAN, then store the innermost headers and what they carry."""
    transport = read_transport(window, inner, link.captured_end[rows])
    vxlan = find_vxlan(window, inner, transport, link.captured_end[rows], bare=columns["tunnel"][rows] == Tunnel.NONE)
    if len(vxlan.row):
        outer_rows = rows[vxlan.row]
        _store(columns, "outer", outer_rows, inner.select(vxlan.row))
        columns["tunnel"][outer_rows] = Tunnel.VXLAN
        columns["vni"][outer_rows] = vxlan.vni
        is_vxlan = np.zeros(len(rows), dtype=np.bool_)
        is_vxlan[vxlan.row] = True
        stopped = vxlan.stop_reason != StopReason.NONE
        columns["stop_layer"][outer_rows[stopped]] = Layer.TUNNEL
        columns["stop_reason"][outer_rows[stopped]] = vxlan.stop_reason[stopped]
        inside = outer_rows[~stopped]
        rows = np.concatenate([rows[~is_vxlan], inside])
        inner = Ipv4Headers.concatenate([inner.select(~is_vxlan), vxlan.headers.select(~stopped)])
        transport = read_transport(window, inner, link.captured_end[rows])
    _store(columns, "inner", rows, inner)
    _store_transport(columns, rows, transport, inner)
    name_tunnels(window, columns, rows, inner, transport)
    return transport, rows


def _store_transport(
    columns: Columns, rows: npt.NDArray[np.intp], transport: TransportRows, inner: Ipv4Headers
) -> None:
    for name in TransportRows.__dataclass_fields__:
        if name in columns:
            columns[name][rows] = getattr(transport, name)
    for name in OPTION_COLUMNS:
        columns[name][rows] = getattr(transport.options, name)
    bare = (columns["tunnel"][rows] == Tunnel.NONE) & (transport.stop_layer == Layer.INNER_IPV4)
    columns["stop_layer"][rows[bare]] = Layer.INNER_IPV4


def _icmp_errors(
    window: ByteWindow,
    packets: Packets,
    transport: TransportRows,
    rows: npt.NDArray[np.intp],
    captured_end: Positions,
) -> Any:
    chosen = np.flatnonzero(transport.has_transport & np.isin(transport.icmp_type, ERROR_TYPES))
    chosen = chosen[np.argsort(rows[chosen])]
    row = rows[chosen]
    payload = transport.payload[chosen]
    errors, reason = read_icmp_errors(
        window,
        row.astype(np.int64),
        packets.number[row],
        packets.time_ns[row],
        payload - 8,
        payload + transport.payload_length[chosen],
        captured_end[row],
    )
    stopped = reason != StopReason.NONE
    packets.stop_layer[row[stopped]] = Layer.ICMP_QUOTE
    packets.stop_reason[row[stopped]] = reason[stopped]
    return errors


def _payloads(
    wanted: npt.NDArray[np.bool_],
    transport: TransportRows,
    rows: npt.NDArray[np.intp],
    captured_end: Positions,
) -> Segments:
    """Where the payloads of some packets lie, in the order of the frames."""
    chosen = np.flatnonzero(wanted)
    chosen = chosen[np.argsort(rows[chosen])]
    row, payload, length = rows[chosen], transport.payload[chosen], transport.payload_length[chosen]
    captured = np.clip(captured_end[row] - payload, 0, length)
    return Segments(row.astype(np.int64), payload, captured.astype(np.int32), length.astype(np.int32))
