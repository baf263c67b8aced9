"""IPD5006 InnerFragmented."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from ipipdiag.points.model import Role
from tests.builders.captures import RAW
from tests.builders.packets import fragments, icmp_echo, ipv4
from tests.checks.world import (
    NODE_A,
    POD_A,
    POD_B,
    ROUTER,
    Examination,
    Timed,
    at,
    bgp,
    from_a,
    gateway_arp,
    pings,
    wrapped,
)

LONG = ipv4(icmp_echo(payload=bytes(1440)), POD_A, POD_B, ttl=63)


def cut(first: float = 3) -> list[Timed]:
    return [at(first + n / 1000, from_a(wrapped(part, id=100 + n))) for n, part in enumerate(fragments(LONG, 800))]


def test_whole_packets_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_outer_fragments_are_another_matter(examine: Examination) -> None:
    frames = [at(3 + n / 1000, from_a(part)) for n, part in enumerate(fragments(wrapped(LONG), 1376))]
    assert not examine([*bgp(), *pings(), *frames]).findings


def test_fragments_outside_the_tunnel_are_no_pods(examine: Examination) -> None:
    long = ipv4(icmp_echo(payload=bytes(2000)), NODE_A, ROUTER)
    frames = [at(3 + n / 1000, from_a(part)) for n, part in enumerate(fragments(long, 1400))]
    assert not examine([*bgp(), *pings(), *frames]).findings


def test_fragments_inside_the_tunnel_are_noted(examine: Examination) -> None:
    answer = examine([*bgp(), *pings(), *cut()])
    assert answer.status is Status.NOTED
    assert (answer.finding.severity, answer.finding.confidence) == (Severity.NOTICE, Confidence.CONFIRMED)
    assert "1 first fragment and 1 later fragment, the longest 820 bytes" in answer.finding.observed
    assert "not every packet is whole" not in answer.finding.observed
    assert len(answer.finding.evidence[0].frames) == 2


def test_missing_later_fragments_are_said(examine: Examination) -> None:
    frames = [frame for n in range(3) for frame in cut(3 + n)[: 1 + (n == 0)]]
    assert "not every packet is whole" in examine([*bgp(), *pings(), *frames]).finding.observed


def test_tunl0_shows_them_without_outer_headers(examine: Examination) -> None:
    frames = [at(3 + n / 1000, part) for n, part in enumerate(fragments(LONG, 800))]
    finding = examine(frames, link_type=RAW, role=Role.TUNL0).finding
    assert finding.count == 2
    assert "ip.proto#1 != 4" in finding.evidence[0].display_filter


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    answer = examine(gateway_arp())
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.WRONG_POINT)
    assert answer.enable and "tcpdump" in answer.enable
