"""A fold over one point's TCP/179 segments: streams put together in order, and the messages in them.

Each byte of a stream counts once: retransmissions and overlaps are passed over, segments out of order wait for what is
missing. Where bytes are lost to the capture, reading goes on at the next plausible message. State is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.bgp import (
    HEADER,
    MARKER,
    Capability,
    find_message,
    is_plausible,
    read_open,
    read_update,
)
from ipipdiag.decode.packets import Decoded, Packets
from ipipdiag.facts.messages import MESSAGE_LIMIT
from ipipdiag.kinds import BgpMessage, Tunnel
from ipipdiag.protocols import BGP_PORT, FIN, RST, SYN
from ipipdiag.table import Table

STREAM_LIMIT = 4_096  # directed connections of one point
WAITING_SEGMENTS = 3  # out of order; then what is missing is taken for lost to the capture
WAITING_NS = 5_000_000_000
_CONTROL = FIN | SYN | RST
_HALF = 1 << 31
_MODULUS = 1 << 32

TableT = TypeVar("TableT", bound=Table)
Address = tuple[int, int, int, int]  # source, destination, source port, destination port


class BgpMessages(Table):
    """A row a message, in the order in which they end; ``number`` is the frame in which it ends.

    ``as_number``, ``hold_time`` (seconds), ``identifier`` and ``capabilities`` are of OPEN, ``code`` and ``subcode`` of
    NOTIFICATION, ``announced`` and ``withdrawn`` count prefixes of UPDATE; -1 elsewhere.
    """

    number: npt.NDArray[np.int64]
    time_ns: npt.NDArray[np.int64]
    speaker: npt.NDArray[np.int64]
    peer: npt.NDArray[np.int64]
    speaker_port: npt.NDArray[np.int64]
    peer_port: npt.NDArray[np.int64]
    type: npt.NDArray[np.int64]  # BgpMessage
    as_number: npt.NDArray[np.int64]
    hold_time: npt.NDArray[np.int64]
    identifier: npt.NDArray[np.int64]
    capabilities: npt.NDArray[np.int64]  # Capability
    code: npt.NDArray[np.int64]
    subcode: npt.NDArray[np.int64]
    announced: npt.NDArray[np.int64]
    withdrawn: npt.NDArray[np.int64]


class BgpRoutes(Table):
    """Prefixes that UPDATE messages announce or withdraw; a row a prefix."""

    number: npt.NDArray[np.int64]
    time_ns: npt.NDArray[np.int64]
    speaker: npt.NDArray[np.int64]  # IP source of the segment
    peer: npt.NDArray[np.int64]
    prefix: npt.NDArray[np.int64]
    prefix_length: npt.NDArray[np.int64]
    path_id: npt.NDArray[np.int64]  # -1: without ADD-PATH
    next_hop: npt.NDArray[np.int64]  # 0 for withdrawn prefixes
    withdrawn: npt.NDArray[np.int64]
    local_preference: npt.NDArray[np.int64]  # -1: absent
    originator: npt.NDArray[np.int64]  # ORIGINATOR_ID, which a route reflector adds; 0 without
    cluster: npt.NDArray[np.int64]  # first entry of CLUSTER_LIST; 0 without


class BgpControls(Table):
    """TCP segments of port 179 that open or end a connection: a row a segment with SYN, FIN or RST."""

    number: npt.NDArray[np.int64]
    time_ns: npt.NDArray[np.int64]
    source: npt.NDArray[np.int64]
    destination: npt.NDArray[np.int64]
    source_port: npt.NDArray[np.int64]
    destination_port: npt.NDArray[np.int64]
    flags: npt.NDArray[np.int64]  # as tcp.flags
    has_md5: npt.NDArray[np.int64]  # TCP option 19


@dataclass(frozen=True, slots=True)
class Bgp:
    """All that one point shows of BGP; ``left_out`` counts segments and messages that found no room."""

    messages: BgpMessages
    routes: BgpRoutes
    controls: BgpControls
    left_out: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A segment that came before one it follows; ``length`` as the headers state."""

    data: bytes
    length: int
    time_ns: int
    number: int


@dataclass(slots=True)
class _Stream:
    """One direction of a connection: the sequence number that comes next, and the bytes of the message begun."""

    next: int | None = None
    buffer: bytearray = field(default_factory=bytearray)
    is_aligned: bool = False  # the buffer begins with a message
    waiting: dict[int, _Waiting] = field(default_factory=dict)  # by sequence number
    capabilities: Capability | None = None  # of its OPEN


