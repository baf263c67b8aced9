"""The blocks of a pcapng file (draft-ietf-opsawg-pcapng), read in their order: what each says of packets, interfaces,
statistics, and of itself where it departs from the format.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import gcd

import numpy as np
import numpy.typing as npt

from ipipdiag.capture.chain import U32, Offsets
from ipipdiag.capture.model import DamageKind, Frames, Interface, InterfaceStatistics
from ipipdiag.capture.reader import INT64_MAX, INT64_MIN, FileState, FrameRows, clamped
from ipipdiag.table import distinct

SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
PACKET = 2  # obsolete
SIMPLE_PACKET = 3
INTERFACE_STATISTICS = 5
ENHANCED_PACKET = 6
BLOCK_OVERHEAD = 12  # type, total length, and the total length again
FIELDS_AT = 8  # where in a block its fields begin
PACKET_DATA = 28  # where the captured bytes of an Enhanced Packet Block begin
COMMENT_LIMIT = 100
NANOSECONDS = 1_000_000_000
UINT64_MAX = (1 << 64) - 1

U64 = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class _Clock:
    """How an interface counts time: ticks of 1/``denominator`` second, ``offset_s`` seconds after 1970."""

    denominator: int = 1_000_000
    offset_s: int = 0

    def nanoseconds(self, ticks: int) -> int:
        """Nanoseconds since 1970, rounded down where a tick is not a whole number of them."""
        return ticks * NANOSECONDS // self.denominator + self.offset_s * NANOSECONDS

    def all_nanoseconds(self, ticks: U64) -> npt.NDArray[np.int64]:
        """The same of many, at least one; times beyond 64 bits are clamped."""
        common = gcd(NANOSECONDS, self.denominator)
        numerator, denominator = NANOSECONDS // common, self.denominator // common
        earliest, latest = self.nanoseconds(int(ticks.min())), self.nanoseconds(int(ticks.max()))
        if earliest < INT64_MIN or latest > INT64_MAX or numerator * denominator > UINT64_MAX:
            return np.array([clamped(self.nanoseconds(tick)) for tick in ticks.tolist()], dtype=np.int64)
        whole = ticks // np.uint64(denominator)
        part = (ticks - whole * np.uint64(denominator)) * np.uint64(numerator) // np.uint64(denominator)
        offset = np.uint64(self.offset_s * NANOSECONDS & UINT64_MAX)
        return (whole * np.uint64(numerator) + part + offset).view(np.int64)  # modulo 2**64, so that signs come right


_MICROSECONDS = _Clock()  # one for all interfaces that do not say how they count: a file can describe millions


class Blocks:
    """Reads the blocks of a file, each knowing what those before it said; ``order`` is that of the section's bytes."""

    def __init__(self, order: str) -> None:
        self.order = order
        self._clocks: list[_Clock] = []
        self._section_base = 0  # number of the section's first interface
        self._last_time_ns = 0
        # by type: bytes of the fields that every such block has, and what reads it
        self._readers: dict[int, tuple[int, Callable[[FileState, FrameRows, memoryview, int, int, int], None]]] = {
            SECTION_HEADER: (0, self._section),
            INTERFACE_DESCRIPTION: (8, self._interface),
            PACKET: (20, self._packet),
            SIMPLE_PACKET: (4, self._simple_packet),
            INTERFACE_STATISTICS: (12, self._statistics),
            ENHANCED_PACKET: (20, self._enhanced_packet),
        }

    def read(self, state: FileState, rows: FrameRows, data: memoryview, start: int, end: int, offset: int) -> None:
        """Read the block that lies from ``start`` to ``end``, and at ``offset`` of the file, whatever it is."""
        block_type, length = struct.unpack_from(self.order + "II", data, start)
        trailing = struct.unpack_from(self.order + "I", data, end - 4)[0]
        if trailing != length:
            state.damage(DamageKind.BAD_BLOCK, offset, 0, "a block's two lengths differ; the first one is used")
        if block_type not in self._readers:
            return  # custom, name resolution, secrets and unknown blocks are skipped by their length
        fields, read = self._readers[block_type]
        try:
            if length < BLOCK_OVERHEAD + fields:
                raise _BadBlockError("too short")
            read(state, rows, data, start + FIELDS_AT, end - 4, offset)
        except _BadBlockError as error:
            text = f"a block of type {block_type:#x} is impossible ({error}) and was skipped"
            state.damage(DamageKind.BAD_BLOCK, offset, length, text)

    def has_interfaces(self, numbers: U32) -> bool:
        """Whether the section has described all these interfaces."""
        return int(numbers.max()) < len(self._clocks)

    def read_packets(self, state: FileState, data: memoryview, bounds: Offsets, fields: U32) -> Frames:
        """Read Enhanced Packet Blocks, at least one, of known interfaces and with right lengths.

        They lie between the bounds; ``fields`` are the five of each before its captured bytes.
        """
        start, count = bounds[:-1], len(fields)
        interface, high, low, captured, wire = fields.T
        first = state.frames + 1
        state.frames += count
        options = start + PACKET_DATA + (captured.astype(np.int64) + 3 & ~3)
        for row in np.flatnonzero(options + 4 < bounds[1:]).tolist():
            self._packet_options(state, data, int(options[row]), int(bounds[row + 1]) - 4, int(interface[row]))
        return Frames(
            number=np.arange(first, first + count, dtype=np.int64),
            time_ns=self._times(interface, high.astype(np.uint64) << np.uint64(32) | low),
            offset=start + PACKET_DATA,
            captured_length=captured.astype(np.int64),
            wire_length=wire.astype(np.int64),
            interface=(interface + np.uint32(self._section_base)).astype(np.int32),
        )

    def _times(self, interface: U32, ticks: U64) -> npt.NDArray[np.int64]:
        """Nanoseconds since 1970, by the clock of each one's interface; those beyond 64 bits are clamped."""
        self._last_time_ns = self._clocks[interface[-1]].nanoseconds(int(ticks[-1]))
        clocks: set[_Clock] = {self._clocks[number] for number in distinct(interface).tolist()}
        if len(clocks) == 1:
            return clocks.pop().all_nanoseconds(ticks)
        pairs = zip(interface.tolist(), ticks.tolist(), strict=True)
        return np.array([clamped(self._clocks[number].nanoseconds(tick)) for number, tick in pairs], dtype=np.int64)

    def _section(self, state: FileState, rows: FrameRows, data: memoryview, start: int, end: int, offset: int) -> None:
        self._section_base = len(state.interfaces)
        self._clocks = []
        for code, value in self._options(data, start + 16, end):
            if code == 1:
                _add_comment(state, value)

    def _interface(
        self, state: FileState, rows: FrameRows, data: memoryview, start: int, end: int, offset: int
    ) -> None:
        link_type, _, snap_length = struct.unpack_from(self.order + "HHI", data, start)
        interface = Interface(len(state.interfaces), link_type, snap_length)
        clock = _MICROSECONDS
        for code, value in self._options(data, start + 8, end):
            if code == 2:
                interface = replace(interface, name=_text(value))
            elif code == 3:
                interface = replace(interface, description=_text(value))
            elif code == 15:
                interface = replace(interface, hardware=_text(value))
            elif code == 11 and len(value) > 1:
                interface = replace(interface, filter=_text(value[1:]))
            elif code == 9 and value:
                power = value[0] & 0x7F
                clock = replace(clock, denominator=2**power if value[0] & 0x80 else 10**power)
            elif code == 14 and len(value) == 8:
                clock = replace(clock, offset_s=struct.unpack(self.order + "q", value)[0])
        state.interfaces.append(interface)
        self._clocks.append(clock)

    def _enhanced_packet(
        self, state: FileState, rows: FrameRows, data: memoryview, start: int, end: int, offset: int
    ) -> None:
        interface, high, low, captured, wire = struct.unpack_from(self.order + "IIIII", data, start)
        self._frame(state, rows, interface, (high << 32) | low, start + 20, end, captured, wire, offset)
        self._packet_options(state, data, start + 20 + (captured + 3 & ~3), end, interface)

    def _packet_options(self, state: FileState, data: memoryview, start: int, end: int, interface: int) -> None:
        for code, value in self._options(data, start, end):
            if code == 1:
                _add_comment(state, value)
            elif code == 4 and len(value) == 8:
                self._add_dropped(state, interface, struct.unpack(self.order + "Q", value)[0])

    def _packet(self, state: FileState, rows: FrameRows, data: memoryview, start: int, end: int, offset: int) -> None:
        interface, dropped, high, low, captured, wire = struct.unpack_from(self.order + "HHIIII", data, start)
        self._frame(state, rows, interface, (high << 32) | low, start + 20, end, captured, wire, offset)
        if dropped not in (0, 0xFFFF):
            self._add_dropped(state, interface, dropped)

    def _simple_packet(
        self, state: FileState, rows: FrameRows, data: memoryview, start: int, end: int, offset: int
    ) -> None:
        """A Simple Packet Block has the section's first interface and no time; it gets that of the frame before."""
        wire = struct.unpack_from(self.order + "I", data, start)[0]
        if not self._clocks:
            raise _BadBlockError("no interface described before it")
        snap_length = state.interfaces[self._section_base].snap_length
        captured = min(wire, end - start - 4, snap_length or wire)
        rows.add(self._last_time_ns, start + 4, captured, wire, self._section_base)
        state.frames += 1

    def _frame(
        self,
        state: FileState,
        rows: FrameRows,
        interface: int,
        ticks: int,
        start: int,
        end: int,
        captured: int,
        wire: int,
        offset: int,
    ) -> None:
        if interface >= len(self._clocks):
            raise _BadBlockError(f"interface {interface} of {len(self._clocks)}")
        if captured > end - start:
            raise _BadBlockError("captured length above the block's")
        number = self._section_base + interface
        if captured > wire:
            state.damage(DamageKind.LYING_LENGTH, offset, 0, "captured length above the length on the wire")
        self._last_time_ns = self._clocks[interface].nanoseconds(ticks)
        rows.add(self._last_time_ns, start, captured, wire, number)
        state.frames += 1

    def _statistics(
        self, state: FileState, rows: FrameRows, data: memoryview, start: int, end: int, offset: int
    ) -> None:
        interface = struct.unpack_from(self.order + "I", data, start)[0]
        if interface >= len(self._clocks):
            raise _BadBlockError(f"statistics of interface {interface} of {len(self._clocks)}")
        number = self._section_base + interface
        counters = {
            code: struct.unpack(self.order + "Q", value)[0]
            for code, value in self._options(data, start + 12, end)
            if code in (4, 5, 6, 7) and len(value) == 8
        }
        state.statistics[number] = InterfaceStatistics(
            number, counters.get(4), counters.get(5), counters.get(7), counters.get(6)
        )

    def _add_dropped(self, state: FileState, interface: int, dropped: int) -> None:
        """Drops noted packet by packet; the interface's own statistics, where there are any, replace them."""
        number = self._section_base + interface
        old = state.statistics.get(number, InterfaceStatistics(number))
        state.statistics[number] = replace(old, dropped_by_interface=(old.dropped_by_interface or 0) + dropped)

    def _options(self, data: memoryview, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Code and value of each option; an option that claims more than is there ends the list."""
        read = struct.Struct(self.order + "HH").unpack_from
        while start + 4 <= end:
            code, length = read(data, start)
            if code == 0 or start + 4 + length > end:
                return
            yield code, bytes(data[start + 4 : start + 4 + length])
            start += 4 + (length + 3 & ~3)


class _BadBlockError(Exception):
    """A block whose content is impossible."""


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").rstrip("\0")


def _add_comment(state: FileState, value: bytes) -> None:
    if len(state.comments) < COMMENT_LIMIT:
        state.comments.append(_text(value))
