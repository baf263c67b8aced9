"""IPD8002 HighLatency."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.two_points import Ways
from tests.checks.world import Examination


def test_fast_hops_pass(examine: Examination) -> None:
    ways = Ways()
    ways.ping(6)
    assert examine(*ways.captures("nic_a", "nic_b")).status is Status.PASS


def test_clock_that_is_ahead_is_no_delay(examine: Examination) -> None:
    ways = Ways()
    ways.ping(6)
    assert examine(*ways.captures("nic_a", "nic_b", shift={"nic_b": 1.75})).status is Status.PASS


def test_one_direction_does_not_tell_delay_from_clocks(examine: Examination) -> None:
    ways = Ways(delays={"nic_b": 0.05})
    ways.ping(6)
    for place in ("tunl_a", "tunl_b"):
        ways.frames[place] = [frame for frame in ways.frames[place] if frame[1][12:16] == bytes([172, 20, 1, 5])]
    answer = examine(*ways.captures("tunl_a", "tunl_b"))
    assert not answer.findings


def test_one_point_is_not_enough(examine: Examination) -> None:
    ways = Ways()
    ways.ping(6)
    assert examine(*ways.captures("nic_a")).reason is Reason.SINGLE_POINT


def test_slow_hop_inside_a_node_is_named(examine: Examination) -> None:
    ways = Ways(delays={"cali_b": 0.03})
    ways.ping(6)
    finding = examine(*ways.captures("nic_a", "nic_b", "cali_b")).finding
    assert finding.severity is Severity.WARNING
    assert "take 30.0 ms from NIC of node" in finding.title
    assert "to cali" in finding.title or "to eth0" in finding.title
