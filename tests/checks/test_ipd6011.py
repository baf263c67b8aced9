"""IPD6011 ConnectionRefused."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.refusals import answered, refused, refused_at_each_point
from tests.checks.two_points import Ways
from tests.checks.world import POD_A, POD_B, Examination, at, bgp, from_a, gateway_arp, pings, syn, wrapped


def test_accepted_connections_pass(examine: Examination) -> None:
    assert examine([*bgp(), *answered(5)]).status is Status.PASS


def test_reset_of_an_open_connection_is_no_refusal(examine: Examination) -> None:
    assert not examine([*bgp(), *answered(5, ends_with="R")]).findings


def test_reset_of_a_connection_begun_before_is_no_refusal(examine: Examination) -> None:
    assert not examine([*bgp(), *refused(5)[1:], *pings()]).findings


def test_rejection_in_the_pod_s_name_is_another_matter(examine: Examination) -> None:
    assert not examine([*bgp(), *pings(), *refused(5, ttl=64)]).findings


def test_reset_with_the_pod_s_ttl_is_its_own(examine: Examination) -> None:
    answer = examine([*bgp(), *pings(), *refused(5), *refused(6, port=41000)])
    finding = answer.finding
    assert answer.status is Status.NOTED
    assert (finding.severity, finding.confidence) == (Severity.NOTICE, Confidence.CONFIRMED)
    assert f"{POD_B} refuses TCP from {POD_A} to port 80" in finding.title
    assert "2 RSTs in answer to 2 connections, TTL 63, the TTL of its other answers: 63" in finding.observed
    assert finding.alternatives == ()
    assert len(finding.evidence[0].frames) == 4


def test_reset_on_the_pod_s_own_link_needs_no_comparison(examine: Examination) -> None:
    ways = Ways()
    refused_at_each_point(ways, 5)
    assert examine(*ways.captures("nic_b", "cali_b")).finding.confidence is Confidence.CONFIRMED


def test_without_comparison_a_rule_may_have_made_it(examine: Examination) -> None:
    finding = examine([*bgp(), *refused(5)]).finding
    assert finding.confidence is Confidence.LIKELY
    assert "REJECT rule" in finding.alternatives[0]


def test_without_a_syn_nothing_is_judged(examine: Examination) -> None:
    answer = examine([*bgp(), *pings()])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_HANDSHAKE)
    assert answer.enable and "tcpdump" in answer.enable


def test_syn_without_any_answer_is_not_refused(examine: Examination) -> None:
    assert not examine([*bgp(), *pings(), at(5, from_a(wrapped(syn())))]).findings
    assert not examine(gateway_arp()).findings
