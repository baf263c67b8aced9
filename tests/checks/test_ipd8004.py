"""IPD8004 Reordering."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.connections import FULL, Connection
from tests.checks.world import Examination, Timed, bgp, pings


def overtaken(times: int, *, late: float = 0.0004, newer: bool = False, **kind: object) -> list[Timed]:
    """Each time a segment comes after the one that was sent behind it."""
    one = Connection(**kind)  # type: ignore[arg-type]
    one.open()
    for _ in range(times):
        first = one.packet(FULL, flags="PA")
        start = one.sequence[True]
        one.sequence[True] += FULL
        one.send(FULL)
        if newer:
            one.again(FULL, start, after=late)
        else:
            one.show(first, after=late)
        one.acknowledge()
    return [*bgp(), *one.frames]


# what must not be reported


def test_segments_in_order_pass(examine: Examination) -> None:
    one = Connection()
    one.open()
    one.exchange(FULL, times=10)
    assert examine([*bgp(), *one.frames]).status is Status.PASS


def test_two_are_not_reported(examine: Examination) -> None:
    assert not examine(overtaken(2)).findings


@pytest.mark.parametrize("has_stamps", [True, False])
def test_what_is_sent_again_at_once_did_not_overtake(examine: Examination, has_stamps: bool) -> None:
    assert not examine(overtaken(9, newer=True, late=0.0025, has_stamps=has_stamps)).findings


def test_what_comes_much_later_is_not_called_overtaken(examine: Examination) -> None:
    assert not examine(overtaken(9, late=0.02)).findings


# what must be


@pytest.mark.parametrize("has_stamps", [True, False])
def test_overtaken_segments_are_noted(examine: Examination, has_stamps: bool) -> None:
    finding = examine(overtaken(5, has_stamps=has_stamps)).finding
    assert (finding.severity, finding.count) == (Severity.NOTICE, 5)
    assert "up to 400 µs behind" in finding.observed


# what cannot be judged


def test_without_tcp_nothing_can_be_said(examine: Examination) -> None:
    assert examine(pings()).reason is Reason.TOO_FEW_PACKETS
