"""Tallies: tables that say, column by column, how two rows of the same key become one.

A tally is built batch by batch and merged in any order to the same rows: keys identify, the other columns are sums,
minima, maxima or the first few frame numbers. Rows of one key are found by a 64-bit hash; where two keys share a hash
the exact, slower grouping is used instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from ipipdiag.table import Table

LATE_FRAMES = 4  # last frame numbers kept a row: one more than the attempts that absence needs
EVIDENCE_FRAMES = 8  # frame numbers kept a row: enough to look at, small enough to keep for every flow


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


def _column(merge: Merge) -> Any:
    return field(metadata={"merge": merge})


def key() -> Any:
    """A column that identifies the row."""
    return _column(Merge.KEY)


def total() -> Any:
    """A column that adds up."""
    return _column(Merge.SUM)


def smallest() -> Any:
    """A column that keeps its smallest value."""
    return _column(Merge.MIN)


def largest() -> Any:
    """A column that keeps its largest value."""
    return _column(Merge.MAX)


def union() -> Any:
    """A column of bit sets."""
    return _column(Merge.UNION)


def frame_numbers() -> Any:
    """A column of the first frame numbers of a row."""
    return _column(Merge.FRAMES)


def late_frame_numbers() -> Any:
    """A column of the last frame numbers of a row."""
    return _column(Merge.LATE_FRAMES)


def derived() -> Any:
    """A column worked out from the merged rows."""
    return _column(Merge.DERIVED)


_WIDTHS = {Merge.FRAMES: EVIDENCE_FRAMES, Merge.LATE_FRAMES: LATE_FRAMES}  # of the two-dimensional columns


@dataclass(frozen=True, slots=True)
class Tally(Table):
    """Base of tables whose columns declare how they merge."""

    @classmethod
    def merges(cls) -> dict[str, Merge]:
        """How each column merges, in the order of declaration."""
        return {column.name: column.metadata["merge"] for column in fields(cls)}

    @classmethod
    def empty(cls) -> Self:
        """The tally with no rows."""
        return cls(
            **{
                name: np.zeros((0, _WIDTHS[merge]) if merge in _WIDTHS else (0,), dtype=np.int64)
                for name, merge in cls.merges().items()
            }
        )

    def weight(self) -> int:
        """How many packets the rows stand for: the sum of the first column that adds up."""
        name = next(name for name, merge in self.merges().items() if merge is Merge.SUM)
        return int(getattr(self, name).sum())

    def aggregate(self) -> Self:
        """One row a key, in the order in which keys first appear."""
        if len(self) == 0:
            return self.empty()
        merges = self.merges()
        codes, first = group_rows([getattr(self, name) for name, merge in merges.items() if merge is Merge.KEY])
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(first)))
        columns = {
            name: _merge_column(getattr(self, name), merge, codes, first, order, starts)
            for name, merge in merges.items()
        }
        return type(self)(**columns)


TallyT = TypeVar("TallyT", bound=Tally)

_REDUCE = {Merge.SUM: np.add, Merge.MIN: np.minimum, Merge.MAX: np.maximum, Merge.UNION: np.bitwise_or}


def _merge_column(
    values: npt.NDArray[Any],
    merge: Merge,
    codes: npt.NDArray[np.intp],
    first: npt.NDArray[np.intp],
    order: npt.NDArray[np.intp],
    starts: npt.NDArray[np.intp],
) -> npt.NDArray[Any]:
    if merge in (Merge.KEY, Merge.DERIVED):
        return values[first]
    if merge is Merge.FRAMES:
        return _merge_frames(values, codes, len(first), EVIDENCE_FRAMES)
    if merge is Merge.LATE_FRAMES:
        return -_merge_frames(-values, codes, len(first), LATE_FRAMES)
    merged: npt.NDArray[Any] = _REDUCE[merge].reduceat(values[order], starts)
    return merged


def _merge_frames(
    values: npt.NDArray[np.int64], codes: npt.NDArray[np.intp], rows: int, width: int
) -> npt.NDArray[np.int64]:
    """The smallest numbers of each group, 0 for none; ``values`` has shape (entries, at most ``width``)."""
    numbers = values.ravel()
    owners = np.repeat(codes, values.shape[1])
    present = numbers != 0
    numbers, owners = numbers[present], owners[present]
    order = np.lexsort((numbers, owners))
    numbers, owners = numbers[order], owners[order]
    starts = np.searchsorted(owners, np.arange(rows))
    rank = np.arange(len(owners)) - starts[owners]
    kept = rank < width
    merged = np.zeros((rows, width), dtype=np.int64)
    merged[owners[kept], rank[kept]] = numbers[kept]
    return merged


def hash_rows(keys: list[npt.NDArray[Any]]) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each row of ``keys``; equal rows hash equal, on every machine."""
    mixed = np.full(len(keys[0]), 0x9E3779B97F4A7C15, dtype=np.uint64)
    for column in keys:
        mixed ^= column.astype(np.int64, copy=False).view(np.uint64)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(32)
    return mixed


def group_rows(keys: list[npt.NDArray[Any]]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Number the distinct rows of ``keys`` in order of first appearance.

    Returns the number of each row's group, and the position of each group's first row.
    """
    codes, first = _first_appearance(hash_rows(keys))
    if all(np.array_equal(column, column[first][codes]) for column in keys):
        return codes, first
    codes, first = _first_appearance(keys[0])
    for column in keys[1:]:
        inner, distinct = _first_appearance(column)
        codes, first = _first_appearance(codes * len(distinct) + inner)
    return codes, first


def _first_appearance(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    codes, _ = pd.factorize(values)
    first = np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))
    return codes.astype(np.intp, copy=False), first


class TallyBuilder(Generic[TallyT]):
    """Adds batches of rows to a tally of at most ``limit`` rows.

    Keys that first appear when the tally is full are left out, and the rows so lost are counted in ``left_out``: the
    same rows whatever the batches, since keys appear in the order of the frames.
    """

    def __init__(self, table: type[TallyT], limit: int) -> None:
        self._table = table
        self._limit = limit
        self._rows: TallyT | None = None
        self.left_out = 0

    def add(self, rows: TallyT) -> None:
        """Merge the rows of one batch, given in the order of the frames."""
        merged = rows.aggregate()
        if self._rows is not None:
            if len(self._rows) + len(merged) > self._limit:
                merged = self._fitting(self._rows, merged)
            merged = self._table.concatenate([self._rows, merged]).aggregate()
        if len(merged) > self._limit:
            self.left_out += int(merged.select(slice(self._limit, None)).weight())
            merged = merged.select(slice(self._limit))
        self._rows = merged

    def _fitting(self, rows: TallyT, merged: TallyT) -> TallyT:
        """Those of a batch for whose keys there is room; the others are dropped before columns are copied."""
        keys = [name for name, merge in self._table.merges().items() if merge is Merge.KEY]
        codes, _ = group_rows([np.concatenate([getattr(rows, name), getattr(merged, name)]) for name in keys])
        has_room = codes[len(rows) :] < self._limit
        self.left_out += merged.select(~has_room).weight()
        return merged.select(has_room)

    def finish(self) -> TallyT:
        """The tally, in the order in which keys first appeared."""
        return self._rows if self._rows is not None else self._table.empty()
