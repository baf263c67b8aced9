"""IPD3005 BlackholeRouteMissing."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import ethernet
from tests.checks.world import (
    MAC_NODE_B,
    MAC_ROUTER,
    NODE_B,
    OTHER_POD_B,
    Examination,
    Timed,
    at,
    bgp,
    from_a,
    pings,
    request,
    wrapped,
)


def sent_on(count: int = 3, ttl: int = 62) -> list[Timed]:
    """Comes wrapped to node B, leaves it bare for the router."""
    frames = []
    for n in range(1, count + 1):
        frames.append(at(5 + n, from_a(wrapped(request(n, destination=OTHER_POD_B)))))
        leaves = ethernet(request(n, destination=OTHER_POD_B, ttl=ttl), source=MAC_NODE_B, destination=MAC_ROUTER)
        frames.append(at(5.001 + n, leaves))
    return frames


def test_delivered_traffic_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_copy_with_the_same_ttl_is_no_second_leg(examine: Examination) -> None:
    assert not examine([*bgp(), *sent_on(ttl=63)]).findings


def test_no_tunnel_packet_is_not_judged(examine: Examination) -> None:
    assert examine([*bgp(), at(5, from_a(request()))]).reason is Reason.TOO_FEW_PACKETS


def test_packets_that_leave_the_owner_again_are_an_error(examine: Examination) -> None:
    finding = examine([*bgp(), *sent_on()]).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert f"node {NODE_B} sends packets for {OTHER_POD_B} on" in finding.title
