"""IPD6001 ProtocolFourBlocked."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import ethernet, ipv4, tcp
from tests.checks.world import (
    MAC_NODE_A,
    MAC_NODE_B,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    OTHER_POD_B,
    POD_A,
    POD_B,
    ROUTER,
    Examination,
    at,
    bgp,
    from_a,
    from_b,
    gateway_arp,
    pings,
    request,
    syn,
    wrapped,
)

LOST = [*pings(4, answered=False), *pings(4, 1.5, answered=False, destination=OTHER_POD_B)]


def at_b(*more: tuple[int, bytes]) -> list[tuple[int, bytes]]:
    """What the far node's NIC shows: BGP, and whatever else arrives."""
    third = [
        at(n, ethernet(request(n, NODE_B, ROUTER, ttl=64), source=MAC_NODE_B, destination=MAC_ROUTER))
        for n in range(1, 9)
    ]
    return [*bgp(), *third, *more]


def at_a(*more: tuple[int, bytes]) -> list[tuple[int, bytes]]:
    third = [
        at(n, ethernet(request(n, NODE_A, ROUTER, ttl=64), source=MAC_NODE_A, destination=MAC_ROUTER))
        for n in range(1, 9)
    ]
    return [*bgp(), *third, *more]


def test_answered_tunnel_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_single_pod_may_be_at_fault_itself(examine: Examination) -> None:
    assert not examine(at_a(*pings(4, answered=False))).findings


def test_another_pod_that_answers_clears_the_tunnel(examine: Examination) -> None:
    assert not examine(at_a(*pings(4, answered=False), *pings(2, 1.5, destination=OTHER_POD_B))).findings


def test_without_contrast_nothing_is_said(examine: Examination) -> None:
    assert not examine(LOST).findings


def test_packets_that_arrive_are_not_lost_between(examine: Examination) -> None:
    assert not examine(at_a(*LOST), at_b(*LOST)).findings


def test_one_side_makes_it_likely(examine: Examination) -> None:
    finding = examine(at_a(*LOST)).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert "BGP" in finding.worked[0]
    assert any(NODE_B in command for command in finding.confirm)


def test_both_sides_make_it_sure(examine: Examination) -> None:
    finding = examine(at_a(*LOST), at_b()).finding
    assert finding.confidence is Confidence.CONFIRMED
    assert "none reaches the NIC of" in finding.title
    assert f"{len(LOST)} tunnel packets" in finding.observed


def opened(by: bytes) -> list[tuple[int, bytes]]:
    """Node A asks two pods in vain; then a packet of node B; then a connection of node A is answered."""
    late = [
        at(12, from_a(wrapped(syn(port=47000)))),
        at(12.001, from_b(wrapped(ipv4(tcp(flags="SA", source_port=80, destination_port=47000), POD_B, POD_A, ttl=63),
                                  NODE_B, NODE_A))),
    ]  # fmt: skip
    asked = [
        at(1 + n, from_a(wrapped(syn(destination=pod, port=port)))) for n in range(3)
        for pod, port in ((POD_B, 45001), (OTHER_POD_B, 45002))
    ]  # fmt: skip
    return at_a(*asked, at(10, from_b(wrapped(by, NODE_B, NODE_A))), *late)


def test_tunnel_that_opens_once_the_other_side_has_sent(examine: Examination) -> None:
    finding = examine(opened(syn(POD_B, POD_A, port=46000))).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert f"only after {NODE_B} has sent first" in finding.title
    assert "6 requests" in finding.observed


def test_late_answer_is_no_opening(examine: Examination) -> None:
    answer = ipv4(tcp(flags="SA", source_port=80, destination_port=45001), POD_B, POD_A, ttl=63)
    assert not examine(opened(answer)).findings


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT


BROKEN = [
    *pings(4),
    *pings(4, 1.5, destination=OTHER_POD_B),
    *pings(8, 5, answered=False),
    *pings(8, 5.5, answered=False, destination=OTHER_POD_B),
]


def test_pods_that_end_one_by_one_are_not_the_tunnel(examine: Examination) -> None:
    ending = [*pings(4), *pings(8, 5, answered=False), *pings(8, 1.5, destination=OTHER_POD_B)]
    later = pings(6, 9.5, answered=False, destination=OTHER_POD_B)
    assert not examine(at_a(*ending, *later)).findings


def test_last_requests_before_the_end_are_not_a_silence(examine: Examination) -> None:
    talk = [*pings(4), *pings(4, 1.5, destination=OTHER_POD_B)]
    last = [*pings(2, 5, answered=False), *pings(2, 5.5, answered=False, destination=OTHER_POD_B)]
    end = max(time for time, _ in last)
    frames = [frame for frame in at_a(*talk, *last) if frame[0] <= end]
    assert not examine(frames).findings


def test_node_that_falls_silent_altogether_is_not_the_tunnel(examine: Examination) -> None:
    assert not examine([*bgp(until=5), *at_a()[len(bgp()) :], *BROKEN]).findings


def test_tunnel_that_breaks_while_other_traffic_goes_on_is_likely(examine: Examination) -> None:
    finding = examine(at_a(*BROKEN)).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert "no longer gets through" in finding.title
    assert "since the last answer" in finding.observed
    assert finding.worked == ("BGP got through between the same two nodes all the while",)
    first_silent = at(6, b"")[0]
    assert finding.first_ns is not None and finding.first_ns < first_silent
