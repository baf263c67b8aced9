"""IPD3002 RoutingLoop."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Severity, Status
from tests.builders.captures import SLL
from tests.builders.packets import ipv4, sll, udp
from tests.checks.world import (
    NODE_A,
    NODE_B,
    POD_A,
    POD_B,
    Examination,
    at,
    bgp,
    from_a,
    from_b,
    pings,
    request,
    wrapped,
)


def circling(rounds: int = 5, sequence: int = 1) -> list[tuple[int, bytes]]:
    frames = []
    for turn in range(rounds):
        ttl = 62 - 2 * turn
        frames.append(at(5 + turn / 1000, from_a(wrapped(request(sequence, ttl=ttl), ttl=ttl))))
        frames.append(
            at(5.0005 + turn / 1000, from_b(wrapped(request(sequence, ttl=ttl - 1), NODE_B, NODE_A, ttl=ttl - 1)))
        )
    return frames


def test_ordinary_forwarding_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_one_round_is_no_loop(examine: Examination) -> None:
    assert not examine([*bgp(), *circling(1)]).findings


def test_traceroute_is_no_loop(examine: Examination) -> None:
    probes = [
        at(5 + ttl / 10, from_a(ipv4(udp(b"probe", destination_port=33434 + ttl), POD_A, POD_B, ttl=ttl, id=ttl)))
        for ttl in range(12, 0, -1)
    ]
    assert not examine([*bgp(), *pings(), *probes]).findings


def test_circle_is_critical_and_its_nodes_are_named(examine: Examination) -> None:
    finding = examine([*bgp(), *circling()]).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.CONFIRMED)
    assert NODE_A in finding.title and NODE_B in finding.title
    assert "62 to 53" in finding.observed


def test_without_calico_it_is_a_loop_all_the_same(examine: Examination) -> None:
    frames = [at(5 + n / 1000, from_a(request(1, "198.51.100.1", "203.0.113.1", ttl=60 - 2 * n))) for n in range(5)]
    assert examine(frames).findings


def test_any_without_interface_needs_four_sightings(examine: Examination) -> None:
    def passing(count: int) -> list[tuple[int, bytes]]:
        return [at(5 + n / 1000, sll(request(1, ttl=64 - n))) for n in range(count)]

    assert not examine(passing(3), link_type=SLL).findings
    assert examine(passing(4), link_type=SLL).findings
