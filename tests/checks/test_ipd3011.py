"""IPD3011 RouteFlapping."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.world import (
    NODE_A,
    POD_B,
    Examination,
    Timed,
    at,
    bgp,
    from_a,
    from_b,
    gateway_arp,
    pings,
    request,
    wrapped,
)


def changing(times: int) -> list[Timed]:
    """One flow, wrapped and bare in stretches of two seconds."""
    frames = []
    for n in range(1, 4 * times + 1):
        packet = request(n)
        frames.append(at(5 + n, from_a(wrapped(packet) if (n - 1) // 2 % 2 == 0 else packet)))
    return frames


def test_steady_flow_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_one_change_is_no_flapping(examine: Examination) -> None:
    assert not examine([*bgp(), *changing(1)]).findings


def test_second_look_with_a_lower_ttl_is_another_hop(examine: Examination) -> None:
    frames = []
    for n in range(1, 9):
        frames += [at(5 + n, from_a(wrapped(request(n)))), at(5.001 + n, from_b(request(n, ttl=62)))]
    assert not examine([*bgp(), *frames]).findings


def test_to_and_fro_is_an_error(examine: Examination) -> None:
    finding = examine([*bgp(), *changing(2)]).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert f"from node {NODE_A} to pod {POD_B}" in finding.title


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT
