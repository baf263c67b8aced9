"""IPD4001 BgpRefused."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.bgp_world import Talk, talks
from tests.checks.world import (
    NODE_A,
    NODE_B,
    Examination,
    gateway_arp,
    pings,
)


def test_session_that_comes_up_is_no_refusal(examine: Examination) -> None:
    assert examine(talks(Talk().establish(1).keep(4, 20))).status is Status.PASS


def test_reset_of_an_open_session_is_no_refusal(examine: Examination) -> None:
    assert not examine(talks(Talk().establish(1).keep(4, 10).send(11, NODE_A, "R"))).findings


def test_refusal_during_a_restart_is_a_warning(examine: Examination) -> None:
    finding = examine(talks(Talk(41001).dial(1, "RA"), Talk(41002).establish(6).keep(9, 20))).finding
    assert finding.severity is Severity.WARNING


def test_refused_connections_are_an_error(examine: Examination) -> None:
    finding = examine([*talks(*(Talk(41001 + n).dial(1 + 5 * n, "RA") for n in range(3))), *pings()]).finding
    assert (finding.severity, finding.confidence, finding.count) == (Severity.ERROR, Confidence.CONFIRMED, 3)
    assert finding.title.startswith(f"node {NODE_A} refuses")
    assert finding.subject.nodes == (NODE_A, NODE_B)


def test_no_bgp_is_not_judged(examine: Examination) -> None:
    assert examine(pings()).reason is Reason.TOO_SHORT
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT
