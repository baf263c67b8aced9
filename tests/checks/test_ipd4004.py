"""IPD4004 BgpHoldTimerExpired."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import bgp_keepalive
from tests.checks.bgp_world import Talk, talks
from tests.checks.world import (
    NODE_A,
    NODE_B,
    Examination,
    gateway_arp,
    pings,
)


def test_keepalives_in_time_pass(examine: Examination) -> None:
    assert examine(talks(Talk().establish(1, hold=9).keep(4, 60))).status is Status.PASS


def test_short_capture_without_keepalives_is_no_silence(examine: Examination) -> None:
    assert not examine([*talks(Talk().establish(1, hold=240)), *pings(30, first=5)]).findings


def test_silence_with_unknown_hold_time_is_not_judged(examine: Examination) -> None:
    talk = Talk().keep(1, 4)
    for second in range(10, 200, 10):
        talk.say(second, NODE_A, bgp_keepalive())
    assert not examine(talks(talk)).findings


def test_notification_names_who_was_silent(examine: Examination) -> None:
    talk = Talk().establish(1, hold=9).keep(4, 10)
    finding = examine(talks(talk.notify(22, NODE_A, 4))).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert f"node {NODE_A} heard nothing of node {NODE_B}" in finding.title
    assert "12.0 s before" in finding.observed


def test_silence_beyond_the_agreed_hold_time_is_likely(examine: Examination) -> None:
    talk = Talk().establish(1, hold=9)
    for second in range(4, 30, 3):
        talk.say(second, NODE_A, bgp_keepalive())
    finding = examine(talks(talk)).finding
    assert finding.confidence is Confidence.LIKELY
    assert f"node {NODE_B} has been silent" in finding.title


def test_no_bgp_is_not_judged(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT
