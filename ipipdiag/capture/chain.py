"""Where the records of a pcap file lie: a chain, in which each header says how long its record is.

Followed one by one, a record costs a step of Python. Where there are many, cursors follow them in lockstep, each from
the first place of its stretch of the buffer that looks like a header: that takes a third of the time. Looks prove
nothing. The first chain begins at a record, and is right; any other is right if the one before it is, and arrives
exactly where it began. Where one does not arrive, records are followed one by one until they meet another.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt

Offsets = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

FIELDS = 16  # bytes of a header that are read: seconds, ticks, captured length, wire length
CAPTURED_AT = 8
STRETCH = 128  # records in a stretch, on average: of 32 to 1,024 the quickest
FEWEST = 4_096  # records from which on cursors are quicker
MOST_STEPS = 4 * STRETCH  # of a cursor; where records are so much smaller than average it does not arrive
SEARCHED = 8  # average records that a stretch is searched for the beginning of one
COLUMNS = 256  # bytes of each stretch searched at once
NEAR_S = 1 << 22  # what looks like a header has a time so near to the first record's: 48 days


@dataclass(frozen=True, slots=True)
class RecordShape:
    """How records begin: byte order as struct writes it, bytes of a header, ticks a second, most captured bytes."""

    order: str
    header_size: int
    ticks_a_second: int
    most: int


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
    """The records in a buffer, which end at ``end`` at the latest."""

    def __init__(self, data: npt.NDArray[np.uint8], end: int, shape: RecordShape) -> None:
        self._data = data
        self._end = end
        self._shape = shape

    def follow(self, start: int) -> tuple[Offsets, int]:
        """Where the whole records lie, from the one at ``start`` on, and where the last of them ends.

        What lies there is not whole, or claims more bytes than a record may have.
        """
        first, position = self._one_by_one(start, room=STRETCH)
        parts = [np.array(first, dtype=np.int64)]
        size = position - start
        if len(first) < STRETCH or self._end - position < size * (FEWEST // STRETCH):
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

    def _one_by_one(
        self, start: int, *, room: int | None = None, meeting: Collection[int] = ()
    ) -> tuple[list[int], int]:
        """The records from ``start`` on, at most ``room`` of them, up to one that begins in a place of ``meeting``."""
        read_length = struct.Struct(self._shape.order + "I").unpack_from
        data, end, header_size, most = self._data.data, self._end, self._shape.header_size, self._shape.most
        last_header = end - header_size
        offsets: list[int] = []
        append = offsets.append
        position = start
        for _ in repeat(None) if room is None else repeat(None, room):
            if position > last_header:
                break
            length = read_length(data, position + CAPTURED_AT)[0]
            following = position + header_size + length
            if following > end or length > most:
                break
            append(position)
            position = following
            if position in meeting:
                break
        return offsets, position

    def _search(self, start: int, size: int) -> Offsets:
        """Where cursors begin: at ``start``, and in each stretch of ``size`` bytes behind it at what looks so."""
        count = (self._end - start - FIELDS) // size
        seconds: U32 = np.ndarray((count, size), self._shape.order + "u4", self._data, start, (size, 1))
        begins = np.full(count, -1, dtype=np.int64)
        begins[0] = start
        earliest = np.uint32((int(seconds[0, 0]) - NEAR_S) % (1 << 32))
        open_rows = np.arange(1, count)
        for column in range(0, size * SEARCHED // STRETCH, COLUMNS):
            near = seconds[open_rows, column : column + COLUMNS] - earliest <= 2 * NEAR_S
            row, at = np.nonzero(near)
            if len(row) > len(open_rows) * COLUMNS // 8:
                break  # where so much looks like it, looking longer is only work
            position = start + open_rows[row] * size + column + at
            is_header = self._looks_like_header(position, earliest)
            row, first = np.unique(row[is_header], return_index=True)
            begins[open_rows[row]] = position[is_header][first]
            open_rows = np.delete(open_rows, row)
        return begins[begins >= 0]

    def _looks_like_header(self, position: Offsets, earliest: np.uint32) -> npt.NDArray[np.bool_]:
        """Whether a record that captured something may begin there, and another one behind it."""
        looks = np.ones(len(position), dtype=np.bool_)
        for _ in range(2):
            seconds, ticks, captured, wire = self.read_headers(position).T
            looks &= (seconds - earliest <= 2 * NEAR_S) & (ticks < self._shape.ticks_a_second)
            looks &= (captured > 0) & (captured <= np.minimum(wire, self._shape.most))
            position = position + self._shape.header_size + captured
        return looks

    def _in_lockstep(self, begins: Offsets) -> _Chains:
        """The records of each chain up to where the next one begins; the last has none."""
        position, limit = begins[:-1], begins[1:]
        words: npt.NDArray[np.void] = np.ndarray(len(self._data) - 3, "V4", self._data, strides=(1,))
        steps = [position]
        for _ in range(MOST_STEPS):
            length = words[np.minimum(position + CAPTURED_AT, len(words) - 1)].view(self._shape.order + "u4")
            position = position + length + self._shape.header_size
            steps.append(position)
            if (position >= limit).all():
                break
        table = np.stack(steps, axis=1)
        is_record = table < limit[:, None]
        count = is_record.sum(axis=1)
        arrival = table[np.arange(len(table)), np.minimum(count, len(steps) - 1)]
        # in a stretch no longer than what a record may claim, no record claims more
        is_lost = (arrival != limit) | (limit - begins[:-1] > self._shape.most)
        return _Chains(table[is_record], np.append(0, np.cumsum(count)), np.append(np.flatnonzero(is_lost), len(limit)))

    def read_headers(self, position: Offsets) -> U32:
        """Seconds, ticks, captured length and wire length of the headers there: shape (positions, 4)."""
        headers: npt.NDArray[np.void] = np.ndarray(len(self._data) - FIELDS + 1, f"V{FIELDS}", self._data, strides=(1,))
        return headers[np.minimum(position, len(headers) - 1)].view(self._shape.order + "u4").reshape(-1, 4)
