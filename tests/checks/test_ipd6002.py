"""IPD6002 TunnelUnanswered."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import ethernet, ipv4, udp
from tests.checks.world import (
    MAC_NODE_A,
    MAC_NODE_B,
    MAC_ROUTER,
    NODE_A,
    OTHER_POD_B,
    POD_A,
    POD_B,
    ROUTER,
    Examination,
    at,
    bgp,
    from_a,
    gateway_arp,
    pings,
    request,
    wrapped,
)


def test_answered_tunnel_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_one_way_traffic_needs_no_answer(examine: Examination) -> None:
    metrics = [
        at(n, from_a(wrapped(ipv4(udp(b"gauge", destination_port=8125), POD_A, POD_B, ttl=63)))) for n in range(1, 15)
    ]
    assert not examine([*bgp(), *metrics]).findings


def test_two_requests_are_too_few(examine: Examination) -> None:
    assert not examine([*bgp(), *pings(2, answered=False)]).findings


def test_nothing_of_the_peer_may_be_a_filter(examine: Examination) -> None:
    answer = examine([*pings(answered=False), at(30, from_a(request(9, NODE_A, ROUTER, ttl=64)))])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.ONE_DIRECTION)


def test_last_request_at_the_end_is_too_early(examine: Examination) -> None:
    answer = examine([*bgp(until=3), *pings(4, answered=False)])
    assert answer.reason is Reason.TOO_SHORT


def test_silent_tunnel_is_an_error(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(answered=False)]).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert POD_B in finding.observed
    assert len(finding.alternatives) == 3


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT


def test_late_request_without_an_answer_yet_is_no_silence(examine: Examination) -> None:
    assert not examine([*bgp(until=8), *pings(4), *pings(2, 5, answered=False)]).findings


def test_answers_that_go_on_to_another_pod_are_no_silence(examine: Examination) -> None:
    frames = [*bgp(), *pings(4), *pings(8, 5, answered=False), *pings(12, 1.5, destination=OTHER_POD_B)]
    assert not examine(frames).findings


def test_one_pod_that_falls_silent_is_a_weak_sign(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(4), *pings(8, 5, answered=False)]).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.POSSIBLE)
    assert finding.title.endswith("any more")
    assert finding.count == 4  # the last few of eight are kept
    assert "the pod has ended" in finding.alternatives


def test_nobody_is_named_where_none_that_answered_fell_silent(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(4), *pings(8, 5, answered=False, destination=OTHER_POD_B)]).finding
    assert "since the last answer, no packet of protocol 4" in finding.observed


def test_pods_that_fall_silent_together_are_an_error(examine: Examination) -> None:
    talk = [*pings(4), *pings(4, 1.5, destination=OTHER_POD_B)]
    silent = [*pings(8, 5, answered=False), *pings(8, 5.5, answered=False, destination=OTHER_POD_B)]
    finding = examine([*bgp(), *talk, *silent]).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert finding.evidence[0].frames


def test_silence_in_which_nothing_of_the_node_comes_is_not_judged(examine: Examination) -> None:
    others = [at(30, from_a(request(9, NODE_A, ROUTER, ttl=64)))]
    answer = examine([*bgp(until=4), *pings(4), *pings(8, 5, answered=False), *others])
    assert not answer.findings


def test_other_nodes_behind_another_next_hop_prove_nothing(examine: Examination) -> None:
    """The far node is behind the router, whose frames are filtered out; a node of the same link is heard."""
    far, near = "198.51.100.7", "192.0.2.13"
    asked = [
        at(n, ethernet(wrapped(request(n), destination=far), source=MAC_NODE_A, destination=MAC_ROUTER))
        for n in range(1, 6)
    ]
    other = ethernet(wrapped(request(9, POD_B, POD_A), near, NODE_A), source=MAC_NODE_B, destination=MAC_NODE_A)
    answer = examine([*asked, at(2.5, other), at(20, other)])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.ONE_DIRECTION)
    heard = ethernet(wrapped(request(9, POD_B, POD_A), near, NODE_A), source=MAC_ROUTER, destination=MAC_NODE_A)
    assert examine([*asked, at(2.5, heard), at(20, heard)]).findings
