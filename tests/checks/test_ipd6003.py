"""IPD6003 TunnelRefused."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import icmp_error, ipv4, udp
from tests.checks.world import (
    NODE_A,
    NODE_B,
    POD_A,
    POD_B,
    Examination,
    at,
    bgp,
    from_b,
    gateway_arp,
    pings,
    request,
    wrapped,
)


def refusal(code: int, quoted: bytes) -> tuple[int, bytes]:
    return at(6, from_b(ipv4(icmp_error(3, code, quoted), NODE_B, NODE_A)))


def test_ordinary_traffic_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_refusal_of_another_protocol_is_no_matter(examine: Examination) -> None:
    gre = ipv4(bytes(20), NODE_A, NODE_B, protocol=47)
    assert not examine([*bgp(), *pings(), refusal(2, gre)]).findings


def test_refusal_of_a_datagram_is_no_matter(examine: Examination) -> None:
    assert not examine([*bgp(), *pings(), refusal(3, ipv4(udp(b"x"), NODE_A, NODE_B))]).findings


def test_refusal_inside_the_tunnel_is_about_pods(examine: Examination) -> None:
    inside = wrapped(ipv4(icmp_error(3, 3, request()), NODE_B, POD_A), NODE_B, NODE_A)
    assert not examine([*bgp(), *pings(), at(6, from_b(inside))]).findings


@pytest.mark.parametrize(("code", "cause"), [(2, "no ipip module"), (3, "tunl0 is down or absent")])
def test_refused_tunnel_packet_is_critical(examine: Examination, code: int, cause: str) -> None:
    finding = examine([*bgp(), *pings(answered=False), refusal(code, wrapped(request()))]).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.CONFIRMED)
    assert cause in finding.title
    assert POD_B in finding.subject.addresses


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT
