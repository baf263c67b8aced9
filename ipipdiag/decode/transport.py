"""TCP (RFC 9293), UDP (RFC 768), SCTP ports (RFC 9260) and ICMP headers (RFC 792) of the inner packet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.ipv4 import Ipv4Headers, fold
from ipipdiag.decode.tcp_options import TcpOptions, read_tcp_options
from ipipdiag.decode.window import ByteWindow, Positions, u16, u32, words
from ipipdiag.kinds import Checksum, Layer, StopReason
from ipipdiag.protocols import DNS_PORT, ICMP, SCTP, TCP, UDP

FIXED = {ICMP: 8, TCP: 20, UDP: 8, SCTP: 12}
PORTS = 4
DNS_ID = 2  # bytes
ICMP_WITH_ID = (0, 8, 13, 14, 15, 16, 17, 18)  # echo, timestamp, information, address mask


@dataclass(slots=True)
class TransportRows:
    """Columns of the packet table that the transport layer fills, a row an inner packet."""

    has_transport: npt.NDArray[np.bool_]
    source_port: npt.NDArray[np.int64]
    destination_port: npt.NDArray[np.int64]
    payload_length: npt.NDArray[np.int64]
    transport_checksum: npt.NDArray[np.int64]
    checksum_partial: npt.NDArray[np.bool_]
    tcp_checksum: npt.NDArray[np.int64]
    tcp_sequence: npt.NDArray[np.int64]
    tcp_acknowledgement: npt.NDArray[np.int64]
    tcp_header_length: npt.NDArray[np.int64]
    tcp_flags: npt.NDArray[np.int64]
    tcp_window: npt.NDArray[np.int64]
    options: TcpOptions
    icmp_type: npt.NDArray[np.int64]
    icmp_code: npt.NDArray[np.int64]
    icmp_id: npt.NDArray[np.int64]
    icmp_sequence: npt.NDArray[np.int64]
    dns_id: npt.NDArray[np.int64]
    payload: Positions
    stop_layer: npt.NDArray[np.int64]
    stop_reason: npt.NDArray[np.int64]

    @classmethod
    def of(cls, count: int) -> TransportRows:
        """Rows without a transport header."""

        def filled(value: int) -> npt.NDArray[np.int64]:
            return np.full(count, value, dtype=np.int64)

        def no() -> npt.NDArray[np.bool_]:
            return np.zeros(count, dtype=np.bool_)

        absent = [
            "source_port",
            "destination_port",
            "payload_length",
            "tcp_window",
            "icmp_type",
            "icmp_code",
            "icmp_id",
            "icmp_sequence",
            "dns_id",
        ]
        zero = [
            "transport_checksum",
            "tcp_checksum",
            "tcp_sequence",
            "tcp_acknowledgement",
            "tcp_header_length",
            "tcp_flags",
            "payload",
            "stop_layer",
            "stop_reason",
        ]
        return cls(
            has_transport=no(),
            checksum_partial=no(),
            options=TcpOptions.of(count),
            **{name: filled(-1) for name in absent},
            **{name: filled(0) for name in zero},
        )


def read_transport(window: ByteWindow, headers: Ipv4Headers, captured_end: Positions) -> TransportRows:
    """The transport headers of IPv4 packets; every row whose header cannot be read says why."""
    rows = TransportRows.of(len(headers))
    rows.stop_reason[:] = headers.stop_reason
    rows.stop_layer[headers.stop_reason != StopReason.NONE] = Layer.INNER_IPV4
    open_rows = headers.stop_reason == StopReason.NONE
    later = open_rows & (headers.fragment_offset > 0)
    _stop(rows, later, StopReason.FRAGMENT)
    open_rows &= ~later
    known = np.isin(headers.protocol, list(FIXED))
    _stop(rows, open_rows & ~known, StopReason.UNSUPPORTED)
    for protocol, read in ((TCP, _read_tcp), (UDP, _read_udp), (ICMP, _read_icmp), (SCTP, _read_sctp)):
        chosen = np.flatnonzero(open_rows & (headers.protocol == protocol))
        if len(chosen) == 0:
            continue
        chosen = _require(window, rows, headers, captured_end, chosen, FIXED[protocol], with_ports=protocol != ICMP)
        read(window, rows, headers, captured_end, chosen)
    return rows


def _stop(rows: TransportRows, which: npt.NDArray[np.bool_], reason: StopReason) -> None:
    rows.stop_layer[which] = Layer.TRANSPORT
    rows.stop_reason[which] = reason


def _require(
    window: ByteWindow,
    rows: TransportRows,
    headers: Ipv4Headers,
    captured_end: Positions,
    chosen: npt.NDArray[np.intp],
    size: int,
    *,
    with_ports: bool,
) -> npt.NDArray[np.intp]:
    """The rows with a whole fixed header; of the others the ports, where those are there, and why they stop."""
    payload = headers.payload[chosen]
    by_length = headers.payload_end[chosen] - payload
    captured = captured_end[chosen] - payload
    if with_ports:
        has_ports = chosen[(np.minimum(by_length, captured) >= PORTS)]
        run = window.gather(headers.payload[has_ports], PORTS)
        rows.source_port[has_ports] = u16(run, 0)
        rows.destination_port[has_ports] = u16(run, 2)
    short = by_length < size
    cut = ~short & (captured < size)
    rows.stop_layer[chosen[short | cut]] = Layer.TRANSPORT
    rows.stop_reason[chosen[short]] = StopReason.TOTAL_LENGTH
    rows.stop_reason[chosen[cut]] = StopReason.CAPTURED_LENGTH
    whole = chosen[~short & ~cut]
    rows.has_transport[whole] = True
    rows.payload[whole] = headers.payload[whole] + size
    rows.payload_length[whole] = headers.payload_end[whole] - rows.payload[whole]
    return whole


def _read_tcp(
    window: ByteWindow,
    rows: TransportRows,
    headers: Ipv4Headers,
    captured_end: Positions,
    chosen: npt.NDArray[np.intp],
) -> None:
    payload = headers.payload[chosen]
    run = window.gather(payload, FIXED[TCP])
    header_length = (run[:, 12] >> 4).astype(np.int64) * 4
    rows.tcp_sequence[chosen] = u32(run, 4)
    rows.tcp_acknowledgement[chosen] = u32(run, 8)
    rows.tcp_flags[chosen] = u16(run, 12) & 0x0FFF
    rows.tcp_window[chosen] = u16(run, 14)
    rows.transport_checksum[chosen] = u16(run, 16)
    bogus = header_length < FIXED[TCP]
    rows.stop_layer[chosen[bogus]] = Layer.TRANSPORT
    rows.stop_reason[chosen[bogus]] = StopReason.HEADER_LENGTH
    rows.payload_length[chosen[bogus]] = -1
    rows.tcp_header_length[chosen] = header_length
    whole = chosen[~bogus]
    rows.payload[whole] = headers.payload[whole] + rows.tcp_header_length[whole]
    length = headers.payload_end[whole] - rows.payload[whole]
    rows.payload_length[whole] = np.where(length < 0, -1, length)
    rows.checksum_partial[chosen] = _is_pseudo_sum(headers, chosen, rows)
    empty = (rows.payload_length[whole] == 0) & (captured_end[whole] >= rows.payload[whole])
    _check_tcp(window, rows, headers, whole[empty & ~headers.more_fragments[whole]])
    read_tcp_options(window, rows.options, headers.payload, rows.payload, headers.payload_end, captured_end, whole)
    stopped = rows.options.stop_reason != StopReason.NONE
    rows.stop_layer[stopped] = Layer.TCP_OPTIONS
    rows.stop_reason[stopped] = rows.options.stop_reason[stopped]


def _read_udp(
    window: ByteWindow,
    rows: TransportRows,
    headers: Ipv4Headers,
    captured_end: Positions,
    chosen: npt.NDArray[np.intp],
) -> None:
    run = window.gather(headers.payload[chosen], FIXED[UDP])
    rows.transport_checksum[chosen] = u16(run, 6)
    rows.checksum_partial[chosen] = _is_pseudo_sum(headers, chosen, rows)
    is_dns = (rows.source_port[chosen] == DNS_PORT) | (rows.destination_port[chosen] == DNS_PORT)
    start = rows.payload[chosen]
    is_dns &= (rows.payload_length[chosen] >= DNS_ID) & (captured_end[chosen] - start >= DNS_ID)
    rows.dns_id[chosen[is_dns]] = u16(window.gather(start[is_dns], DNS_ID), 0)


def _read_icmp(
    window: ByteWindow,
    rows: TransportRows,
    headers: Ipv4Headers,
    captured_end: Positions,
    chosen: npt.NDArray[np.intp],
) -> None:
    run = window.gather(headers.payload[chosen], FIXED[ICMP])
    rows.icmp_type[chosen] = run[:, 0]
    rows.icmp_code[chosen] = run[:, 1]
    rows.transport_checksum[chosen] = u16(run, 2)
    has_id = np.isin(run[:, 0], ICMP_WITH_ID)
    rows.icmp_id[chosen[has_id]] = u16(run, 4)[has_id]
    rows.icmp_sequence[chosen[has_id]] = u16(run, 6)[has_id]


def _read_sctp(
    window: ByteWindow,
    rows: TransportRows,
    headers: Ipv4Headers,
    captured_end: Positions,
    chosen: npt.NDArray[np.intp],
) -> None:
    """The ports are all that is read of SCTP; its checksum is 32 bits and not kept."""


def _check_tcp(window: ByteWindow, rows: TransportRows, headers: Ipv4Headers, chosen: npt.NDArray[np.intp]) -> None:
    """The checksum of segments that are nothing but header: no other can be verified without all of its bytes, and
    what has payload may have been merged by the receiving kernel, which leaves the checksum open again.
    """
    lengths = rows.tcp_header_length[chosen]
    for length in np.unique(lengths).tolist():
        some = chosen[lengths == length]
        pseudo = _pseudo_sum(headers, some)
        total = fold((words(window.gather(headers.payload[some], length)).sum(axis=1) + pseudo).astype(np.uint32))
        rows.tcp_checksum[some] = np.where(
            total == 0xFFFF,
            int(Checksum.RIGHT),
            np.where(rows.checksum_partial[some], int(Checksum.LEFT_OPEN), int(Checksum.WRONG)),
        )


def _is_pseudo_sum(headers: Ipv4Headers, chosen: npt.NDArray[np.intp], rows: TransportRows) -> npt.NDArray[np.bool_]:
    """Whether the checksum field holds the sum of the pseudo-header alone, not complemented.

    That is what Linux leaves there for the NIC to complete (CHECKSUM_PARTIAL); of a super-packet the length is the
    whole one's. Fragments are not judged.
    """
    whole = ~headers.more_fragments[chosen]
    total = _pseudo_sum(headers, chosen).astype(np.uint32)
    equal: npt.NDArray[np.bool_] = fold(total) == rows.transport_checksum[chosen]
    return equal & whole


def _pseudo_sum(headers: Ipv4Headers, chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """The sum of the words of the pseudo-header (RFC 9293, 3.1), not folded."""
    source, destination = headers.source[chosen], headers.destination[chosen]
    length = headers.payload_end[chosen] - headers.payload[chosen]
    total: npt.NDArray[np.int64] = (source >> 16) + (source & 0xFFFF) + (destination >> 16) + (destination & 0xFFFF)
    total += headers.protocol[chosen] + (length >> 16) + (length & 0xFFFF)
    return total
