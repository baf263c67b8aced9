"""Tallies: tables that say, column by column, how two rows of the same key become one.

A tally is built batch by batch and merged in any order to the same rows: keys identify, the other columns are sums,
minima, maxima or the first few frame numbers. Rows may come as narrow as they were decoded, and what is counted as a
mask; once merged, all columns are int64.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Generic, Self, TypeVar, dataclass_transform

import numpy as np

from ipipdiag.facts.groups import Column, Groups, Int64
from ipipdiag.table import Table

LATE_FRAMES = 4  # last frame numbers kept a row: one more than the attempts that absence needs
EVIDENCE_FRAMES = 8  # frame numbers kept a row: enough to look at, small enough to keep for every flow
WAITING_ROWS = 16_384  # rows, and
WAITING_PARTS = 32  # batches, that wait until they are merged into a tally: one merge costs as much as reading it all


class Merge(Enum):
    """How the values of a column combine when rows of one key become one."""

    KEY = "key"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    UNION = "union"  # bitwise or
    FRAMES = "frames"  # the EVIDENCE_FRAMES smallest frame numbers, 0 for none; two-dimensional
    LATE_FRAMES = "late_frames"  # the LATE_FRAMES largest, the largest first
    DERIVED = "derived"  # worked out from whole rows when all are merged; until then the same in every row


def key() -> Any:
    """A column that identifies the row."""
    return Merge.KEY


def total() -> Any:
    """A column that adds up."""
    return Merge.SUM


def smallest() -> Any:
    """A column that keeps its smallest value."""
    return Merge.MIN


def largest() -> Any:
    """A column that keeps its largest value."""
    return Merge.MAX


def union() -> Any:
    """A column of bit sets."""
    return Merge.UNION


def frame_numbers() -> Any:
    """A column of the first frame numbers of a row."""
    return Merge.FRAMES


def late_frame_numbers() -> Any:
    """A column of the last frame numbers of a row."""
    return Merge.LATE_FRAMES


def derived() -> Any:
    """A column worked out from the merged rows."""
    return Merge.DERIVED


_WIDTHS = {Merge.FRAMES: EVIDENCE_FRAMES, Merge.LATE_FRAMES: LATE_FRAMES}  # of the two-dimensional columns


@dataclass_transform(
    frozen_default=True,
    eq_default=False,
    field_specifiers=(key, total, smallest, largest, union, frame_numbers, late_frame_numbers, derived),
)
class Tally(Table):
    """Base of tables whose columns declare how they merge."""

    @classmethod
    def merges(cls) -> dict[str, Merge]:
        """How each column merges, in the order of declaration."""
        return {name: getattr(cls, name) for name in cls.column_names()}

    @classmethod
    def unmerged(cls, **columns: Column) -> Self:
        """Rows that may share keys, their columns as narrow as they come; what is counted may be a mask."""
        return cls(**columns)

    @classmethod
    def empty(cls) -> Self:
        """The tally with no rows."""
        return cls(
            **{
                name: np.zeros((0, _WIDTHS[merge]) if merge in _WIDTHS else (0,), dtype=np.int64)
                for name, merge in cls.merges().items()
            }
        )

    @classmethod
    def key_names(cls) -> tuple[str, ...]:
        """The columns that identify a row."""
        return tuple(name for name, merge in cls.merges().items() if merge is Merge.KEY)

    def weight(self) -> int:
        """How many packets the rows stand for: the sum of the first column that adds up."""
        name = next(name for name, merge in self.merges().items() if merge is Merge.SUM)
        return int(getattr(self, name).sum())

    def aggregate(self, groups: Groups | None = None) -> Self:
        """One row a key, in the order in which keys first appear; ``groups``, where they are known, are those rows."""
        if len(self) == 0:
            return self.empty()
        merges = self.merges()
        if groups is None:
            groups = Groups.of([getattr(self, name) for name in self.key_names()])
        return type(self)(**{name: _merged(getattr(self, name), merge, groups) for name, merge in merges.items()})


TallyT = TypeVar("TallyT", bound=Tally)


def _merged(values: Column, merge: Merge, groups: Groups) -> Int64:
    """One value a group."""
    match merge:
        case Merge.KEY | Merge.DERIVED:
            return values[groups.first].astype(np.int64, copy=False)
        case Merge.SUM:
            return groups.total(values)
        case Merge.MIN:
            return groups.smallest(values)
        case Merge.MAX:
            return groups.largest(values)
        case Merge.UNION:
            return groups.union(values)
        case Merge.FRAMES:
            return groups.smallest_numbers(values, EVIDENCE_FRAMES)
        case Merge.LATE_FRAMES:
            return -groups.smallest_numbers(-values, LATE_FRAMES)


class TallyBuilder(Generic[TallyT]):
    """Adds batches of rows to a tally of at most ``limit`` rows.

    Keys that first appear when the tally is full are left out, and the rows so lost are counted in ``left_out``, known
    when all is finished: the same rows whatever the batches, since keys appear in the order of the frames.
    """

    def __init__(self, table: type[TallyT], limit: int) -> None:
        self._table = table
        self._limit = limit
        self._parts: list[TallyT] = []  # the tally, then what waits to be merged into it
        self._waiting = 0
        self.left_out = 0

    def add(self, rows: TallyT) -> None:
        """Add the rows of one batch, given in the order of the frames; nothing of them is kept but copies."""
        if len(rows):
            self.add_merged(rows.aggregate())

    def add_merged(self, rows: TallyT) -> None:
        """Add the rows of one batch that are one a key already, in the order in which keys first appear."""
        self._parts.append(rows)
        self._waiting += len(rows)
        if self._waiting > WAITING_ROWS or len(self._parts) > WAITING_PARTS:
            self._merge()

    def _merge(self) -> None:
        keys = [np.concatenate([getattr(part, name) for part in self._parts]) for name in self._table.key_names()]
        groups = Groups.of(keys)
        if len(groups) > self._limit:
            has_room = groups.codes < self._limit
            groups = groups.select(has_room)
            ends = np.cumsum([len(part) for part in self._parts])
            for place, fits in enumerate(np.split(has_room, ends[:-1])):  # what is dropped is not copied first
                self.left_out += self._parts[place].select(~fits).weight()
                self._parts[place] = self._parts[place].select(fits)
        self._parts = [self._table.concatenate(self._parts).aggregate(groups)]
        self._waiting = 0

    def finish(self) -> TallyT:
        """The tally, in the order in which keys first appeared."""
        if self._waiting:
            self._merge()
        return self._parts[0] if self._parts else self._table.empty()
