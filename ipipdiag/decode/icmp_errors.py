"""ICMP errors (RFC 792) and the packets they quote, of which a tunnel packet has two headers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.ipv4 import Ipv4Headers, read_ipv4
from ipipdiag.decode.packets import IcmpErrors
from ipipdiag.decode.transport import ICMP_WITH_ID
from ipipdiag.decode.window import ByteWindow, Positions, u16, u32
from ipipdiag.kinds import StopReason
from ipipdiag.protocols import ICMP, IPIP_PROTOCOL, TCP, UDP

ERROR_TYPES = (3, 4, 5, 11, 12)
FRAGMENTATION_NEEDED = (3, 4)
REDIRECT = 5
ICMP_HEADER = 8
QUOTED_BYTES = 8  # of the transport, by RFC 792
CUT = int(StopReason.CAPTURED_LENGTH)


def read_icmp_errors(
    window: ByteWindow,
    row: npt.NDArray[np.int64],
    number: npt.NDArray[np.int64],
    time_ns: npt.NDArray[np.int64],
    start: Positions,
    message_end: Positions,
    captured_end: Positions,
) -> tuple[IcmpErrors, npt.NDArray[np.int64]]:
    """The errors whose ICMP header begins at ``start``, and for each the StopReason of its quote (NONE: read)."""
    run = window.gather(start, ICMP_HEADER)
    kind, code = run[:, 0].astype(np.int64), run[:, 1].astype(np.int64)
    first = read_ipv4(window, start + ICMP_HEADER, captured_end, message_end, quoted=True)
    is_tunnel = (first.header_length > 0) & (first.protocol == IPIP_PROTOCOL)
    second = read_ipv4(window, first.payload, captured_end, message_end, quoted=True)
    inside = second.header_length > 0
    has_inner = is_tunnel & inside & (first.fragment_offset == 0) & (first.stop_reason == StopReason.NONE)
    quoted = _choose(first, second, is_tunnel)
    absent = is_tunnel & ~has_inner
    fields = _transport_fields(window, quoted, message_end, captured_end, absent)
    is_frag_needed = (kind == FRAGMENTATION_NEEDED[0]) & (code == FRAGMENTATION_NEEDED[1])
    cut = _transport_cut(quoted, message_end, captured_end)
    reason = np.where(absent, _why_not_inside(first, second), np.where(cut, CUT, quoted.stop_reason))
    errors = IcmpErrors(
        row=row,
        number=number,
        time_ns=time_ns,
        type=kind.astype(np.uint8),
        code=code.astype(np.uint8),
        next_hop_mtu=np.where(is_frag_needed, u16(run, 6).astype(np.int32), -1),
        gateway=np.where(kind == REDIRECT, u32(run, 4), 0).astype(np.uint32),
        quoted_outer_header_length=np.where(is_tunnel, first.header_length, 0).astype(np.uint8),
        quoted_outer_source=np.where(is_tunnel, first.source, 0).astype(np.uint32),
        quoted_outer_destination=np.where(is_tunnel, first.destination, 0).astype(np.uint32),
        quoted_outer_id=np.where(is_tunnel, first.id, 0).astype(np.uint16),
        quoted_outer_ttl=np.where(is_tunnel, first.ttl, 0).astype(np.uint8),
        quoted_outer_protocol=np.where(is_tunnel, first.protocol, 0).astype(np.uint8),
        quoted_outer_total_length=np.where(is_tunnel, first.total_length, 0).astype(np.int32),
        quoted_header_length=np.where(absent, 0, quoted.header_length).astype(np.uint8),
        quoted_source=np.where(absent, 0, quoted.source).astype(np.uint32),
        quoted_destination=np.where(absent, 0, quoted.destination).astype(np.uint32),
        quoted_id=np.where(absent, 0, quoted.id).astype(np.uint16),
        quoted_ttl=np.where(absent, 0, quoted.ttl).astype(np.uint8),
        quoted_protocol=np.where(absent, 0, quoted.protocol).astype(np.uint8),
        quoted_total_length=np.where(absent, 0, quoted.total_length).astype(np.int32),
        **fields,
    )
    return errors, reason.astype(np.int64)


def _choose(first: Ipv4Headers, second: Ipv4Headers, is_tunnel: npt.NDArray[np.bool_]) -> Ipv4Headers:
    """The packet a quote is about: what the tunnel packet carries, else the quoted packet itself."""
    return Ipv4Headers(
        **{
            name: np.where(is_tunnel, getattr(second, name), getattr(first, name))
            for name in Ipv4Headers.column_names()
        }
    )


def _why_not_inside(first: Ipv4Headers, second: Ipv4Headers) -> npt.NDArray[np.int64]:
    """Why a quoted tunnel header shows no packet inside."""
    later = first.fragment_offset > 0
    inside = np.where(later, int(StopReason.FRAGMENT), second.stop_reason)
    return np.where(first.stop_reason != StopReason.NONE, first.stop_reason, inside)


def _transport_cut(quoted: Ipv4Headers, message_end: Positions, captured_end: Positions) -> npt.NDArray[np.bool_]:
    """Whether the capture cut the transport bytes that the message quotes."""
    expected = np.isin(quoted.protocol, (TCP, UDP, ICMP)) & (quoted.fragment_offset == 0)
    expected &= quoted.stop_reason == StopReason.NONE
    quoted_end = np.minimum(message_end, quoted.payload + QUOTED_BYTES)
    cut: npt.NDArray[np.bool_] = expected & (captured_end < quoted_end)
    return cut


def _transport_fields(
    window: ByteWindow,
    quoted: Ipv4Headers,
    message_end: Positions,
    captured_end: Positions,
    absent: npt.NDArray[np.bool_],
) -> dict[str, npt.NDArray[Any]]:
    """The first eight bytes behind the quoted header, as far as they are there (RFC 792 promises eight)."""
    room = np.minimum(message_end, captured_end) - quoted.payload
    room[absent | (quoted.header_length == 0) | (quoted.fragment_offset > 0)] = 0
    room[quoted.stop_reason != StopReason.NONE] = 0
    run = window.gather(quoted.payload, 8)
    is_tcp, is_icmp = quoted.protocol == TCP, quoted.protocol == ICMP
    has_ports = (is_tcp | (quoted.protocol == UDP)) & (room >= 4)
    has_id = is_icmp & (room >= 8) & np.isin(run[:, 0], ICMP_WITH_ID)
    return {
        "quoted_source_port": np.where(has_ports, u16(run, 0).astype(np.int32), -1),
        "quoted_destination_port": np.where(has_ports, u16(run, 2).astype(np.int32), -1),
        "quoted_tcp_sequence": np.where(is_tcp & (room >= 8), u32(run, 4).astype(np.int64), -1),
        "quoted_icmp_type": np.where(is_icmp & (room >= 1), run[:, 0].astype(np.int16), -1),
        "quoted_icmp_id": np.where(has_id, u16(run, 4).astype(np.int32), -1),
        "quoted_icmp_sequence": np.where(has_id, u16(run, 6).astype(np.int32), -1),
    }
