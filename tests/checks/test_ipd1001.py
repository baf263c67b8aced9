"""IPD1001 GatewayArpUnanswered."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import ethernet
from tests.checks.world import HOST_MAC, POD_A, Examination, at, bgp, from_pod, gateway_arp, gateway_asked, request

HOST_SOLICITS = at(
    1.5, ethernet(b"\x60" + bytes(47), source=HOST_MAC, destination="33:33:00:00:00:02", ether_type=0x86DD)
)
TRIES = gateway_asked([1, 2.03, 3.06, 4.1, 5.2])


def test_answered_requests_pass(examine: Examination) -> None:
    assert examine([*gateway_arp(1), *gateway_arp(30)]).status is Status.PASS


def test_answer_after_two_tries_passes(examine: Examination) -> None:
    assert examine([*gateway_asked([1, 2]), *gateway_arp(3), at(9, from_pod(request(ttl=64)))]).status is Status.PASS


def test_pod_that_sends_packets_has_its_answer(examine: Examination) -> None:
    answer = examine([*TRIES, HOST_SOLICITS, at(4.5, from_pod(request(ttl=64)))])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.ONE_DIRECTION)


def test_requests_within_the_last_second_are_too_early(examine: Examination) -> None:
    answer = examine([HOST_SOLICITS, *gateway_asked([1, 2.03, 3.06])])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.TOO_SHORT)


def test_burst_is_one_try(examine: Examination) -> None:
    answer = examine([HOST_SOLICITS, *gateway_asked([1, 1.1, 1.2, 1.3, 9])])
    assert answer.status is Status.NOT_CHECKED


def test_three_tries_without_answer_are_critical(examine: Examination) -> None:
    finding = examine([HOST_SOLICITS, *TRIES]).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.CONFIRMED)
    assert finding.evidence[0].frames == (1, 3, 4, 5, 6)
    assert POD_A in finding.title


def test_answers_that_stop_are_reported_since_then(examine: Examination) -> None:
    assert examine([*gateway_arp(0.1), HOST_SOLICITS, *TRIES]).finding.count == len(TRIES)


def test_nothing_from_the_host_side_lowers_confidence(examine: Examination) -> None:
    finding = examine(TRIES).finding
    assert finding.confidence is Confidence.LIKELY
    assert any("one direction" in alternative for alternative in finding.alternatives)


def test_other_points_cannot_show_it(examine: Examination) -> None:
    answer = examine(bgp())
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.WRONG_POINT)
    assert answer.enable and "cali" in answer.enable
