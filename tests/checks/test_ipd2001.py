"""IPD2001 NotEncapsulated."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import ethernet
from tests.checks.world import (
    MAC_NODE_A,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    POD_A,
    POD_B,
    Examination,
    at,
    bgp,
    from_a,
    from_b,
    gateway_arp,
    pings,
    reply,
    request,
)

MODES = ("CrossSubnet", "Never")


def bare(count: int = 3, *, answered: bool = False) -> list[tuple[int, bytes]]:
    frames = [at(8 + n, ethernet(request(20 + n), source=MAC_NODE_A, destination=MAC_ROUTER)) for n in range(count)]
    return frames + ([at(8.01 + n, from_b(reply(20 + n))) for n in range(count)] if answered else [])


def test_wrapped_packets_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_mode_that_nobody_told_is_no_expectation(examine: Examination) -> None:
    answer = examine([*bgp(), *bare()])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)
    assert answer.enable and "ippool" in answer.enable


def test_mode_never_sends_bare_packets(examine: Examination) -> None:
    assert examine([*bgp(), *bare()], mode="Never").status is Status.PASS


def test_cross_subnet_sends_bare_packets_in_one_subnet(examine: Examination) -> None:
    nodes = (f"a={NODE_A}/24", f"b={NODE_B}/24")
    assert examine([*bgp(), *bare()], mode="CrossSubnet", nodes=nodes).status is Status.PASS


def test_traffic_of_others_is_not_judged(examine: Examination) -> None:
    outside = at(9, from_a(request(source=POD_A, destination="203.0.113.9")))
    assert not examine([*bgp(), *pings(), outside], mode="Always").findings


def test_leak_to_the_router_is_critical(examine: Examination) -> None:
    finding = examine([*bgp(), *bare()], mode="Always").finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.CONFIRMED)
    assert MAC_ROUTER in finding.observed
    assert POD_A in finding.title and POD_B in finding.title


def test_same_pair_wrapping_before_is_an_expectation(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(), *bare()]).finding
    assert finding.confidence is Confidence.LIKELY
    assert "wrap other packets" in finding.expected


def test_bare_packets_that_are_answered_are_a_warning(examine: Examination) -> None:
    answer = examine([*bgp(), *bare(answered=True)], mode="Always")
    assert {finding.severity for finding in answer.findings} == {Severity.WARNING}


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT


def fallen_bare(count: int, first: float = 6) -> list[tuple[int, bytes]]:
    """The same ping goes on without its outer header, by the router, and is not answered any more."""
    return [at(first + n, ethernet(request(5 + n), source=MAC_NODE_A, destination=MAC_ROUTER)) for n in range(count)]


def test_bare_requests_shortly_before_the_end_are_not_called_unanswered(examine: Examination) -> None:
    finding = examine([*bgp(until=7), *pings(), *fallen_bare(2)], mode="Always").finding
    assert finding.severity is Severity.WARNING


def test_flow_that_was_answered_while_it_was_wrapped_and_is_no_more_is_critical(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(), *fallen_bare(6)], mode="Always").finding
    assert finding.severity is Severity.CRITICAL
    assert "at least 6 requests in the 6.0 s since the last answer, none answered" in finding.observed
