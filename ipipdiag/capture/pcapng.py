"""The pcapng format (draft-ietf-opsawg-pcapng): sections of blocks, each section with interfaces of its own.

Most blocks of a capture are Enhanced Packet Blocks as they should be: long runs of those are read at once, all others
one by one (``pcapng_blocks.py``), in the order of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from ipipdiag.capture.chain import U32, Chain, Flags, Offsets, Portions, Words
from ipipdiag.capture.model import CaptureError, DamageKind, Frames
from ipipdiag.capture.pcapng_blocks import (
    BLOCK_OVERHEAD,
    ENHANCED_PACKET,
    FIELDS_AT,
    PACKET,
    PACKET_DATA,
    SECTION_HEADER,
    SIMPLE_PACKET,
    Blocks,
)
from ipipdiag.capture.reader import FileState, FrameRows, Limits
from ipipdiag.capture.window import Window

START = b"\x0a\x0d\x0d\x0a"  # of a section header, in either byte order
BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
SWAPPED_MAGIC = 0x4D3C2B1A  # read in the other byte order
MAGIC_AT = 8  # where in a section header its byte-order magic is
PACKET_OVERHEAD = PACKET_DATA + 4  # bytes of an Enhanced Packet Block that captured nothing
SHORTEST_RUN = 64  # packets that are quicker read at once than one by one


def recognises(start: bytes) -> bool:
    """Whether a file that starts so is in this format."""
    return start[:4] == START


def _byte_order(data: memoryview, start: int) -> str | None:
    """The byte order that a section header at ``start`` says; None where no such header is, or its magic is none."""
    if data[start : start + 4] != START:
        return None
    return BYTE_ORDERS.get(bytes(data[start + MAGIC_AT : start + MAGIC_AT + 4]))


@dataclass(frozen=True, slots=True)
class BlockShape:
    """How blocks lie: byte order as struct writes it, most bytes of one. In another order begins another chain."""

    order: str
    most: int
    alignment: ClassVar[int] = 4

    def is_possible(self, length: int) -> bool:
        """Whether a block may claim to be so long."""
        return BLOCK_OVERHEAD <= length <= self.most and length % self.alignment == 0

    def follower(self, data: memoryview, end: int) -> Callable[[int], int]:
        """What says where the block at a position ends; 0 where it is not whole, impossible or in another order."""
        read = struct.Struct(self.order + "II").unpack_from
        order, is_possible = self.order, self.is_possible
        last_header = end - BLOCK_OVERHEAD

        def follow(position: int) -> int:
            if position > last_header:
                return 0
            kind, length = read(data, position)
            following: int = position + length
            if following > end or not is_possible(length):
                return 0
            if kind == SECTION_HEADER and (_byte_order(data, position) or order) != order:
                return 0
            return following

        return follow

    def sizes(self, words: Words, position: Offsets) -> Offsets:
        """Bytes of each block, by its total length."""
        return words.at(position + 4)[:, 0].astype(np.int64)

    def hold_frames(self, words: Words, position: Offsets) -> Flags:
        """Blocks of packets, whether or not they are as they should be."""
        return np.isin(words.at(position)[:, 0], (ENHANCED_PACKET, SIMPLE_PACKET, PACKET))

    def ends_chain(self, words: Words, position: Offsets) -> Flags:
        """Which blocks claim an impossible length, or begin a section in another byte order."""
        kind, length = words.at(position, 2).T
        ends: Flags = (length < BLOCK_OVERHEAD) | (length > self.most) | (length % self.alignment != 0)
        section = np.flatnonzero(kind == SECTION_HEADER)
        ends[section] |= words.at(position[section] + MAGIC_AT)[:, 0] == SWAPPED_MAGIC
        return ends

    def may_begin(self, word: U32, first: int) -> Flags:
        """Which words are the type of an Enhanced Packet Block."""
        is_enhanced: Flags = word == ENHANCED_PACKET
        return is_enhanced

    def looks_like_record(self, words: Words, position: Offsets, first: int) -> Flags:
        """Where Enhanced Packet Blocks seem to lie whose two lengths are the same."""
        kind, length = words.at(position, 2).T
        looks: Flags = self.may_begin(kind, first) & (length >= PACKET_OVERHEAD) & (length <= self.most)
        looks &= words.at(position + length - 4)[:, 0] == length
        return looks


class PcapngReader:
    """Reads pcapng; interfaces are numbered on through all sections."""

    format = "pcapng"

    def __init__(self, window: Window, state: FileState) -> None:
        if window.end - window.start < BLOCK_OVERHEAD:
            raise CaptureError(state.name, "the section header is cut", "capture again; nothing can be read")
        order = _byte_order(window.data, window.start)
        if order is None:
            raise CaptureError(state.name, "starts like pcapng, but has no byte-order magic")
        self._blocks = Blocks(order)
        # each change of the order begins a new chain, and cursors would search the rest of the window each time
        self._has_two_orders = False
        self._portions = Portions()

    def next_frames(self, window: Window, state: FileState, limits: Limits) -> Frames | None:
        """The packets of some of the whole blocks in the window; None at the end of the file, or of the chain."""
        self._heed_byte_order(window)
        shape = BlockShape(self._blocks.order, limits.record_bytes)
        chain = Chain(window.array(), window.end, shape, cursors=not self._has_two_orders)
        bounds = self._portions.next(window, chain, limits.batch_frames, limits.room_after(state.frames))
        if bounds is None:
            return self._next_window(window, state, shape)
        return self._frames(window, state, bounds)

    def _heed_byte_order(self, window: Window) -> None:
        """A section header is read in its own byte order, and so is what follows."""
        if window.end - window.start < BLOCK_OVERHEAD:
            return
        order = _byte_order(window.data, window.start) or self._blocks.order
        self._has_two_orders |= order != self._blocks.order
        self._blocks.order = order

    def _next_window(self, window: Window, state: FileState, shape: BlockShape) -> Frames | None:
        """Read on where no whole block is left; says what is broken where there is no way on."""
        need = BLOCK_OVERHEAD
        if window.end - window.start >= BLOCK_OVERHEAD:
            block_type, need = struct.unpack_from(shape.order + "II", window.data, window.start)
            if not shape.is_possible(need):
                text = f"the block after frame {state.frames} claims {need} bytes (type {block_type:#x}): no way on"
                state.damage(DamageKind.BROKEN_CHAIN, window.offset, None, text)
                return None
        if window.fill(need):
            return Frames.empty()
        if left := window.end - window.start:
            text = f"the file ends within the block after frame {state.frames}"
            state.damage(DamageKind.CUT_RECORD, window.offset, left, text)
        return None

    def _frames(self, window: Window, state: FileState, bounds: Offsets) -> Frames:
        """The packets of the blocks between the bounds: long runs of plain ones at once, all others one by one."""
        words = Words(window.array(), self._blocks.order)
        fields = words.at(bounds[:-1] + FIELDS_AT, 5)
        parts = []
        done = 0
        for begin, end in _long_runs(_are_plain(words, bounds, fields)):
            parts.append(self._one_by_one(window, state, bounds[done : begin + 1]))
            run, its_fields = bounds[begin : end + 1], fields[begin:end]
            if self._blocks.has_interfaces(its_fields[:, 0]):
                parts.append(self._blocks.read_packets(state, window.data, run, its_fields))
            else:
                parts.append(self._one_by_one(window, state, run))
            done = end
        parts.append(self._one_by_one(window, state, bounds[done:]))
        return Frames.concatenate([part for part in parts if len(part)] or parts[:1])

    def _one_by_one(self, window: Window, state: FileState, bounds: Offsets) -> Frames:
        """The packets of blocks of any kind."""
        rows = FrameRows()
        for start, end in pairwise(bounds.tolist()):
            self._blocks.read(state, rows, window.data, start, end, window.offset_of(start))
        return rows.build(state.frames - len(rows))


def _are_plain(words: Words, bounds: Offsets, fields: U32) -> Flags:
    """Which blocks are Enhanced Packet Blocks of right lengths, with options or not, whatever their interface."""
    size = np.diff(bounds)
    kind = words.at(bounds[:-1])[:, 0]
    captured, wire = fields[:, 3], fields[:, 4]
    trailing = words.at(bounds[1:] - 4)[:, 0]
    plain: Flags = (kind == ENHANCED_PACKET) & (size >= PACKET_OVERHEAD)
    plain &= (trailing == size) & (captured <= size - PACKET_OVERHEAD) & (captured <= wire)
    return plain


def _long_runs(flags: Flags) -> Iterator[tuple[int, int]]:
    """Where at least SHORTEST_RUN flags one after the other are set: first, and behind the last."""
    begins, ends = np.flatnonzero(np.diff(flags, prepend=False, append=False)).reshape(-1, 2).T
    is_long = ends - begins >= SHORTEST_RUN
    return zip(begins[is_long].tolist(), ends[is_long].tolist(), strict=True)
