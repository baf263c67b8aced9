"""IPD8002 HighLatency."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.two_points import Ways, echo
from tests.checks.world import POD_A, POD_B, Examination


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


def test_slow_way_between_nodes_shows_in_the_round_trip(examine: Examination) -> None:
    """One direction alone is slow, and the other machine's clock is ahead: the round trip needs neither."""
    for shift in (0, 1.75):
        ways = Ways(delays={"nic_b": 0.04})
        for sequence in range(1, 7):
            ways.send(1 + sequence, echo(sequence))
            ways.delays["nic_b"] = 0
            ways.send(1.05 + sequence, echo(sequence, request=False, source=POD_B, destination=POD_A), back=True)
            ways.delays["nic_b"] = 0.04
        finding = examine(*ways.captures("nic_a", "nic_b", shift={"nic_b": shift})).finding
        assert finding.severity is Severity.WARNING
        assert "take 40.0 ms from NIC of node" in finding.title
        assert finding.title.endswith(" and back")
        assert "which way is the slow one does not show" in finding.observed
