"""The pcapng format (draft-ietf-opsawg-pcapng): sections of blocks, each section with interfaces of its own."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ipipdiag.capture.model import CaptureError, DamageKind, Frames, Interface, InterfaceStatistics
from ipipdiag.capture.reader import FileState, FrameRows, Limits
from ipipdiag.capture.window import Window

SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
PACKET = 2  # obsolete
SIMPLE_PACKET = 3
INTERFACE_STATISTICS = 5
ENHANCED_PACKET = 6
BYTE_ORDER_MAGIC = 0x1A2B3C4D
BLOCK_OVERHEAD = 12  # type, total length, and the total length again
COMMENT_LIMIT = 100
NANOSECONDS = 1_000_000_000


def recognises(start: bytes) -> bool:
    """Whether a file that starts so is in this format."""
    return start[:4] == b"\x0a\x0d\x0d\x0a"


@dataclass(frozen=True, slots=True)
class _Clock:
    """How an interface counts time: ticks of 1/``denominator`` second, ``offset_s`` seconds after 1970."""

    denominator: int = 1_000_000
    offset_s: int = 0

    def nanoseconds(self, ticks: int) -> int:
        """Nanoseconds since 1970, rounded down where a tick is not a whole number of them."""
        return ticks * NANOSECONDS // self.denominator + self.offset_s * NANOSECONDS


_MICROSECONDS = _Clock()  # one for all interfaces that do not say how they count: a file can describe millions


class PcapngReader:
    """Reads pcapng block by block; interfaces are numbered on through all sections."""

    format = "pcapng"

    def __init__(self, window: Window, state: FileState) -> None:
        start = window.start
        if window.end - start < BLOCK_OVERHEAD:
            raise CaptureError(state.name, "the section header is cut", "capture again; nothing can be read")
        magic = bytes(window.data[start + 8 : start + 12])
        if magic not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
            raise CaptureError(state.name, "starts like pcapng, but has no byte-order magic")
        self._order = ">" if magic[0] == 0x1A else "<"
        self._clocks: list[_Clock] = []
        self._section_base = 0  # number of the section's first interface
        self._section_dropped: dict[int, int] = {}
        self._last_time_ns = 0
        # by type: bytes of the fields that every such block has, and what reads it
        self._blocks: dict[int, tuple[int, Callable[[FileState, FrameRows, memoryview, int, int, int], None]]] = {
            SECTION_HEADER: (0, self._section),
            INTERFACE_DESCRIPTION: (8, self._interface),
            PACKET: (20, self._packet),
            SIMPLE_PACKET: (4, self._simple_packet),
            INTERFACE_STATISTICS: (12, self._statistics),
            ENHANCED_PACKET: (20, self._enhanced_packet),
        }

    def next_frames(self, window: Window, state: FileState, limits: Limits) -> Frames | None:
        """The packets of the whole blocks in the window; None at the end of the file or where the chain breaks."""
        rows = FrameRows()
        consumed = False
        data = window.data
        while len(rows) < limits.batch_frames:
            start, left = window.start, window.end - window.start
            if left < BLOCK_OVERHEAD:
                break
            block_type, length = self._header(data, start)
            if length < BLOCK_OVERHEAD or length % 4 or length > limits.record_bytes:
                break
            if length > left:
                break
            self._read_block(state, rows, window, start, block_type, length)
            window.start += length
            consumed = True
        if consumed:
            return rows.build(state.frames - len(rows))
        return self._next_window(window, state, limits)

    def _header(self, data: memoryview, start: int) -> tuple[int, int]:
        """Type and total length of the block at ``start``; a section header is read in its own byte order."""
        if bytes(data[start : start + 4]) == b"\x0a\x0d\x0d\x0a":
            magic = bytes(data[start + 8 : start + 12])
            if magic in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
                self._order = ">" if magic[0] == 0x1A else "<"
        block_type, length = struct.unpack_from(self._order + "II", data, start)
        return block_type, length

    def _next_window(self, window: Window, state: FileState, limits: Limits) -> Frames | None:
        need = BLOCK_OVERHEAD
        if window.end - window.start >= BLOCK_OVERHEAD:
            block_type, length = self._header(window.data, window.start)
            if length < BLOCK_OVERHEAD or length % 4 or length > limits.record_bytes:
                text = f"the block after frame {state.frames} claims {length} bytes (type {block_type:#x}): no way on"
                state.damage(DamageKind.BROKEN_CHAIN, window.offset, None, text)
                return None
            need = length
        if window.fill(need):
            return Frames.empty()
        if left := window.end - window.start:
            text = f"the file ends within the block after frame {state.frames}"
            state.damage(DamageKind.CUT_RECORD, window.offset, left, text)
        return None

    def _read_block(
        self, state: FileState, rows: FrameRows, window: Window, start: int, block_type: int, length: int
    ) -> None:
        data = window.data
        trailing = struct.unpack_from(self._order + "I", data, start + length - 4)[0]
        if trailing != length:
            state.damage(DamageKind.BAD_BLOCK, window.offset, 0, "a block's two lengths differ; the first one is used")
        if block_type not in self._blocks:
            return  # custom, name resolution, secrets and unknown blocks are skipped by their length
        fields, read = self._blocks[block_type]
        try:
            if length < BLOCK_OVERHEAD + fields:
                raise _BadBlockError("too short")
            read(state, rows, data, start + 8, start + length - 4, window.offset)
        except _BadBlockError as error:
            text = f"a block of type {block_type:#x} is impossible ({error}) and was skipped"
            state.damage(DamageKind.BAD_BLOCK, window.offset, length, text)

    def _section(self, state: FileState, rows: FrameRows, data: memoryview, start: int, end: int, offset: int) -> None:
        self._section_base = len(state.interfaces)
        self._clocks = []
        for code, value in self._options(data, start + 16, end):
            if code == 1:
                _add_comment(state, value)

    def _interface(
        self, state: FileState, rows: FrameRows, data: memoryview, start: int, end: int, offset: int
    ) -> None:
        link_type, _, snap_length = struct.unpack_from(self._order + "HHI", data, start)
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
                clock = replace(clock, offset_s=struct.unpack(self._order + "q", value)[0])
        state.interfaces.append(interface)
        self._clocks.append(clock)

    def _enhanced_packet(
        self, state: FileState, rows: FrameRows, data: memoryview, start: int, end: int, offset: int
    ) -> None:
        interface, high, low, captured, wire = struct.unpack_from(self._order + "IIIII", data, start)
        self._frame(state, rows, interface, (high << 32) | low, start + 20, end, captured, wire, offset)
        after = start + 20 + (captured + 3 & ~3)
        if after < end:
            for code, value in self._options(data, after, end):
                if code == 1:
                    _add_comment(state, value)
                elif code == 4 and len(value) == 8:
                    self._add_dropped(state, interface, struct.unpack(self._order + "Q", value)[0])

    def _packet(self, state: FileState, rows: FrameRows, data: memoryview, start: int, end: int, offset: int) -> None:
        interface, dropped, high, low, captured, wire = struct.unpack_from(self._order + "HHIIII", data, start)
        self._frame(state, rows, interface, (high << 32) | low, start + 20, end, captured, wire, offset)
        if dropped not in (0, 0xFFFF):
            self._add_dropped(state, interface, dropped)

    def _simple_packet(
        self, state: FileState, rows: FrameRows, data: memoryview, start: int, end: int, offset: int
    ) -> None:
        """A Simple Packet Block has the section's first interface and no time; it gets that of the frame before."""
        wire = struct.unpack_from(self._order + "I", data, start)[0]
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
        interface = struct.unpack_from(self._order + "I", data, start)[0]
        if interface >= len(self._clocks):
            raise _BadBlockError(f"statistics of interface {interface} of {len(self._clocks)}")
        number = self._section_base + interface
        counters = {
            code: struct.unpack(self._order + "Q", value)[0]
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
        read = struct.Struct(self._order + "HH").unpack_from
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
