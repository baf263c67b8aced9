"""IPD3003 NoRouteToBlock."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import ethernet, icmp_error, ipv4
from tests.checks.files_world import BLOCKS, NODES, collected, pool, routes
from tests.checks.world import (
    BLOCK_B,
    MAC_NODE_A,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    OTHER_POD_B,
    POD_A,
    POD_B,
    ROUTER,
    Examination,
    Timed,
    at,
    bgp,
    from_a,
    from_pod,
    gateway_arp,
    pings,
    request,
    syn,
    to_pod,
    wrapped,
)

POOLED = NODES + BLOCKS + pool()


def to_router(packet: bytes) -> bytes:
    return ethernet(packet, source=MAC_NODE_A, destination=MAC_ROUTER)


def leaking(count: int = 4, first: float = 10) -> list[Timed]:
    return [at(first + n, to_router(syn(port=50000 + n))) for n in range(count)]


def test_wrapped_traffic_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_bare_packets_of_another_mode_are_right(examine: Examination) -> None:
    assert not examine([*bgp(), *leaking()], mode="Never", pods=["172.20.0.0/16"]).findings


def test_bare_packets_straight_to_the_peer_have_a_route(examine: Examination) -> None:
    frames = [at(10 + n, from_a(request(n + 20))) for n in range(4)]
    assert not examine([*bgp(), *pings(), *frames]).findings


def test_unknown_mode_is_not_judged(examine: Examination) -> None:
    answer = examine([*bgp(), *leaking()])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)


def test_packets_by_the_default_route_are_critical(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(), *leaking()]).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert f"node {NODE_A} has no route to {BLOCK_B} on node {NODE_B}" in finding.title
    assert MAC_ROUTER in finding.observed


def test_own_node_that_reports_unreachable_is_confirmed(examine: Examination) -> None:
    quoted = request(1, ttl=64)
    report = ipv4(icmp_error(3, 0, quoted), NODE_A, POD_A, ttl=64, id=9)
    pod_link = [*gateway_arp(), *(at(1 + n, from_pod(quoted)) for n in range(3)), at(4.1, to_pod(report))]
    finding = examine([*bgp(), *pings(1)], pod_link).finding
    assert finding.confidence is Confidence.CONFIRMED
    assert POD_B in finding.title


def entering(count: int = 4) -> list[Timed]:
    """A pod asks for a pod of the other node; its link shows it."""
    asked = (syn(destination=OTHER_POD_B, port=47000 + n, ttl=64) for n in range(count))
    return [*gateway_arp(), *(at(4 + n, from_pod(packet)) for n, packet in enumerate(asked))]


def leaving_elsewhere() -> list[Timed]:
    """The NIC of its node, with other traffic of that node before and after."""
    own = [at(n, to_router(request(n, NODE_A, ROUTER, ttl=64))) for n in range(1, 30)]
    return [*bgp(until=30), *own, *pings(2, first=20)]


def test_what_enters_and_leaves_passes(examine: Examination) -> None:
    left = [at(4.001 + n, from_a(wrapped(syn(destination=OTHER_POD_B, port=47000 + n)))) for n in range(4)]
    assert not examine(entering(), [*leaving_elsewhere(), *left]).findings


def test_capture_of_another_time_is_not_compared(examine: Examination) -> None:
    later = [(time + 60_000_000_000, frame) for time, frame in leaving_elsewhere()]
    assert not examine(entering(), later).findings


def test_what_enters_the_node_and_does_not_leave_it_may_be_a_policy(examine: Examination) -> None:
    assert not examine(entering(), leaving_elsewhere()).findings  # IPD6008 says it


def test_what_does_not_leave_a_node_without_a_route_is_critical(examine: Examination) -> None:
    files = collected(POOLED, alpha_routes=routes(to_b=None))
    finding = examine(entering(), leaving_elsewhere(), files=files).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert finding.observed.startswith("4 packets at ")
    assert "no route but the default one" in finding.observed


def test_node_with_the_route_has_one(examine: Examination) -> None:
    assert not examine(entering(), leaving_elsewhere(), files=collected(POOLED, alpha_routes=routes())).findings


def fallen_bare(count: int, first: float = 6) -> list[Timed]:
    """The same ping leaves by the default route, and is not answered any more."""
    return [at(first + n, to_router(request(5 + n))) for n in range(count)]


def test_last_requests_before_the_end_do_not_show_it(examine: Examination) -> None:
    assert not examine([*bgp(until=7), *pings(), *fallen_bare(2)]).findings


def test_flow_that_loses_its_route_half_way_is_critical(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(), *fallen_bare(6)]).finding
    assert finding.severity is Severity.CRITICAL
    assert "since the last answer" in finding.observed
    assert finding.count == 6
