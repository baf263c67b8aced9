"""IPD6001 ProtocolFourBlocked."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import ethernet
from tests.checks.world import (
    MAC_NODE_A,
    MAC_NODE_B,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    OTHER_POD_B,
    ROUTER,
    Examination,
    at,
    bgp,
    gateway_arp,
    pings,
    request,
)

LOST = [*pings(4, answered=False), *pings(4, 1.5, answered=False, destination=OTHER_POD_B)]


def at_b(*more: tuple[int, bytes]) -> list[tuple[int, bytes]]:
    """What the far node's NIC shows: BGP, and whatever else arrives."""
    third = [
        at(n, ethernet(request(n, NODE_B, ROUTER, ttl=64), source=MAC_NODE_B, destination=MAC_ROUTER))
        for n in range(1, 9)
    ]
    return [*bgp(), *third, *more]


def at_a(*more: tuple[int, bytes]) -> list[tuple[int, bytes]]:
    third = [
        at(n, ethernet(request(n, NODE_A, ROUTER, ttl=64), source=MAC_NODE_A, destination=MAC_ROUTER))
        for n in range(1, 9)
    ]
    return [*bgp(), *third, *more]


def test_answered_tunnel_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_single_pod_may_be_at_fault_itself(examine: Examination) -> None:
    assert not examine(at_a(*pings(4, answered=False))).findings


def test_another_pod_that_answers_clears_the_tunnel(examine: Examination) -> None:
    assert not examine(at_a(*pings(4, answered=False), *pings(2, 1.5, destination=OTHER_POD_B))).findings


def test_without_contrast_nothing_is_said(examine: Examination) -> None:
    assert not examine(LOST).findings


def test_packets_that_arrive_are_not_lost_between(examine: Examination) -> None:
    assert not examine(at_a(*LOST), at_b(*LOST)).findings


def test_one_side_makes_it_likely(examine: Examination) -> None:
    finding = examine(at_a(*LOST)).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert "BGP" in finding.worked[0]
    assert any(NODE_B in command for command in finding.confirm)


def test_both_sides_make_it_sure(examine: Examination) -> None:
    finding = examine(at_a(*LOST), at_b()).finding
    assert finding.confidence is Confidence.CONFIRMED
    assert "never reach" in finding.title
    assert f"{len(LOST)} tunnel packets" in finding.observed


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT
