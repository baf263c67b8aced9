"""Rows that share a key, numbered in the order in which keys first appear, and what becomes of their values.

Exact: two rows are of one group if and only if all their key columns are equal. A hash only says where to look: it
names a slot for each row, the first row of a slot is remembered, and every row compares its whole key with that one's.
Rows that find another key there look again in slots of another hash; what has found nobody after ROUNDS is sorted.
Sums are sums of 64-bit integers, never of floats.

Fast: nothing is sorted, and columns are read as narrow as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.intp]
Int64 = npt.NDArray[np.int64]
Column = npt.NDArray[Any]

ROUNDS = 8  # even if all keys differ, three rows in four are the only ones of their slot in the first
_ODD = np.int64(0x1E3779B97F4A7C15)


@dataclass(frozen=True)
class Groups:
    """For each row of a table the number of its group, and for each group the position of its first row."""

    codes: Index
    first: Index

    @classmethod
    def of(cls, keys: Sequence[Column]) -> Self:
        """The groups of rows that are equal in all columns of ``keys``, in order of first appearance."""
        alike = _first_alike(keys, _mixed(keys), ROUNDS)
        first = np.flatnonzero(alike == np.arange(len(alike)))
        number = np.empty(len(alike), dtype=np.intp)
        number[first] = np.arange(len(first))
        return cls(number[alike], first)

    def __len__(self) -> int:
        return len(self.first)

    @cached_property
    def order(self) -> Index:
        """The rows group by group, those of one group as they are."""
        # 16-bit numbers are sorted by radix, in a fifteenth of the time
        return np.argsort(self.codes.astype(np.uint16) if len(self) <= 1 << 16 else self.codes, kind="stable")

    def select(self, rows: npt.NDArray[np.bool_]) -> Groups:
        """The groups of some rows, in order of first appearance among them."""
        codes = self.codes[rows]
        first = np.full(len(self), len(codes))
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        present = np.flatnonzero(first < len(codes))
        present = present[np.argsort(first[present])]
        number = np.empty(len(self), dtype=np.intp)
        number[present] = np.arange(len(present))
        return Groups(number[codes], first[present])

    def total(self, values: Column) -> Int64:
        """The sum of each group; of a mask, how many are true."""
        if values.dtype == np.bool_:
            return np.bincount(self.codes[np.flatnonzero(values)], minlength=len(self)).astype(np.int64, copy=False)
        sums = np.zeros(len(self), dtype=np.int64)
        np.add.at(sums, self.codes, values.astype(np.int64, copy=False))
        return sums

    def smallest(self, values: Column) -> Int64:
        """The smallest value of each group."""
        return self._reduced(np.minimum, values)

    def largest(self, values: Column) -> Int64:
        """The largest value of each group."""
        return self._reduced(np.maximum, values)

    def union(self, values: Column) -> Int64:
        """The bits set in any value of each group."""
        return self._reduced(np.bitwise_or, values)

    def _reduced(self, operation: np.ufunc, values: Column) -> Int64:
        reduced = values[self.first]
        operation.at(reduced, self.codes, values)
        return reduced.astype(np.int64, copy=False)

    def smallest_numbers(self, numbers: Column, most: int) -> Int64:
        """The ``most`` smallest of the numbers of each group, rising; 0 is none, and fills what is left.

        ``numbers`` has one row a row of the table, and any number of columns.
        """
        listed = numbers[self.order].ravel()
        owner = np.repeat(self.codes[self.order], numbers.shape[1])
        present = np.flatnonzero(listed)
        if len(present) < len(listed):
            listed, owner = listed[present], owner[present]
        if np.any((listed[1:] < listed[:-1]) & (owner[1:] == owner[:-1])):  # frames in order are in order already
            order = np.lexsort((listed, owner))
            listed = listed[order]
        ends = np.cumsum(np.bincount(owner, minlength=len(self)))
        at = np.append(0, ends[:-1])[:, None] + np.arange(most)
        smallest = np.zeros((len(self), most), dtype=np.int64)
        is_there = at < ends[:, None]
        smallest[is_there] = listed[at[is_there]]
        return smallest


def _mixed(keys: Sequence[Column]) -> npt.NDArray[np.uint64]:
    """A number of each row whose highest bits depend on all of the key."""
    mixed = np.zeros(len(keys[0]), dtype=np.int64)
    for column in keys:
        mixed += column.view(np.int64) if column.dtype == np.uint64 else column
        mixed *= _ODD
    return mixed.view(np.uint64)


def _first_alike(keys: Sequence[Column], hashes: npt.NDArray[np.uint64], rounds: int) -> Index:
    """For each row the position of the first one with the same key."""
    if rounds == 0:
        return _first_alike_sorted(keys)
    bits = len(hashes).bit_length() + 1  # a slot holds less than every other row
    positions, slots = np.arange(len(hashes)), (hashes >> np.uint64(64 - bits)).view(np.int64)
    holder = np.empty(1 << bits, dtype=np.intp)
    holder[slots[::-1]] = positions[::-1]  # the last to be written is the first of the rows
    alike = holder[slots]
    is_alike = np.logical_and.reduce([column == column.take(alike) for column in keys])
    if not is_alike.all():
        others = np.flatnonzero(~is_alike)
        rest = [column[others] for column in keys]
        alike[others] = others[_first_alike(rest, hashes[others] * _ODD.astype(np.uint64), rounds - 1)]
    return alike


def _first_alike_sorted(keys: Sequence[Column]) -> Index:
    order = np.lexsort(keys)
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = np.logical_or.reduce([column[order[1:]] != column[order[:-1]] for column in keys])
    alike = np.empty(len(order), dtype=np.intp)
    alike[order] = order[begins][np.cumsum(begins) - 1]
    return alike


def hash_rows(keys: Sequence[Column]) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each row of ``keys``; equal rows hash equal, on every machine."""
    mixed = np.full(len(keys[0]), 0x9E3779B97F4A7C15, dtype=np.uint64)
    for column in keys:
        mixed ^= column.astype(np.int64, copy=False).view(np.uint64)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(32)
    return mixed
