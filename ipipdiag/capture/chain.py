"""Where the records of a file lie: a chain, in which each says how long it is.

Followed one by one, a record costs a step of Python. Where there are many, cursors follow them in lockstep, each from
the first place of its stretch of the buffer that looks like the beginning of one: that takes a third of the time. Looks
prove nothing. The first chain begins at a record, and is right; any other is right if the one before it is, and arrives
exactly where it began. Where one does not arrive, records are followed one by one until they meet another.

What a record looks like, and how it says its length, is the format's affair: its :class:`Shape`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import repeat
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ipipdiag.capture.window import Window

Offsets = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
Flags = npt.NDArray[np.bool_]

WORD = 4  # bytes
STRETCH = 128  # records in a stretch, on average: of 32 to 1,024 the quickest
FEWEST = 4_096  # records from which on cursors are quicker
MOST_STEPS = 4 * STRETCH  # of a cursor; where records are so much smaller than average it does not arrive
SEARCHED = 8  # average records that a stretch is searched for the beginning of one
PLACES = 256  # of each stretch searched at once


class Words:
    """The words of 32 bits at any place of a buffer, in the byte order that struct writes as ``order``."""

    def __init__(self, data: npt.NDArray[np.uint8], order: str) -> None:
        self._data = data
        self._type = order + "u4"

    def at(self, position: Offsets, count: int = 1) -> U32:
        """The words from each position on: shape (positions, count); any others where the buffer ends before."""
        size = WORD * count
        items: npt.NDArray[np.void] = np.ndarray(len(self._data) - size + 1, f"V{size}", self._data, strides=(1,))
        return items[np.minimum(position, len(items) - 1)].view(self._type).reshape(-1, count)

    def grid(self, start: int, rows: int, columns: int, alignment: int) -> U32:
        """The words ``alignment`` bytes apart from ``start`` on, in place."""
        strides = (columns * alignment, alignment)
        return np.ndarray((rows, columns), self._type, self._data, start, strides)


class Shape(Protocol):
    """How the records of a format lie, one right behind the other, and what tells one from other bytes."""

    @property
    def order(self) -> str:
        """Byte order as struct writes it."""

    @property
    def alignment(self) -> int:
        """Bytes of which each record is a multiple long."""

    def follower(self, data: memoryview, end: int) -> Callable[[int], int]:
        """What says where the record at a position ends; 0 where the chain does: no whole record lies there."""

    def sizes(self, words: Words, position: Offsets) -> Offsets:
        """How many bytes each record is long, as it says itself."""

    def hold_frames(self, words: Words, position: Offsets) -> Flags:
        """Which records hold a frame."""

    def ends_chain(self, words: Words, position: Offsets) -> Flags:
        """Which records the follower would not go beyond, though they are whole."""

    def may_begin(self, word: U32, first: int) -> Flags:
        """Which words may be the first of a record, where another record begins with ``first``: a quick look."""

    def looks_like_record(self, words: Words, position: Offsets, first: int) -> Flags:
        """Where records seem to lie, by all that a record says of itself."""


@dataclass(frozen=True, slots=True)
class _Chains:
    """What cursors found: all records, which is the first of each chain, and the chains that do not arrive.

    The last chain counts as one that does not: nothing begins where it ends.
    """

    records: Offsets
    first: Offsets
    lost: npt.NDArray[np.intp]

    def first_lost(self, chain: int) -> int:
        """The first from ``chain`` on that does not arrive where the next one begins."""
        return int(self.lost[np.searchsorted(self.lost, chain)])


class Chain:
    """The records in a buffer, which end at ``end`` at the latest; found one by one where cursors are not wanted."""

    def __init__(self, data: npt.NDArray[np.uint8], end: int, shape: Shape, *, cursors: bool = True) -> None:
        self._words = Words(data, shape.order)
        self._end = end
        self._shape = shape
        self._follow = shape.follower(data.data, end)
        self._has_cursors = cursors

    def follow(self, start: int) -> tuple[Offsets, int]:
        """Where the whole records lie, from the one at ``start`` on, and where the last of them ends.

        What lies there is not whole, or no record of the chain.
        """
        first, position = self._one_by_one(start, room=STRETCH)
        parts = [np.array(first, dtype=np.int64)]
        size = position - start
        is_few = len(first) < STRETCH or self._end - position < size * (FEWEST // STRETCH)
        if is_few or not self._has_cursors:
            rest, position = self._one_by_one(position)
            return np.concatenate([*parts, np.array(rest, dtype=np.int64)]), position
        begins = self._search(position, size)
        chains = self._in_lockstep(begins)
        at = {begin: chain for chain, begin in enumerate(begins.tolist())}
        while (chain := at.get(position)) is not None:
            lost = chains.first_lost(chain)
            parts.append(chains.records[chains.first[chain] : chains.first[lost]])
            rest, position = self._one_by_one(int(begins[lost]), meeting=at)
            parts.append(np.array(rest, dtype=np.int64))
            if not rest:
                break
        return np.concatenate(parts), position

    def hold_frames(self, position: Offsets) -> Flags:
        """Which of these records hold a frame."""
        return self._shape.hold_frames(self._words, position)

    def _one_by_one(
        self, start: int, *, room: int | None = None, meeting: Collection[int] = ()
    ) -> tuple[list[int], int]:
        """The records from ``start`` on, at most ``room`` of them, up to one that begins in a place of ``meeting``."""
        follow = self._follow
        offsets: list[int] = []
        append = offsets.append
        position = start
        for _ in repeat(None) if room is None else repeat(None, room):
            following = follow(position)
            if not following:
                break
            append(position)
            position = following
            if position in meeting:
                break
        return offsets, position

    def _search(self, start: int, size: int) -> Offsets:
        """Where cursors begin: at ``start``, and in each stretch of ``size`` bytes behind it at what looks so."""
        count = (self._end - start - WORD) // size
        alignment = self._shape.alignment
        places = size // alignment
        words = self._words.grid(start, count, places, alignment)
        begins = np.full(count, -1, dtype=np.int64)
        begins[0] = start
        first = int(words[0, 0])
        open_rows = np.arange(1, count)
        for column in range(0, places * SEARCHED // STRETCH, PLACES):
            row, at = np.nonzero(self._shape.may_begin(words[open_rows, column : column + PLACES], first))
            if len(row) > len(open_rows) * PLACES // 8:
                break  # where so much looks like it, looking longer is only work
            position = start + open_rows[row] * size + (column + at) * alignment
            is_record = self._looks_like_two(position, first)
            row, found = np.unique(row[is_record], return_index=True)
            begins[open_rows[row]] = position[is_record][found]
            open_rows = np.delete(open_rows, row)
        return begins[begins >= 0]

    def _looks_like_two(self, position: Offsets, first: int) -> Flags:
        """Whether a record may begin there, and another one behind it."""
        looks = self._shape.looks_like_record(self._words, position, first)
        following = position + self._shape.sizes(self._words, position)
        return looks & self._shape.looks_like_record(self._words, following, first)

    def _in_lockstep(self, begins: Offsets) -> _Chains:
        """The records of each chain up to where the next one begins; the last has none."""
        position, limit = begins[:-1], begins[1:]
        steps = [position]
        for _ in range(MOST_STEPS):
            position = position + self._shape.sizes(self._words, position)
            steps.append(position)
            if (position >= limit).all():
                break
        table = np.stack(steps, axis=1)
        is_record = table < limit[:, None]
        count = is_record.sum(axis=1)
        records, first = table[is_record], np.append(0, np.cumsum(count))
        is_lost = table[np.arange(len(table)), np.minimum(count, len(steps) - 1)] != limit
        ends = np.flatnonzero(self._shape.ends_chain(self._words, records))
        is_lost[np.searchsorted(first, ends, side="right") - 1] = True
        return _Chains(records, first, np.append(np.flatnonzero(is_lost), len(limit)))


class Portions:
    """The records of a window, handed on in equal portions: a small one costs as much work as a large one."""

    def __init__(self) -> None:
        self._bounds: deque[Offsets] = deque()

    def next(self, window: Window, chain: Chain, most: int, room: int | None) -> Offsets | None:
        """The bounds of the next records, at most ``most``, consumed from the window; None where no whole one is left.

        A record lies between each two bounds, so that there is one more than records. They hold at most ``room``
        frames.
        """
        if not self._bounds:
            offsets, end = chain.follow(window.start)
            if len(offsets) == 0:
                return None
            parts = np.array_split(offsets, -(-len(offsets) // most))
            ends = [*(part[0] for part in parts[1:]), end]
            self._bounds.extend(np.append(part, last) for part, last in zip(parts, ends, strict=True))
        bounds = self._bounds.popleft()
        if room is not None:
            bounds = self._within(room, bounds, chain)
        window.start = int(bounds[-1])
        return bounds

    def _within(self, room: int, bounds: Offsets, chain: Chain) -> Offsets:
        """The bounds up to the frame for which there is no room; what lies from there on waits."""
        end = int(np.searchsorted(np.cumsum(chain.hold_frames(bounds[:-1])), room, side="right"))
        if end < len(bounds) - 1:
            self._bounds.appendleft(bounds[end:])
        return bounds[: end + 1]
