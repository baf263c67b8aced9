"""Which sighting at one place is which at another."""

from __future__ import annotations

import numpy as np

from ipipdiag.trace.matching import match

TOLERANCE_NS = 1_000


def pairs(sent: list[tuple[int, int]], seen: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Positions that belong together, of sightings given as unit and time."""
    columns = [
        np.array([entry[column] for entry in side], dtype=np.int64) for side in (sent, seen) for column in (0, 1)
    ]
    matches = match(*columns, TOLERANCE_NS)
    return sorted(zip(matches.earlier.tolist(), matches.later.tolist(), strict=True))


def test_each_unit_finds_itself() -> None:
    assert pairs([(7, 0), (3, 10), (5, 20)], [(3, 15), (5, 26), (7, 4)]) == [(0, 2), (1, 0), (2, 1)]


def test_what_is_not_seen_has_no_partner() -> None:
    assert pairs([(1, 0), (2, 10)], [(2, 15)]) == [(1, 0)]
    assert pairs([(1, 0)], [(2, 5)]) == []
    assert pairs([], [(2, 5)]) == []


def test_retransmissions_follow_in_order() -> None:
    assert pairs([(1, 0), (1, 200_000)], [(1, 50), (1, 200_050)]) == [(0, 0), (1, 1)]


def test_of_a_retransmission_whose_first_try_was_lost_the_second_arrives() -> None:
    assert pairs([(1, 0), (1, 200_000)], [(1, 200_050)]) == [(1, 0)]


def test_first_try_that_arrives_before_the_second_is_sent_is_the_first() -> None:
    assert pairs([(1, 0), (1, 200_000)], [(1, 50)]) == [(0, 0)]


def test_nothing_is_matched_twice() -> None:
    found = pairs([(1, 0), (1, 100_000), (1, 200_000)], [(1, 100_010), (1, 200_010)])
    assert found == [(1, 0), (2, 1)]


def test_clocks_may_be_off_by_the_tolerance() -> None:
    assert pairs([(1, 500), (1, 200_000)], [(1, 0)]) == [(0, 0)]
    assert pairs([(1, 50_000), (1, 200_000)], [(1, 0)]) == []
