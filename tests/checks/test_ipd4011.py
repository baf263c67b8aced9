"""IPD4011 PeerNotConfigured."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import bgp_open
from tests.checks.bgp_world import Talk, talks
from tests.checks.world import (
    NODE_A,
    NODE_B,
    Examination,
    pings,
)


def turned_away(port: int, time: float) -> Talk:
    return Talk(port).dial(time).say(time + 0.01, NODE_B, bgp_open()).send(time + 0.02, NODE_A, "FA")


def test_session_that_comes_up_passes(examine: Examination) -> None:
    assert examine(talks(Talk().establish(1).keep(4, 20))).status is Status.PASS


def test_peer_that_comes_up_later_is_no_fault(examine: Examination) -> None:
    assert not examine(talks(turned_away(41001, 1), Talk(41002).establish(7).keep(9, 20))).findings


def test_shutdown_on_purpose_is_another_matter(examine: Examination) -> None:
    frames = talks(Talk().establish(1).keep(2, 4).notify(5, NODE_A, 6, 2), turned_away(41002, 10))
    assert not examine(frames).findings


def test_accepted_and_closed_without_open_is_an_error(examine: Examination) -> None:
    finding = examine([*talks(turned_away(41001, 1), turned_away(41002, 6)), *pings()]).finding
    assert (finding.severity, finding.confidence, finding.count) == (Severity.ERROR, Confidence.LIKELY, 2)
    assert f"node {NODE_A} accepts the BGP connections of {NODE_B}" in finding.title


def test_no_bgp_is_not_judged(examine: Examination) -> None:
    assert examine(pings()).reason is Reason.TOO_SHORT
