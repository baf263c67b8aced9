"""TCP (RFC 9293), UDP (RFC 768), SCTP ports (RFC 9260) and ICMP headers (RFC 792) of the inner packet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.checksum import ALL_ONES, fold, word_sum
from ipipdiag.decode.columns import ABSENT, I16, I32, U8, U16, U32, Bool, Columns, Stops, blank
from ipipdiag.decode.ipv4 import Ipv4Headers
from ipipdiag.decode.tcp_options import MOST, TcpOptions, read_tcp_options
from ipipdiag.decode.window import ByteWindow, Positions, U8Matrix, u16, u32
from ipipdiag.kinds import Checksum, Layer, StopReason
from ipipdiag.protocols import DNS_PORT, ICMP, SCTP, TCP, UDP

FIXED = {ICMP: 8, TCP: 20, UDP: 8, SCTP: 12}
PORTS = 4
DNS_ID = 2  # bytes
BEHIND = {TCP: MOST, UDP: DNS_ID}  # bytes behind the fixed header that are looked at
ICMP_WITH_ID = (0, 8, 13, 14, 15, 16, 17, 18)  # echo, timestamp, information, address mask


@dataclass(slots=True)
class TransportRows:
    """Columns of the packet table that the transport layer fills; ``payload`` is where the transport's begins."""

    has_transport: Bool
    source_port: I32
    destination_port: I32
    payload_length: I32
    transport_checksum: U16
    checksum_partial: Bool
    tcp_checksum: U8
    tcp_sequence: U32
    tcp_acknowledgement: U32
    tcp_header_length: U8
    tcp_flags: U16
    tcp_window: I32
    icmp_type: I16
    icmp_code: I16
    icmp_id: I32
    icmp_sequence: I32
    dns_id: I32
    payload: Positions
    options: TcpOptions

    @classmethod
    def of(cls, count: int) -> TransportRows:
        """Rows without a transport header."""
        return cls(**blank(cls, count), options=TcpOptions.of(count))

    def columns(self) -> Columns:
        """The columns by name, as the packet table has them."""
        own = {column.name: getattr(self, column.name) for column in fields(self)[:-2]}
        return own | {column.name: getattr(self.options, column.name) for column in fields(self.options)[:-1]}

    def clear(self, rows: npt.NDArray[np.intp]) -> None:
        """Take back what was read of some rows."""
        for part in (self, self.options):
            for column in fields(part):
                if column.name != "options":
                    getattr(part, column.name)[rows] = ABSENT.get(column.name, 0)


@dataclass(frozen=True, slots=True)
class _Headers:
    """The transport headers of one protocol: the rows they belong to, their first bytes, and where things end."""

    row: npt.NDArray[np.intp]
    run: U8Matrix
    start: Positions
    packet_end: Positions
    captured_end: Positions


def read_transport(
    window: ByteWindow,
    rows: TransportRows,
    stops: Stops,
    headers: Ipv4Headers,
    chosen: npt.NDArray[np.intp],
) -> None:
    """Read the transport headers behind the IPv4 headers of some rows; every one that cannot be read says why."""
    broken = chosen[headers.stop_reason[chosen] != StopReason.NONE]
    stops.put(broken, Layer.INNER_IPV4, headers.stop_reason[broken])
    chosen = chosen[(headers.header_length[chosen] > 0) & (headers.stop_reason[chosen] == StopReason.NONE)]
    is_later = headers.fragment_offset[chosen] > 0
    stops.put(chosen[is_later], Layer.TRANSPORT, StopReason.FRAGMENT)
    chosen = chosen[~is_later]
    carried = headers.protocol[chosen]
    is_known = np.zeros(len(chosen), dtype=np.bool_)
    for protocol, read in _READERS.items():
        is_known |= (is_this := carried == protocol)
        some = chosen[np.flatnonzero(is_this)]
        if len(some):
            found = _whole(window, rows, stops, headers, some, protocol)
            read(window, rows, stops, headers, found)
    stops.put(chosen[~is_known], Layer.TRANSPORT, StopReason.UNSUPPORTED)


def _whole(
    window: ByteWindow,
    rows: TransportRows,
    stops: Stops,
    headers: Ipv4Headers,
    chosen: npt.NDArray[np.intp],
    protocol: int,
) -> _Headers:
    """The headers whose fixed part is there; the rows of the others are stopped, with their ports as far as there."""
    size = FIXED[protocol]
    start, packet_end, captured_end = headers.payload[chosen], headers.payload_end[chosen], window.end[chosen]
    is_whole = (packet_end - start >= size) & (captured_end - start >= size)
    if not is_whole.all():
        rest = np.flatnonzero(~is_whole)
        by_length, captured = (packet_end - start)[rest], (captured_end - start)[rest]
        reason = np.where(by_length < size, StopReason.TOTAL_LENGTH, StopReason.CAPTURED_LENGTH)
        stops.put(chosen[rest], Layer.TRANSPORT, reason.astype(np.uint8))
        rest = rest[np.minimum(by_length, captured) >= PORTS]
        _read_ports(rows, chosen[rest], window.gather(start[rest], PORTS), protocol)
        kept = np.flatnonzero(is_whole)
        chosen, start, packet_end, captured_end = chosen[kept], start[kept], packet_end[kept], captured_end[kept]
    run = window.gather(start, size + BEHIND.get(protocol, 0))
    _read_ports(rows, chosen, run, protocol)
    rows.has_transport[chosen] = True
    rows.payload[chosen] = start + size
    rows.payload_length[chosen] = (packet_end - start - size).astype(np.int32)
    return _Headers(chosen, run, start, packet_end, captured_end)


