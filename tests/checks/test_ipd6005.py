"""IPD6005 Rejected."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Component, Confidence, Reason, Severity, Status
from tests.builders.packets import ethernet, icmp_error, ipv4, udp
from tests.checks.refusals import answered, refused, refused_at_each_point
from tests.checks.two_points import Ways
from tests.checks.world import (
    MAC_NODE_A,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    POD_A,
    POD_B,
    ROUTER,
    TUNNEL_A,
    Examination,
    Timed,
    at,
    bgp,
    from_b,
    gateway_arp,
    pings,
    request,
    to_pod,
    wrapped,
)

OUTSIDE = "198.51.100.9"


def about_the_tunnel(code: int, quoted: bytes | None = None, reporter: str = NODE_B) -> Timed:
    return at(6, from_b(ipv4(icmp_error(3, code, quoted or wrapped(request())), reporter, NODE_A, ttl=64)))


def about_a_pod(code: int, reporter: str = NODE_B, quoted: bytes | None = None) -> Timed:
    message = ipv4(icmp_error(3, code, quoted or request(ttl=62)), reporter, POD_A, ttl=64)
    return at(6, from_b(wrapped(message, NODE_B, NODE_A, ttl=64)))


# must not be reported


def test_ordinary_traffic_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_silence_is_no_rejection(examine: Examination) -> None:
    assert not examine([*bgp(), *pings(answered=False)]).findings


def test_message_about_another_protocol_is_no_matter(examine: Examination) -> None:
    gre = ipv4(bytes(20), NODE_A, NODE_B, protocol=47)
    assert not examine([*bgp(), *pings(), about_the_tunnel(10, gre)]).findings


def test_message_about_two_strangers_is_no_matter(examine: Examination) -> None:
    quoted = ipv4(udp(b"x"), NODE_A, OUTSIDE)
    message = ipv4(icmp_error(3, 13, quoted), ROUTER, NODE_A)
    frame = ethernet(message, source=MAC_ROUTER, destination=MAC_NODE_A)
    assert not examine([*bgp(), *pings(), at(6, frame)]).findings


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4])
def test_other_reasons_of_a_refused_tunnel_are_of_other_checks(code: int, examine: Examination) -> None:
    assert not examine([*bgp(), *pings(), about_the_tunnel(code)]).findings


def test_closed_port_is_the_pod_s_own_answer(examine: Examination) -> None:
    assert not examine([*bgp(), *pings(), about_a_pod(3, reporter=POD_B)]).findings


def test_closed_port_behind_a_translation_is_no_node_s_word(examine: Examination) -> None:
    """A service answers with its own address, and quotes it."""
    quoted = ipv4(udp(b"x"), POD_A, OUTSIDE)
    assert not examine([*bgp(), *pings(), about_a_pod(3, reporter=OUTSIDE, quoted=quoted)]).findings


@pytest.mark.parametrize("ttl", [63, 61])
def test_reset_with_the_pod_s_ttl_or_below_is_not_a_node_s(ttl: int, examine: Examination) -> None:
    assert not examine([*bgp(), *pings(), *refused(5, ttl=ttl)]).findings


def test_reset_with_nothing_to_compare_is_not_said(examine: Examination) -> None:
    assert not examine([*bgp(), *refused(5, ttl=64)]).findings


def test_syn_that_reached_the_pod_was_refused_by_it(examine: Examination) -> None:
    ways = Ways()
    ways.ping(4)
    refused_at_each_point(ways, 8)
    assert not examine(*ways.captures("nic_a", "nic_b", "cali_b")).findings


def test_reset_of_an_open_connection_is_none(examine: Examination) -> None:
    assert not examine([*bgp(), *pings(), *answered(5, ends_with="R")]).findings


# must be reported


@pytest.mark.parametrize("code", [9, 10, 13])
def test_prohibited_tunnel_is_an_error(code: int, examine: Examination) -> None:
    finding = examine([*bgp(), *pings(answered=False), about_the_tunnel(code)]).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert f"node {NODE_B} rejects the tunnel packets of node {NODE_A} to node {NODE_B}" in finding.title
    assert "4 tunnel packets sent to it" in finding.observed
    assert finding.component is Component.NODE_FIREWALL
    assert finding.subject.nodes == (NODE_A, NODE_B)
    assert {POD_A, POD_B} <= set(finding.subject.addresses)


@pytest.mark.parametrize("code", [9, 10, 13])
def test_prohibited_pod_is_an_error(code: int, examine: Examination) -> None:
    finding = examine([*bgp(), *pings(answered=False), about_a_pod(code)]).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert f"rejects packets of {POD_A} to {POD_B}" in finding.title
    assert finding.subject.addresses == (POD_A, POD_B)


def test_every_pair_and_reporter_is_told_with_its_own_messages(examine: Examination) -> None:
    others = ["10.244.65.8", "10.244.65.9"]
    messages = [about_a_pod(13, quoted=request(source=source, ttl=62)) for source in others for _ in range(2)]
    messages += [about_a_pod(13), about_a_pod(9), about_a_pod(13, reporter=ROUTER), about_the_tunnel(10)]
    frames = [
        *bgp(),
        *pings(answered=False),
        *((time + number, frame) for number, (time, frame) in enumerate(messages)),
    ]
    findings = examine(frames).findings
    counts = {(one.title.split(" rejects ")[0], one.subject.text): one.count for one in findings}
    assert counts == {
        (f"node {NODE_B}", f"{others[0]} to {POD_B}"): 2,
        (f"node {NODE_B}", f"{others[1]} to {POD_B}"): 2,
        (f"node {NODE_B}", f"{POD_A} to {POD_B}"): 1,
        (f"node {NODE_B}", f"{NODE_A} to {NODE_B}"): 1,
    }
    assert sum(len(one.evidence) for one in findings) >= len(counts)


def test_router_that_prohibits_is_not_called_a_node(examine: Examination) -> None:
    message = ipv4(icmp_error(3, 13, wrapped(request())), ROUTER, NODE_A)
    frame = ethernet(message, source=MAC_ROUTER, destination=MAC_NODE_A)
    finding = examine([*bgp(), *pings(answered=False), at(6, frame)]).finding
    assert finding.component is Component.NODE_NETWORK
    assert finding.title.startswith(ROUTER)


def test_node_that_calls_a_pod_s_port_unreachable_has_a_reject_rule(examine: Examination) -> None:
    """From its tunnel address, as a node answers through the tunnel."""
    message = ipv4(icmp_error(3, 3, request(source=POD_B, destination=POD_A, ttl=62)), TUNNEL_A, POD_B, ttl=64)
    tunnelled = wrapped(message, NODE_A, NODE_B, ttl=64)
    frame = at(6, ethernet(tunnelled, source=MAC_NODE_A, destination=MAC_ROUTER))
    finding = examine([*bgp(), *pings(), frame]).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert "iptablesFilterDenyAction" in finding.alternatives[0]


def test_pod_s_link_shows_it_as_well(examine: Examination) -> None:
    frame = at(6, to_pod(ipv4(icmp_error(3, 10, request(ttl=64)), NODE_A, POD_A, ttl=64)))
    finding = examine([*gateway_arp(), frame]).finding
    assert finding.confidence is Confidence.CONFIRMED


def test_reset_one_above_the_pod_s_ttl_is_a_node_s(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(), *refused(5, ttl=64)]).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert f"TCP from {POD_A} to port 80 of pod {POD_B} is refused in the pod's name" in finding.title
    assert "TTL 64, its other answers arrive with 63" in finding.observed
    assert finding.alternatives


def test_pod_s_link_without_the_syn_makes_it_sure(examine: Examination) -> None:
    ways = Ways()
    ways.ping(4)
    refused_at_each_point(ways, 3, port=45000)
    refused_at_each_point(ways, 8, by_node=True)
    finding = examine(*ways.captures("nic_a", "nic_b", "cali_b")).finding
    assert finding.confidence is Confidence.CONFIRMED
    assert "no SYN on the pod's own link" in finding.observed


# cannot be judged


def test_without_a_packet_nothing_is_judged(examine: Examination) -> None:
    answer = examine([])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.TOO_FEW_PACKETS)
    assert answer.enable and "tcpdump" in answer.enable
