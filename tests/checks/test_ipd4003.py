"""IPD4003 BgpNotification."""

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


def test_session_without_notification_passes(examine: Examination) -> None:
    assert examine(talks(Talk().establish(1).keep(4, 20))).status is Status.PASS


def test_collision_beside_a_session_is_a_notice(examine: Examination) -> None:
    second = Talk(41002, dialler=NODE_A).dial(1.02).say(1.1, NODE_A, bgp_open()).notify(1.2, NODE_B, 6, 7)
    finding = examine(talks(Talk().establish(1).keep(4, 20), second)).finding
    assert finding.severity is Severity.NOTICE


def test_restart_that_comes_back_is_a_warning(examine: Examination) -> None:
    frames = talks(Talk().establish(1).keep(4, 8).notify(9, NODE_A, 6, 4), Talk(41005).establish(14).keep(17, 25))
    assert examine(frames).finding.severity is Severity.WARNING


def test_shutdown_that_stays_is_an_error(examine: Examination) -> None:
    finding = examine(talks(Talk().establish(1).keep(4, 8).notify(9, NODE_A, 6, 2))).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert "administrative shutdown" in finding.title


def test_wrong_as_shows_both_numbers(examine: Examination) -> None:
    talk = Talk().dial(1).say(1.1, NODE_B, bgp_open(64999)).say(1.2, NODE_A, bgp_open(64512)).notify(1.3, NODE_A, 2, 2)
    finding = examine([*talks(talk), *pings()]).finding
    assert "AS 64999" in finding.observed
    assert "AS 64512" in finding.observed


def test_hold_timer_is_left_to_its_own_check(examine: Examination) -> None:
    assert not examine(talks(Talk().establish(1).notify(100, NODE_A, 4))).findings


def test_no_bgp_is_not_judged(examine: Examination) -> None:
    assert examine(pings()).reason is Reason.TOO_SHORT
