"""IPD5003 OuterFragmented."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import fragments, icmp_echo, ipv4
from tests.checks.world import POD_A, POD_B, Examination, at, bgp, from_a, gateway_arp, pings, wrapped

LONG = ipv4(icmp_echo(payload=bytes(1440)), POD_A, POD_B, ttl=63)


def test_whole_packets_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_inner_fragments_are_another_matter(examine: Examination) -> None:
    frames = [at(3 + n, from_a(wrapped(part))) for n, part in enumerate(fragments(LONG, 800))]
    assert not examine([*bgp(), *pings(), *frames]).findings


def test_outer_fragments_are_an_error(examine: Examination) -> None:
    frames = [at(3 + n / 1000, from_a(part)) for n, part in enumerate(fragments(wrapped(LONG), 1376))]
    finding = examine([*bgp(), *frames]).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert "1 first fragment" in finding.observed and "1 later fragment" in finding.observed
    assert finding.evidence[0].frames


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT
