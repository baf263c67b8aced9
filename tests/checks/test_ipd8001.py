"""IPD8001 PacketLoss."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.two_points import Ways
from tests.checks.world import Examination


def test_no_loss_passes(examine: Examination) -> None:
    ways = Ways()
    ways.ping(12)
    assert examine(*ways.captures("nic_a", "nic_b")).status is Status.PASS


def test_few_lost_packets_are_not_reported(examine: Examination) -> None:
    ways = Ways()
    ways.ping(15, lost_after="nic_a", lost=(3, 6, 9, 12))
    assert not examine(*ways.captures("nic_a", "nic_b")).findings


def test_packets_that_a_capture_misses_are_not_lost(examine: Examination) -> None:
    ways = Ways()
    ways.ping(15)
    ways.frames["nic_b"] = ways.frames["nic_b"][::3]
    assert not examine(*ways.captures("nic_a", "nic_b", "tunl_b")).findings
    assert not examine(*ways.captures("nic_a", "nic_b")).findings  # all were answered


def test_one_point_is_not_enough(examine: Examination) -> None:
    ways = Ways()
    ways.ping(15, lost_after="nic_a", lost=range(3, 9))
    assert examine(*ways.captures("nic_a")).reason is Reason.SINGLE_POINT


def test_loss_names_the_hop_and_its_share(examine: Examination) -> None:
    ways = Ways()
    ways.ping(16, lost_after="nic_a", lost=range(3, 11))
    finding = examine(*ways.captures("cali_a", "nic_a", "nic_b", "cali_b")).finding
    assert (finding.severity, finding.confidence, finding.count) == (Severity.ERROR, Confidence.CONFIRMED, 8)
    assert finding.title.startswith("50.0 % of the packets")
    assert "between NIC of node" in finding.title
    assert finding.worked == ("of 8 packets of the other direction 0 are lost there",)
