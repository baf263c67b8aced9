"""IPD3001 WrongBlockOwner."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import bgp_keepalive, bgp_update, ethernet, ipv4, tcp
from tests.checks.world import (
    BLOCK_B,
    MAC_NODE_A,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    POD_B,
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

NODE_C = "192.0.2.13"


def misrouted(count: int = 4) -> list[tuple[int, bytes]]:
    return [at(5 + n, from_a(wrapped(request(n), destination=NODE_C))) for n in range(count)]


def test_owner_gets_its_packets(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_borrowed_address_is_the_more_specific_route(examine: Examination) -> None:
    borrowed = at(
        0.9,
        ethernet(
            ipv4(tcp(bgp_update([f"{POD_B}/32"], NODE_C), flags="PA", source_port=179), NODE_C, NODE_A, ttl=64),
            source=MAC_ROUTER,
            destination=MAC_NODE_A,
        ),
    )
    spoken = at(
        0.95,
        ethernet(
            ipv4(tcp(bgp_keepalive(), flags="PA", source_port=179), NODE_C, NODE_A, ttl=64),
            source=MAC_ROUTER,
            destination=MAC_NODE_A,
        ),
    )
    assert not examine([*bgp(), borrowed, spoken, *misrouted()]).findings


def test_detour_does_not_make_an_owner(examine: Examination) -> None:
    """A pod's packet that another node sends on has that node's outer source, and a lower TTL."""
    detour = [at(9 + n, from_b(wrapped(reply(n, ttl=62), NODE_C, NODE_A, ttl=62))) for n in range(3)]
    assert not examine([*bgp(), *pings(), *detour]).findings


def test_pod_that_moved_has_another_owner_later(examine: Examination) -> None:
    moved = [
        at(30 + n, ethernet(wrapped(reply(50 + n), NODE_C, NODE_A), source=MAC_ROUTER, destination=MAC_NODE_A))
        for n in range(3)
    ]
    later = [at(30.5 + n, from_a(wrapped(request(50 + n), destination=NODE_C))) for n in range(3)]
    assert not examine([*pings(), *moved, *later]).findings


def was_behind_b() -> list[tuple[int, bytes]]:
    return [at(1 + n, from_b(wrapped(reply(90 + n, destination="172.20.1.6"), NODE_B, NODE_A))) for n in range(3)]


def heard_from_c(times: range) -> list[tuple[int, bytes]]:
    other = "172.20.4.4"
    return [
        at(n, ethernet(wrapped(reply(n, source=other), NODE_C, NODE_A), source=MAC_ROUTER, destination=MAC_NODE_A))
        for n in times
    ]


def test_pod_that_may_have_moved_where_nothing_is_heard_is_not_judged(examine: Examination) -> None:
    answer = examine([*was_behind_b(), *misrouted(), *long_after()])
    assert not answer.findings
    assert answer.reason is Reason.NO_CONFIG


def test_pod_that_was_announced_elsewhere_since_has_moved(examine: Examination) -> None:
    """Its new node announces the address alone; what the pod sends from there is not captured."""
    said = [bgp_update([f"{POD_B}/32"], NODE_C), *(bgp_keepalive() for _ in range(3))]
    announced = [
        at(
            4 + n,
            ethernet(
                ipv4(tcp(text, flags="PA", source_port=179, sequence=1 + 100 * n), NODE_C, NODE_A, ttl=64, id=n + 1),
                source=MAC_ROUTER,
                destination=MAC_NODE_A,
            ),
        )
        for n, text in enumerate(said)
    ]
    answer = examine([*was_behind_b(), *announced, *misrouted(), *heard_from_c(range(5, 12)), *long_after()])
    assert not answer.findings
    assert answer.status is Status.PASS


def test_pod_that_has_not_moved_is_missing_where_its_packets_go(examine: Examination) -> None:
    finding = examine([*was_behind_b(), *misrouted(), *heard_from_c(range(5, 12)), *long_after()]).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert f"the pod has moved to {NODE_C}" in finding.alternatives[0]


def long_after() -> list[tuple[int, bytes]]:
    """What makes the capture go on for a while."""
    return [at(20, from_a(ipv4(tcp(flags="A"), NODE_A, NODE_B, ttl=64)))]


def test_packets_to_another_node_are_critical(examine: Examination) -> None:
    finding = examine([*bgp(), *misrouted()]).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.CONFIRMED)
    assert NODE_C in finding.title and BLOCK_B in finding.title
    assert NODE_B in finding.expected


def test_owner_known_from_its_own_packets(examine: Examination) -> None:
    back = [at(4.5 + n, from_b(wrapped(reply(90 + n, destination="172.20.1.6"), NODE_B, NODE_A))) for n in range(4)]
    assert POD_B in examine([*back, *misrouted()]).finding.title


def test_without_an_owner_nothing_is_said(examine: Examination) -> None:
    answer = examine(misrouted())
    assert answer.reason is Reason.NO_CONFIG
    assert answer.enable and "179" in answer.enable
