"""IPD1002 GatewayMacUnexpected."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.builders.packets import ethernet
from tests.checks.world import HOST_MAC, POD_MAC, Examination, at, bgp, from_pod, gateway_arp, reply, request, to_pod

ODD = "ee:4b:5f:01:02:03"


def test_six_bytes_of_ee_pass(examine: Examination) -> None:
    assert examine(gateway_arp()).status is Status.PASS


def test_other_mac_is_a_warning_where_traffic_works(examine: Examination) -> None:
    talk = [at(1, ethernet(request(ttl=64), source=POD_MAC, destination=ODD)), at(1.1, to_pod(reply(), ODD))]
    finding = examine([*gateway_arp(mac=ODD), *talk]).finding
    assert finding.severity is Severity.WARNING
    assert ODD in finding.title
    assert finding.worked


def test_pod_that_sends_to_a_mac_the_host_gave_up_is_critical(examine: Examination) -> None:
    before = [*gateway_arp(), at(1, from_pod(request(1, ttl=64))), at(1.01, to_pod(reply(1)))]
    moved = at(5, ethernet(b"\x60" + bytes(47), source=ODD, destination="33:33:00:00:00:02", ether_type=0x86DD))
    lost = [at(6 + n, from_pod(request(2 + n, ttl=64))) for n in range(4)]
    finding = examine([*before, moved, *lost]).finding
    assert finding.severity is Severity.CRITICAL
    assert HOST_MAC in finding.title


def test_without_replies_nothing_is_said(examine: Examination) -> None:
    answer = examine(bgp())
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.WRONG_POINT)