def _read_ports(rows: TransportRows, row: npt.NDArray[np.intp], run: U8Matrix, protocol: int) -> None:
    if protocol != ICMP:
        rows.source_port[row] = u16(run, 0).astype(np.int32)
        rows.destination_port[row] = u16(run, 2).astype(np.int32)


def _read_tcp(window: ByteWindow, rows: TransportRows, stops: Stops, headers: Ipv4Headers, found: _Headers) -> None:
    row, run = found.row, found.run
    header_length = ((run[:, 12] >> 4) * 4).astype(np.uint8)
    rows.tcp_sequence[row] = u32(run, 4)
    rows.tcp_acknowledgement[row] = u32(run, 8)
    rows.tcp_header_length[row] = header_length
    rows.tcp_flags[row] = u16(run, 12) & 0x0FFF
    rows.tcp_window[row] = u16(run, 14).astype(np.int32)
    rows.transport_checksum[row] = u16(run, 16)
    pseudo = _pseudo_sum(headers, found, TCP)
    rows.checksum_partial[row] = _is_left_open(headers, found, pseudo, u16(run, 16))
    is_bogus = header_length < FIXED[TCP]
    stops.put(row[is_bogus], Layer.TRANSPORT, StopReason.HEADER_LENGTH)
    payload = found.start + np.maximum(header_length, FIXED[TCP])
    length = found.packet_end - payload
    length[is_bogus | (length < 0)] = -1
    rows.payload[row] = payload
    rows.payload_length[row] = length.astype(np.int32)
    is_empty = (length == 0) & (found.captured_end >= payload) & ~headers.more_fragments[row]
    _check_tcp(window, rows, found, np.flatnonzero(is_empty), header_length, pseudo)
    options = found.start + FIXED[TCP]
    ends = payload - options, found.packet_end - options, found.captured_end - options
    read_tcp_options(rows.options, row, run[:, FIXED[TCP] :], *ends)
    stopped = row[rows.options.stop_reason[row] != StopReason.NONE]
    stops.put(stopped, Layer.TCP_OPTIONS, rows.options.stop_reason[stopped])


def _read_udp(window: ByteWindow, rows: TransportRows, stops: Stops, headers: Ipv4Headers, found: _Headers) -> None:
    row, run = found.row, found.run
    rows.transport_checksum[row] = u16(run, 6)
    rows.checksum_partial[row] = _is_left_open(headers, found, _pseudo_sum(headers, found, UDP), u16(run, 6))
    payload = found.start + FIXED[UDP]
    is_dns = (rows.source_port[row] == DNS_PORT) | (rows.destination_port[row] == DNS_PORT)
    is_dns &= (found.packet_end - payload >= DNS_ID) & (found.captured_end - payload >= DNS_ID)
    rows.dns_id[row[is_dns]] = u16(run, FIXED[UDP])[is_dns]


def _read_icmp(window: ByteWindow, rows: TransportRows, stops: Stops, headers: Ipv4Headers, found: _Headers) -> None:
    row, run = found.row, found.run
    rows.icmp_type[row] = run[:, 0]
    rows.icmp_code[row] = run[:, 1]
    rows.transport_checksum[row] = u16(run, 2)
    has_id = np.isin(run[:, 0], ICMP_WITH_ID)
    rows.icmp_id[row[has_id]] = u16(run, 4)[has_id]
    rows.icmp_sequence[row[has_id]] = u16(run, 6)[has_id]


def _read_sctp(window: ByteWindow, rows: TransportRows, stops: Stops, headers: Ipv4Headers, found: _Headers) -> None:
    """The ports are all that is read of SCTP; its checksum is 32 bits and not kept."""


_READERS: dict[int, Callable[[ByteWindow, TransportRows, Stops, Ipv4Headers, _Headers], None]] = {
    TCP: _read_tcp, UDP: _read_udp, ICMP: _read_icmp, SCTP: _read_sctp
}  # fmt: skip


def _check_tcp(
    window: ByteWindow,
    rows: TransportRows,
    found: _Headers,
    chosen: npt.NDArray[np.intp],
    header_length: U8,
    pseudo: npt.NDArray[np.uint64],
) -> None:
    """The checksum of segments that are nothing but header: no other can be verified without all of its bytes, and
    what has payload may have been merged by the receiving kernel, which leaves the checksum open again.
    """
    lengths = header_length[chosen]
    for length in np.unique(lengths).tolist():
        some = chosen[np.flatnonzero(lengths == length)]
        row = found.row[some]
        total = fold(word_sum(window.gather(found.start[some], length)) + pseudo[some])
        wrong = np.where(rows.checksum_partial[row], Checksum.LEFT_OPEN, Checksum.WRONG)
        rows.tcp_checksum[row] = np.where(total == ALL_ONES, Checksum.RIGHT, wrong)


def _is_left_open(headers: Ipv4Headers, found: _Headers, pseudo: npt.NDArray[np.uint64], checksum: U16) -> Bool:
    """Whether the checksum field holds the sum of the pseudo-header alone, not complemented.

    That is what Linux leaves there for the NIC to complete (CHECKSUM_PARTIAL); of a super-packet the length is the
    whole one's. Fragments are not judged.
    """
    is_pseudo_sum: Bool = fold(pseudo) == checksum
    return is_pseudo_sum & ~headers.more_fragments[found.row]


def _pseudo_sum(headers: Ipv4Headers, found: _Headers, protocol: int) -> npt.NDArray[np.uint64]:
    """The sum of the words of the pseudo-header (RFC 9293, 3.1), not folded."""
    total = headers.source[found.row].astype(np.uint64)
    total += headers.destination[found.row]
    total += (found.packet_end - found.start + protocol).view(np.uint64)
    return total
