"""IPD4005 BlockWithdrawnInUse."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import bgp_update
from tests.checks.bgp_world import Talk, talks
from tests.checks.world import (
    BLOCK_B,
    NODE_B,
    Examination,
    pings,
)


def withdrawn(time: float = 10) -> Talk:
    return Talk().establish(1).keep(4, 8).say(time, NODE_B, bgp_update(withdrawn=[BLOCK_B])).keep(12, 30)


def test_block_that_stays_announced_passes(examine: Examination) -> None:
    assert examine([*talks(Talk().establish(1).keep(4, 30)), *pings()]).status is Status.PASS


def test_withdrawn_block_without_traffic_passes(examine: Examination) -> None:
    assert not examine([*talks(withdrawn()), *pings(4, first=2)]).findings


def test_block_announced_again_passes(examine: Examination) -> None:
    again = withdrawn().say(31, NODE_B, bgp_update([BLOCK_B], NODE_B)).keep(33, 40)
    assert not examine([*talks(again), *pings(20, first=4)]).findings


def test_answered_traffic_is_a_warning(examine: Examination) -> None:
    finding = examine([*talks(withdrawn()), *pings(20, first=4)]).finding
    assert finding.severity is Severity.WARNING


def test_unanswered_traffic_to_a_withdrawn_block_is_critical(examine: Examination) -> None:
    finding = examine([*talks(withdrawn()), *pings(12, first=10, answered=False)]).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert BLOCK_B in finding.title
    assert finding.title.startswith(f"node {NODE_B} withdrew")


def test_no_bgp_is_not_judged(examine: Examination) -> None:
    assert examine(pings()).reason is Reason.TOO_SHORT
