"""IPD2006 AsymmetricEncapsulation."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.world import Examination, at, bgp, from_a, from_b, gateway_arp, pings, reply, request, wrapped


def one_way(first: int = 1) -> list[tuple[int, bytes]]:
    there = [at(first + n, from_a(wrapped(request(n)))) for n in range(3)]
    return there + [at(first + n + 0.01, from_b(reply(n))) for n in range(3)]


def test_same_form_both_ways_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_mode_that_changes_meanwhile_is_not_judged(examine: Examination) -> None:
    bare_too = [at(10, from_a(request(9)))]
    assert not examine([*bgp(), *one_way(), *bare_too]).findings


def test_pools_of_one_mode_make_it_an_error(examine: Examination) -> None:
    finding = examine([*bgp(), *one_way()], mode="Always").finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)


def test_modes_that_nobody_told_make_it_a_warning(examine: Examination) -> None:
    finding = examine([*bgp(), *one_way()]).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.POSSIBLE)


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT
