"""IPD6008 DroppedAtSource."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.two_points import Ways
from tests.checks.world import NODE_A, POD_A, POD_B, Examination


def test_what_leaves_the_node_passes(examine: Examination) -> None:
    ways = Ways()
    ways.ping(5)
    assert examine(*ways.captures("cali_a", "tunl_a", "nic_a")).status is Status.PASS


def test_capture_that_misses_what_is_seen_further_on_is_no_loss(examine: Examination) -> None:
    ways = Ways()
    ways.ping(5)
    ways.frames["nic_a"] = ways.frames["nic_a"][::2]
    assert not examine(*ways.captures("cali_a", "nic_a", "nic_b")).findings


def test_answered_requests_have_left(examine: Examination) -> None:
    ways = Ways()
    ways.ping(5)
    ways.frames["nic_a"].clear()
    assert not examine(*ways.captures("cali_a", "nic_a", "tunl_b")).findings


def test_one_point_is_not_enough(examine: Examination) -> None:
    ways = Ways()
    ways.ping(5, lost_after="cali_a")
    answer = examine(*ways.captures("cali_a"))
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.SINGLE_POINT)


def test_capture_of_another_time_is_not_compared(examine: Examination) -> None:
    ways = Ways()
    ways.ping(5, lost_after="cali_a")
    ways.ping(3, first=12, identifier=9)
    answer = examine(*ways.captures("cali_a", "nic_a", shift={"cali_a": -60}))
    assert not answer.findings


def test_two_lost_packets_are_too_few(examine: Examination) -> None:
    ways = Ways()
    ways.ping(2, lost_after="cali_a")
    ways.ping(3, first=12, identifier=9)
    assert not examine(*ways.captures("cali_a", "nic_a", "nic_b")).findings


def test_packets_that_end_on_their_node_are_critical(examine: Examination) -> None:
    ways = Ways()
    ways.ping(5, lost_after="cali_a")
    ways.ping(3, first=12, identifier=9)
    finding = examine(*ways.captures("pod_a", "cali_a", "tunl_a", "nic_a")).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert f"packets of pod {POD_A} to {POD_B} end on their own node {NODE_A}" in finding.title
    assert "never tunl0 of node" in finding.title
    assert finding.count == 5
