"""Matching: which sighting of a unit at one place is which at another.

A unit that is sent once is seen once at each place. One that was sent again has several sightings; where both places
have as many, they follow in order. Where one has fewer, something was lost: each later sighting belongs to the latest
earlier one that is still free.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Matches:
    """Positions of sightings at the earlier place and of the same at the later one, pair by pair; none twice."""

    earlier: Index
    later: Index


def match(unit_a: Int64, time_a: Int64, unit_b: Int64, time_b: Int64, tolerance_ns: int) -> Matches:
    """Pair the sightings of two places.

    Times are of one clock, to within ``tolerance_ns``: no packet is seen at the later place by more than that before
    it is at the earlier.
    """
    order_a, order_b = np.lexsort((time_a, unit_a)), np.lexsort((time_b, unit_b))
    units_a, start_a, count_a = _runs(unit_a[order_a])
    units_b, start_b, count_b = _runs(unit_b[order_b])
    _, in_a, in_b = np.intersect1d(units_a, units_b, assume_unique=True, return_indices=True)
    even = count_a[in_a] == count_b[in_b]
    earlier, later = [], []
    runs_a, runs_b = in_a[even], in_b[even]
    earlier.append(order_a[_members(start_a[runs_a], count_a[runs_a])])
    later.append(order_b[_members(start_b[runs_b], count_b[runs_b])])
    for run_a, run_b in zip(in_a[~even].tolist(), in_b[~even].tolist(), strict=True):
        members_a = order_a[start_a[run_a] : start_a[run_a] + count_a[run_a]]
        members_b = order_b[start_b[run_b] : start_b[run_b] + count_b[run_b]]
        pairs = _pair_uneven(time_a[members_a].tolist(), time_b[members_b].tolist(), tolerance_ns)
        earlier.append(members_a[[pair[0] for pair in pairs]])
        later.append(members_b[[pair[1] for pair in pairs]])
    return Matches(np.concatenate(earlier), np.concatenate(later))


def _runs(values: Int64) -> tuple[Int64, Index, Index]:
    """Distinct values of a sorted array, where each begins, and how often it occurs."""
    begins = (
        np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])) if len(values) else np.zeros(0, np.intp)
    )
    return values[begins], begins, np.diff(np.append(begins, len(values)))


def _members(start: Index, count: Index) -> Index:
    """Positions of all members of some runs, run by run."""
    offsets = np.repeat(np.cumsum(count) - count, count)
    positions: Index = np.repeat(start, count) + np.arange(len(offsets)) - offsets
    return positions


def _pair_uneven(times_a: list[int], times_b: list[int], tolerance_ns: int) -> list[tuple[int, int]]:
    """Pairs of positions: to each later sighting, last first, the latest earlier one that is not taken."""
    pairs = []
    free = len(times_a) - 1
    for position in range(len(times_b) - 1, -1, -1):
        while free >= 0 and times_a[free] > times_b[position] + tolerance_ns:
            free -= 1
        if free < 0:
            break
        pairs.append((free, position))
        free -= 1
    return pairs[::-1]
