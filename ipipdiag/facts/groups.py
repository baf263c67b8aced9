"""Rows that share a key, numbered in the order in which keys first appear, and what becomes of their values.

Exact: two rows are of one group if and only if all their key columns are equal. A hash only says where to look: it
names a slot for each row, the first row of a slot is remembered, and every row compares its whole key with that one's.
Rows that find another key there look again in slots of another hash; what has found nobody after ROUNDS is sorted.
Sums are sums of 64-bit integers, never of floats.

Fast: nothing is sorted unless frames are listed, and columns are read as narrow as they are. 65,536 packets with 11 key
columns are numbered in 1.3 ms, where a hash of their keys, pandas.factorize and comparing them took 2.5 ms; a column is
then summed up in 0.09 ms, where sorting the rows by group took 2.1 ms and each column 0.08 ms more.
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

ROUNDS = 8  # even if all keys differ, three rows in four are the first of their slot in the first of them
_ODD = np.int64(0x1E3779B97F4A7C15)


@dataclass(frozen=True)
class Groups:
    """For each row of a table the number of its group, and for each group the position of its first row."""

    codes: Index
    first: Index

    @classmethod
    def of(cls, keys: Sequence[Column]) -> Self:
        """The groups of rows that are equal in all columns of ``keys``, in order of first appearance."""
        words = _packed(keys)
        alike = _first_alike(words, mixed(words), ROUNDS)
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

    @cached_property
    def sizes(self) -> Int64:
        """How many rows each group has."""
        return _count(self.codes, len(self))

    def previous(self) -> tuple[Index, Index]:
        """The rows that are not the first of their group, in order, and for each the latest of its group before it."""
        after, before = self.order[1:], self.order[:-1]
        same = self.codes[after] == self.codes[before]
        found = np.full(len(self.codes), -1)
        found[after[same]] = before[same]
        later = np.flatnonzero(found >= 0)
        return later, found[later]

    def total(self, values: Column) -> Int64:
        """The sum of each group; of a mask, how many are true."""
        if values.dtype == np.bool_:
            count, few = np.count_nonzero(values), len(values) >> 3
            if count <= few:  # the few are found sooner than all are added up
                return _count(self.codes[values], len(self))
            if len(values) - count <= few:
                return self.sizes - _count(self.codes[~values], len(self))
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
        if len(values) and values.min() != values.max():  # much of what packets may have, none of a batch has
            operation.at(reduced, self.codes, values)
        return reduced.astype(np.int64, copy=False)

    def smallest_numbers(self, numbers: Column, most: int) -> Int64:
        """The ``most`` smallest of the numbers of each group, rising; 0 is none, and fills what is left.

        ``numbers`` has one row a row of the table, and any number of columns.
        """
        order = self.order
        if np.count_nonzero(numbers) < numbers.size >> 3:  # few rows have any
            rows = np.flatnonzero(numbers.any(axis=1))
            order = rows[np.argsort(self.codes[rows], kind="stable")]
        listed, owner = numbers[order].ravel(), np.repeat(self.codes[order], numbers.shape[1])
        if np.count_nonzero(listed) < len(listed):
            present = np.flatnonzero(listed)
            listed, owner = listed[present], owner[present]
        falls = listed[1:] < listed[:-1]
        if np.any(falls & (owner[1:] == owner[:-1])):  # those of frames in order rise
            listed = _sorted_within(owner, listed)
        ends = np.cumsum(_count(owner, len(self)))
        at = np.append(0, ends[:-1])[:, None] + np.arange(most)
        smallest = np.zeros((len(self), most), dtype=np.int64)
        is_there = at < ends[:, None]
        smallest[is_there] = listed[at[is_there]]
        return smallest


def _count(codes: Index, groups: int) -> Int64:
    return np.bincount(codes, minlength=groups).astype(np.int64, copy=False)


def _sorted_within(owner: Index, numbers: Int64) -> Int64:
    """The numbers of each owner sorted; ``owner`` rises."""
    least = int(numbers.min())
    bits = (int(numbers.max()) - least).bit_length()
    if bits + int(owner[-1]).bit_length() < 64:  # one sort of both in one number takes a third of the time
        both = np.sort((owner << bits) + (numbers - least))
        rising: Int64 = (both & ((1 << bits) - 1)) + least
        return rising
    return numbers[np.lexsort((numbers, owner))]


def _packed(keys: Sequence[Column]) -> list[Column]:
    """The same keys in fewer columns: narrow ones side by side in 64 bits."""
    words: list[Column] = []
    room = 0
    for column in keys:
        bits = 8 * column.itemsize
        unsigned = column.view(f"u{column.itemsize}")
        if bits == 64:
            words.insert(0, unsigned)
        elif bits <= room:
            words[-1] <<= np.uint64(bits)
            words[-1] |= unsigned
            room -= bits
        else:
            words.append(unsigned.astype(np.uint64))
            room = 64 - bits
    return words


def mixed(keys: Sequence[Column]) -> npt.NDArray[np.uint64]:
    """A number of each row whose highest bits depend on all of the key."""
    hashes = np.zeros(len(keys[0]), dtype=np.int64)
    for column in keys:
        hashes += column.view(np.int64) if column.dtype == np.uint64 else column
        hashes *= _ODD
    return hashes.view(np.uint64)


def maybe_repeated(hashes: npt.NDArray[np.uint64]) -> Index:
    """Positions, in order, of all hashes that occur more than once, and of few others."""
    rows = np.arange(len(hashes))
    is_halved = True
    while is_halved:  # of hashes that are all different each look leaves two in five at most
        bits = len(rows).bit_length() + 1
        slots = (hashes >> np.uint64(64 - bits)).view(np.int64)
        shared = np.flatnonzero(np.bincount(slots, minlength=1 << bits)[slots] > 1)
        is_halved = 0 < len(shared) < len(rows) // 2
        rows, hashes = rows[shared], hashes[shared] * _ODD.astype(np.uint64)
    return rows


def _first_alike(keys: Sequence[Column], hashes: npt.NDArray[np.uint64], rounds: int) -> Index:
    """For each row the position of the first one with the same key."""
    if rounds == 0:
        return _first_alike_sorted(keys)
    bits = len(hashes).bit_length() + 1  # two to four slots a row
    positions, slots = np.arange(len(hashes)), (hashes >> np.uint64(64 - bits)).view(np.int64)
    holder = np.empty(1 << bits, dtype=np.intp)
    holder[slots[::-1]] = positions[::-1]  # the last to be written is the first of the rows
    alike = holder[slots]
    is_alike = np.ones(len(alike), dtype=np.bool_)
    for column in keys:
        is_alike &= column == column.take(alike)
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
