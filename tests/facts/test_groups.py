"""Grouping and tallies against plain Python: whatever the values, the hashes and the batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipipdiag.facts import groups, tally
from ipipdiag.facts.groups import Groups, maybe_repeated
from ipipdiag.facts.tally import (
    EVIDENCE_FRAMES,
    LATE_FRAMES,
    Tally,
    TallyBuilder,
    derived,
    frame_numbers,
    key,
    largest,
    late_frame_numbers,
    smallest,
    total,
    union,
)

Column = npt.NDArray[Any]
Row = tuple[int, ...]

DTYPES = [np.bool_, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
LEAST, MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


def values_of(dtype: type) -> st.SearchStrategy[int]:
    """Few values, so that keys repeat, and the extremes of the type."""
    if dtype is np.bool_:
        return st.integers(0, 1)
    extremes = np.iinfo(dtype)
    return st.one_of(st.integers(0, 2), st.sampled_from([int(extremes.min), int(extremes.max), int(extremes.max) - 1]))


@st.composite
def keys_of_rows(draw: st.DrawFn) -> list[Column]:
    dtypes = draw(st.lists(st.sampled_from(DTYPES), min_size=1, max_size=4))
    rows = draw(st.lists(st.tuples(*(values_of(dtype) for dtype in dtypes)), max_size=60))
    return [np.array([row[place] for row in rows], dtype=dtype) for place, dtype in enumerate(dtypes)]


def first_rows(keys: Sequence[Column]) -> dict[Row, int]:
    """The position of the first row of each key, in order."""
    first: dict[Row, int] = {}
    for position, row in enumerate(zip(*(column.tolist() for column in keys), strict=True)):
        first.setdefault(row, position)
    return first


def assert_grouped(keys: Sequence[Column]) -> None:
    found, first = Groups.of(keys), first_rows(keys)
    number = {row: place for place, row in enumerate(first)}
    assert len(found) == len(first)
    assert found.first.tolist() == list(first.values())
    assert found.codes.tolist() == [number[row] for row in zip(*(column.tolist() for column in keys), strict=True)]


@given(keys_of_rows())
def test_rows_are_numbered_as_their_keys_appear(keys: list[Column]) -> None:
    assert_grouped(keys)


HASHES: dict[str, Callable[[Sequence[Column]], Column]] = {
    "all alike": lambda keys: np.zeros(len(keys[0]), dtype=np.uint64),
    "all in the last slot": lambda keys: np.full(len(keys[0]), (1 << 64) - 1, dtype=np.uint64),
    "of the first column alone": lambda keys: keys[0].astype(np.int64).view(np.uint64) << np.uint64(56),
    "in the lowest bits": lambda keys: keys[-1].astype(np.int64).view(np.uint64) & np.uint64(3),
}


@pytest.mark.parametrize("name", HASHES)
def test_keys_of_one_hash_stay_apart(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "mixed", HASHES[name])

    @settings(deadline=None)
    @given(keys_of_rows())
    def check(keys: list[Column]) -> None:
        assert_grouped(keys)

    check()


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_any_number_of_rounds_gives_the_same_groups(rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "ROUNDS", rounds)
    dice = np.random.default_rng(3)
    for distinct in (1, 40, 3_000):
        assert_grouped([dice.integers(0, distinct, 3_000), dice.integers(0, 2, 3_000, dtype=np.uint8)])


def test_as_many_groups_as_no_sixteen_bits_count() -> None:
    dice = np.random.default_rng(5)
    values = dice.permutation(np.arange(70_000).repeat(2))
    found = Groups.of([values])
    assert len(found) == 70_000
    assert found.order.tolist() == np.argsort(found.codes, kind="stable").tolist()
    assert_grouped([values])


@given(keys=keys_of_rows(), dice=st.randoms(use_true_random=False))
def test_the_groups_of_some_rows_are_those_of_a_table_of_them(keys: list[Column], dice: Any) -> None:
    chosen = np.array([dice.random() < 0.5 for _ in keys[0]], dtype=np.bool_)
    some, expected = Groups.of(keys).select(chosen), Groups.of([column[chosen] for column in keys])
    assert some.codes.tolist() == expected.codes.tolist()
    assert some.first.tolist() == expected.first.tolist()


@given(keys_of_rows())
def test_the_previous_row_of_a_group_is_the_latest_before(keys: list[Column]) -> None:
    latest: dict[Row, int] = {}
    expected = []
    for position, row in enumerate(zip(*(column.tolist() for column in keys), strict=True)):
        if row in latest:
            expected.append((position, latest[row]))
        latest[row] = position
    later, earlier = Groups.of(keys).previous()
    assert list(zip(later.tolist(), earlier.tolist(), strict=True)) == expected


@given(
    values=st.lists(st.one_of(st.integers(0, 5), st.sampled_from([(1 << 64) - 1, 1 << 63])), max_size=200),
    all_differ=st.booleans(),
)
def test_whatever_repeats_is_found(values: list[int], all_differ: bool) -> None:
    if all_differ:
        values = [value * 200 + place for place, value in enumerate(values) if value <= 5]
    hashes = np.array(values, dtype=np.uint64)
    found = maybe_repeated(hashes).tolist()
    assert found == sorted(set(found))
    assert {place for place, value in enumerate(values) if values.count(value) > 1} <= set(found)


def test_little_is_found_that_does_not_repeat() -> None:
    hashes = np.random.default_rng(6).integers(0, 1 << 64, 100_000, dtype=np.uint64)
    hashes[70_000] = hashes[100]
    found = maybe_repeated(hashes)
    assert {100, 70_000} <= set(found.tolist())
    assert len(found) < 1_000


class Everything(Tally):
    """A column of each kind."""

    name: Column = key()
    side: Column = key()
    packets: Column = total()
    seen: Column = total()
    least: Column = smallest()
    most: Column = largest()
    bits: Column = union()
    early: Column = frame_numbers()
    late: Column = late_frame_numbers()
    also: Column = derived()


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 2, 3, MOST, LEAST]),
        st.booleans(),
        st.sampled_from([0, 1, 1500, 1 << 40]),
        st.booleans(),
        st.sampled_from([LEAST, -1, 0, 7, MOST]),
        st.integers(0, 255),
        st.sampled_from([0, 1, 2, 1 << 62, LEAST]),
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    max_size=80,
)
Entries = list[tuple[int, bool, int, bool, int, int, int, int, int]]


def table(entries: Entries) -> Everything:
    """A row an entry, its columns as narrow as they may be."""
    columns = list(zip(*entries, strict=True)) or [()] * 9
    dtypes = (np.int64, np.bool_, np.int64, np.bool_, np.int64, np.uint8, np.int64, np.int64, np.int64)
    name, side, packets, seen, least, most, bits, early, late = (
        np.array(column, dtype=dtype) for column, dtype in zip(columns, dtypes, strict=True)
    )
    also = np.zeros(len(entries), dtype=np.int64)
    return Everything(name, side, packets, seen, least, most, bits, early[:, None], late[:, None], also)


def merged_in_python(entries: Entries) -> list[list[Any]]:
    by_key: dict[tuple[int, bool], Entries] = {}
    for entry in entries:
        by_key.setdefault(entry[:2], []).append(entry)
    rows = []
    for (name, side), members in by_key.items():
        _, _, packets, seen, least, most, bits, early, late = zip(*members, strict=True)
        union_of_bits = 0
        for value in bits:
            union_of_bits |= value
        smallest_numbers = sorted(number for number in early if number)[:EVIDENCE_FRAMES]
        largest_numbers = sorted((number for number in late if number), reverse=True)[:LATE_FRAMES]
        rows.append(
            [
                *(name, int(side), sum(packets), sum(seen), min(least), max(most), union_of_bits),
                smallest_numbers + [0] * (EVIDENCE_FRAMES - len(smallest_numbers)),
                largest_numbers + [0] * (LATE_FRAMES - len(largest_numbers)),
                0,
            ]
        )
    return rows


def rows_of(everything: Everything) -> list[list[Any]]:
    assert all(column.dtype == np.int64 for column in everything.columns().values())
    return [list(row) for row in everything.rows(*Everything.column_names())]


@given(ENTRIES)
def test_rows_of_one_key_become_one(entries: Entries) -> None:
    assert rows_of(table(entries).aggregate()) == merged_in_python(entries)


@settings(deadline=None)
@given(
    entries=ENTRIES,
    cuts=st.lists(st.integers(0, 80), max_size=6),
    limit=st.integers(1, 13),
    waiting=st.sampled_from([0, 5, 1_000]),
)
def test_any_batches_give_the_same_tally(entries: Entries, cuts: list[int], limit: int, waiting: int) -> None:
    """Split anywhere, empty batches among them, merged at once or later; full, it says what was left out."""
    builder = TallyBuilder(Everything, limit)
    ends = [0, *sorted(min(cut, len(entries)) for cut in cuts), len(entries)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tally, "WAITING_ROWS", waiting)
        for start, end in pairwise(ends):
            builder.add(table(entries[start:end]))
        kept = builder.finish()
    expected = merged_in_python(entries)
    assert rows_of(kept) == expected[:limit]
    assert builder.left_out == sum(row[2] for row in expected[limit:])


def test_many_small_batches_do_not_wait_for_ever() -> None:
    builder = TallyBuilder(Everything, 10)
    for number in range(3 * tally.WAITING_PARTS):
        builder.add(table([(number % 3, False, 1, True, 0, 0, 0, number, number)]))
        assert len(builder._parts) <= tally.WAITING_PARTS + 1
    assert builder.finish().packets.tolist() == [32, 32, 32]


def test_a_tally_without_rows_is_empty() -> None:
    builder = TallyBuilder(Everything, 10)
    assert rows_of(builder.finish()) == []
    builder.add(table([]))
    assert rows_of(builder.finish()) == []
    assert builder.finish().early.shape == (0, EVIDENCE_FRAMES)
