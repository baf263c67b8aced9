"""IPD3009 DestinationUnreachable."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Severity, Status
from tests.builders.packets import icmp_error, ipv4
from tests.checks.world import (
    NODE_A,
    NODE_B,
    POD_A,
    POD_B,
    ROUTER,
    TUNNEL_A,
    Examination,
    at,
    bgp,
    from_a,
    from_b,
    pings,
    request,
    wrapped,
)


def reported(code: int, reporter: str = TUNNEL_A, destination: str = POD_B) -> bytes:
    quoted = request(1, destination=destination)
    return ipv4(icmp_error(3, code, quoted), reporter, POD_A, ttl=64, id=9)


def test_answered_traffic_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_port_unreachable_is_an_answer(examine: Examination) -> None:
    assert not examine([*bgp(), *pings(), at(9, from_b(wrapped(reported(3), NODE_B, NODE_A, ttl=64)))]).findings


def test_addresses_outside_are_not_judged(examine: Examination) -> None:
    outside = reported(1, ROUTER, "198.51.100.9")
    assert not examine([*bgp(), *pings(), at(9, from_b(outside))]).findings


def test_node_that_reports_a_pod_as_unreachable(examine: Examination) -> None:
    asked = [at(4 + n, from_a(wrapped(request(n)))) for n in range(1, 4)]
    finding = examine(
        [*bgp(), *asked, at(8.1, from_b(wrapped(reported(1, "172.20.9.1"), NODE_B, NODE_A, ttl=64)))]
    ).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert f"node {NODE_B} reports pod {POD_B} as unreachable (host)" in finding.title
    assert "3.1 s after the first request" in finding.observed


def test_empty_capture_is_not_judged(examine: Examination) -> None:
    assert examine([]).status in (Status.NOT_CHECKED, Status.NOT_APPLICABLE)
