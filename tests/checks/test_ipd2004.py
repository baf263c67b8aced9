"""IPD2004 OuterSourceNotNode."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import ethernet
from tests.checks.world import (
    MAC_NODE_A,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    Examination,
    at,
    bgp,
    from_a,
    from_b,
    pings,
    reply,
    request,
    wrapped,
)

DOCKER = "198.18.0.1"


def wrong(answered: bool = False) -> list[tuple[int, bytes]]:
    frames = [at(1 + n, from_a(wrapped(request(n), source=DOCKER))) for n in range(1, 5)]
    return frames + ([at(1.01 + n, from_b(wrapped(reply(n), NODE_B, NODE_A))) for n in range(1, 5)] if answered else [])


def test_node_addresses_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_router_carries_many_addresses(examine: Examination) -> None:
    """A packet of a node behind a router: the router's MAC, past its first hop."""
    routed = wrapped(request(source="172.20.30.4"), source="198.51.100.40", destination=NODE_A, ttl=62)
    frames = [at(3, ethernet(routed, source=MAC_ROUTER, destination=MAC_NODE_A))]
    assert not examine([*bgp(), *pings(), *frames]).findings


def test_unanswered_wrong_source_is_critical(examine: Examination) -> None:
    finding = examine([*bgp(), *wrong()]).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert DOCKER in finding.title
    assert NODE_A in finding.expected


def test_answered_wrong_source_is_a_warning(examine: Examination) -> None:
    assert examine([*bgp(), *wrong(answered=True)]).finding.severity is Severity.WARNING


def test_source_that_is_not_among_the_told_nodes(examine: Examination) -> None:
    answer = examine(wrong(), nodes=(f"a={NODE_A}/24", f"b={NODE_B}/24"))
    assert DOCKER in answer.finding.title


def test_without_nodes_and_bgp_it_is_not_known(examine: Examination) -> None:
    answer = examine(wrong())
    assert answer.reason is Reason.NO_CONFIG
    assert answer.enable and "--node" in answer.enable