class BgpFold:
    """Collects the BGP of one point; give it the batches in order."""

    def __init__(self) -> None:
        self._streams: dict[Address, _Stream] = {}
        self._messages: list[tuple[int, ...]] = []
        self._routes: list[tuple[int, ...]] = []
        self._controls: list[tuple[int, ...]] = []
        self._left_out = 0

    def step(self, decoded: Decoded, buffer: npt.NDArray[np.uint8]) -> None:
        """Add the segments of one batch, whose frames lie in ``buffer``."""
        packets, segments = decoded.packets, decoded.bgp_segments
        control = _control_rows(packets)
        if not len(segments) and not len(control):
            return
        payload = {
            row: (offset, captured, length)
            for row, offset, captured, length in segments.rows("row", "offset", "captured", "length")
        }
        rows = np.union1d(segments.row, control)
        for row in rows[packets.tunnel[rows] == Tunnel.NONE].tolist():  # others are of speakers inside pods
            self._segment(packets, row, payload.get(row), buffer)

    def finish(self) -> Bgp:
        """All messages, routes and connections; bytes that still waited for missing ones are read now."""
        for address, stream in self._streams.items():
            while stream.waiting:
                self._pass_gap(address, stream)
        return Bgp(
            _table(BgpMessages, self._messages),
            _table(BgpRoutes, self._routes),
            _table(BgpControls, self._controls),
            self._left_out,
        )

    def _segment(
        self, packets: Packets, row: int, payload: tuple[int, int, int] | None, buffer: npt.NDArray[np.uint8]
    ) -> None:
        number, time_ns, flags = int(packets.number[row]), int(packets.time_ns[row]), int(packets.tcp_flags[row])
        sequence = int(packets.tcp_sequence[row])
        address = (
            int(packets.inner_source[row]),
            int(packets.inner_destination[row]),
            int(packets.source_port[row]),
            int(packets.destination_port[row]),
        )
        if flags & _CONTROL:
            self._log(self._controls, (number, time_ns, *address, flags, int(packets.tcp_md5[row])))
        if flags & SYN:
            self._streams.pop(address, None)  # a new connection on the same ports
            sequence = (sequence + 1) % _MODULUS
        if payload is None and not flags & SYN:
            return
        stream = self._streams.get(address)
        if stream is None:
            if len(self._streams) >= STREAM_LIMIT:
                self._left_out += 1
                return
            stream = self._streams[address] = _Stream()
        if flags & SYN:
            stream.next, stream.is_aligned = sequence, True
        if payload is not None:
            offset, captured, length = payload
            data = buffer[offset : offset + captured].tobytes()
            self._add(address, stream, sequence, data, length, time_ns, number)

    def _add(
        self, address: Address, stream: _Stream, sequence: int, data: bytes, length: int, time_ns: int, number: int
    ) -> None:
        if stream.next is None:
            stream.next = sequence
        ahead = (sequence - stream.next + _HALF) % _MODULUS - _HALF
        if ahead > 0:
            stream.waiting.setdefault(sequence, _Waiting(data, length, time_ns, number))
            oldest = min(segment.time_ns for segment in stream.waiting.values())
            if len(stream.waiting) > WAITING_SEGMENTS or time_ns - oldest > WAITING_NS:
                self._pass_gap(address, stream)
        elif ahead + length > 0:
            self._consume(address, stream, data[-ahead:], length + ahead, time_ns, number)
        self._take_waiting(address, stream, time_ns, number)

    def _take_waiting(self, address: Address, stream: _Stream, time_ns: int = 0, number: int = 0) -> None:
        """Read what waited for the bytes that came with frame ``number``, or whose want was given up (0)."""
        while stream.waiting and stream.next is not None:
            ready = [at for at in stream.waiting if (at - stream.next + _HALF) % _MODULUS - _HALF <= 0]
            if not ready:
                return
            for at in ready:
                segment = stream.waiting.pop(at)
                behind = (stream.next - at) % _MODULUS
                if behind < segment.length:
                    when = max(segment.time_ns, time_ns), max(segment.number, number)
                    self._consume(address, stream, segment.data[behind:], segment.length - behind, *when)

    def _pass_gap(self, address: Address, stream: _Stream) -> None:
        """Give up what is missing: go on with the nearest segment that waits, at the next plausible message."""
        base = stream.next or 0
        nearest = min(stream.waiting, key=lambda at: (at - base) % _MODULUS)
        stream.next, stream.is_aligned = nearest, False
        stream.buffer.clear()
        self._take_waiting(address, stream)

    def _consume(self, address: Address, stream: _Stream, data: bytes, length: int, time_ns: int, number: int) -> None:
        """Append the next bytes of a stream and read the messages they complete."""
        stream.buffer += data
        stream.next = ((stream.next or 0) + length) % _MODULUS
        for kind, body in _whole_messages(stream):
            self._message(address, stream, kind, body, time_ns, number)
        if len(data) < length:  # the snap length cut the rest off
            stream.buffer.clear()
            stream.is_aligned = False

    def _message(self, address: Address, stream: _Stream, kind: int, body: bytes, time_ns: int, number: int) -> None:
        details = dict.fromkeys(
            ("as_number", "hold_time", "identifier", "capabilities", "code", "subcode", "announced", "withdrawn"), -1
        )
        if kind == BgpMessage.OPEN and (opened := read_open(body)) is not None:
            stream.capabilities = opened.capabilities
            details |= {
                "as_number": opened.as_number,
                "hold_time": opened.hold_time,
                "identifier": opened.identifier,
                "capabilities": int(opened.capabilities),
            }
        elif kind == BgpMessage.NOTIFICATION and len(body) >= 2:
            details |= {"code": body[0], "subcode": body[1]}
        elif kind == BgpMessage.UPDATE:
            routes = read_update(body, self._has_path_ids(address, stream))
            for route in routes:
                self._log(
                    self._routes,
                    (
                        *(number, time_ns, address[0], address[1], route.prefix, route.prefix_length, route.path_id),
                        *(route.next_hop, int(route.is_withdrawn), route.local_preference),
                        *(route.originator, route.cluster),
                    ),
                )
            gone = sum(route.is_withdrawn for route in routes)
            details |= {"announced": len(routes) - gone, "withdrawn": gone}
        self._log(self._messages, (number, time_ns, *address, kind, *details.values()))

    def _has_path_ids(self, address: Address, stream: _Stream) -> bool | None:
        """Whether the speaker puts path identifiers before prefixes: it offered to, and its peer to read them."""
        source, destination, source_port, destination_port = address
        other = self._streams.get((destination, source, destination_port, source_port))
        if stream.capabilities is None or other is None or other.capabilities is None:
            return None
        return bool(stream.capabilities & Capability.ADD_PATH_SEND and other.capabilities & Capability.ADD_PATH_RECEIVE)

    def _log(self, rows: list[tuple[int, ...]], row: tuple[int, ...]) -> None:
        if len(rows) < MESSAGE_LIMIT:
            rows.append(row)
        else:
            self._left_out += 1


def _control_rows(packets: Packets) -> npt.NDArray[np.intp]:
    at_bgp = (packets.source_port == BGP_PORT) | (packets.destination_port == BGP_PORT)
    return np.flatnonzero(at_bgp & (packets.tcp_header_length > 0) & (packets.tcp_flags & _CONTROL != 0))


def _whole_messages(stream: _Stream) -> Iterator[tuple[int, bytes]]:
    """Take the whole messages from the front of the buffer; bytes that belong to none are dropped."""
    buffer, at = stream.buffer, 0
    while True:
        if not (stream.is_aligned and buffer.startswith(MARKER[: len(buffer) - at], at) and is_plausible(buffer, at)):
            found = find_message(buffer, at)
            stream.is_aligned = found >= 0
            at = found if found >= 0 else max(at, len(buffer) - len(MARKER) + 1)
        if not stream.is_aligned or at + HEADER > len(buffer):
            break
        length = int.from_bytes(buffer[at + 16 : at + 18], "big")
        if at + length > len(buffer):
            break
        yield buffer[at + 18], bytes(buffer[at + HEADER : at + length])
        at += length
    del buffer[:at]


def _table(table: type[TableT], rows: list[tuple[int, ...]]) -> TableT:
    return table(*np.array(rows, dtype=np.int64).reshape(len(rows), len(table.column_names())).T)
