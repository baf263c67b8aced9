"""IPD6009 LostBetweenNodes."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from ipipdiag.trace import hops
from tests.checks.two_points import Ways
from tests.checks.world import NODE_A, NODE_B, Examination


def test_what_arrives_passes(examine: Examination) -> None:
    ways = Ways()
    ways.ping(5)
    assert examine(*ways.captures("nic_a", "nic_b")).status is Status.PASS


def test_one_nic_is_not_enough(examine: Examination) -> None:
    ways = Ways()
    ways.ping(5, lost_after="nic_a")
    answer = examine(*ways.captures("cali_a", "nic_a"))
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.SINGLE_POINT)


def test_capture_that_ended_before_is_not_compared(examine: Examination) -> None:
    ways = Ways()
    ways.ping(5, first=10, lost_after="nic_a")
    captures = [*ways.captures("nic_a"), *ways.captures("nic_b", until=8)]
    assert not examine(*captures).findings


def test_what_never_reaches_the_other_nic_is_critical(examine: Examination) -> None:
    ways = Ways()
    ways.ping(6, lost_after="nic_a")
    ways.ping(3, first=12, identifier=9)
    finding = examine(*ways.captures("nic_a", "nic_b")).finding
    assert (finding.severity, finding.confidence, finding.count) == (Severity.CRITICAL, Confidence.CONFIRMED, 6)
    assert f"lost between nodes {NODE_A} and {NODE_B}" in finding.title


@pytest.mark.parametrize("shown", [1, 64])
def test_flows_that_are_not_shown_are_counted(
    shown: int, examine: Examination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hops, "FLOWS_SHOWN", shown)
    ways = Ways()
    for identifier in (5, 6):
        ways.ping(6, identifier=identifier, lost_after="nic_a")
    ways.ping(3, first=12, identifier=9)
    assert examine(*ways.captures("nic_a", "nic_b")).finding.count == 12


def test_nic_without_any_tunnel_packet_may_be_filtered(examine: Examination) -> None:
    ways = Ways()
    ways.ping(6, lost_after="nic_a")
    finding = examine(*ways.captures("nic_a", "nic_b")).finding
    assert finding.confidence is Confidence.LIKELY
    assert "leaves protocol 4 out" in finding.alternatives[0]


def test_clock_that_is_wrong_by_seconds_changes_nothing(examine: Examination) -> None:
    ways = Ways()
    ways.ping(6, lost_after="nic_a")
    ways.ping(3, first=12, identifier=9)
    finding = examine(*ways.captures("nic_a", "nic_b", shift={"nic_b": -3600})).finding
    assert finding.count == 6
