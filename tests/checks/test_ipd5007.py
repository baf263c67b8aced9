"""IPD5007 OuterFragmentationNeeded."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import ethernet, icmp_echo, icmp_error, ipv4
from tests.checks.world import (
    HOST_MAC,
    MAC_NODE_A,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    POD_A,
    POD_B,
    POD_MAC,
    ROUTER,
    Examination,
    Timed,
    at,
    bgp,
    from_b,
    from_pod,
    gateway_arp,
    pings,
    to_pod,
    wrapped,
)

LONG = ipv4(icmp_echo(payload=bytes(1444)), POD_A, POD_B, ttl=63, dont_fragment=True)
OUTER = wrapped(LONG)


def told_by_router(first: float = 5, mtu: int = 1400, quoted: bytes = OUTER) -> Timed:
    message = ipv4(icmp_error(3, 4, quoted, next_hop_mtu=mtu), ROUTER, NODE_A)
    return at(first, ethernet(message, source=MAC_ROUTER, destination=MAC_NODE_A))


def link(*more: Timed, until: float = 20) -> list[Timed]:
    """Pod A's link, where the pod talks on after the router's message."""
    talk = [
        at(n, from_pod(ipv4(icmp_echo(id=3, sequence=n), POD_A, POD_B, ttl=64, id=n))) for n in range(2, int(until))
    ]
    return [*gateway_arp(), *talk, *more]


def told_to_pod(first: float, mtu: int = 1380) -> Timed:
    quoted = ipv4(icmp_echo(payload=bytes(1444)), POD_A, POD_B, dont_fragment=True)
    return at(first, to_pod(ipv4(icmp_error(3, 4, quoted, next_hop_mtu=mtu), NODE_A, POD_A), mac=HOST_MAC))


def test_ordinary_traffic_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_message_about_a_pod_s_own_packet_is_path_mtu_discovery(examine: Examination) -> None:
    inside = wrapped(ipv4(icmp_error(3, 4, LONG, next_hop_mtu=1400), NODE_B, POD_A), NODE_B, NODE_A)
    assert not examine([*bgp(), *pings(), at(5, from_b(inside))]).findings


def test_message_about_a_node_s_own_packet_is_no_matter(examine: Examination) -> None:
    own = ipv4(icmp_echo(payload=bytes(1472)), NODE_A, NODE_B, dont_fragment=True)
    assert not examine([*bgp(), *pings(), told_by_router(quoted=own)]).findings


def test_refusal_of_a_tunnel_packet_is_another_matter(examine: Examination) -> None:
    refused = at(5, from_b(ipv4(icmp_error(3, 3, OUTER), NODE_B, NODE_A)))
    assert not examine([*bgp(), *pings(), refused]).findings


def test_router_s_message_is_a_warning_and_names_the_cure(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(), told_by_router()]).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.CONFIRMED)
    assert f"{ROUTER} says that tunnel packets from node {NODE_A} to node {NODE_B} are too large" in finding.title
    assert "about outer packets of up to 1492 bytes" in finding.observed
    assert "1380" in finding.fix[0]
    assert {POD_A, POD_B} <= set(finding.subject.addresses)
    assert "was not captured" in finding.observed
    assert "tcpdump" in finding.confirm[0] and "cali" in finding.confirm[0]


def test_quote_of_eight_bytes_is_enough(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(), told_by_router(quoted=OUTER[:28])], link(told_to_pod(5.015))).finding
    assert "tells pod" in finding.observed


def test_node_that_passes_it_on_is_named_with_the_delay(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(), told_by_router()], link(told_to_pod(5.015))).finding
    assert f"{NODE_A} tells pod {POD_A} MTU 1380, 15.0 ms later" in finding.observed
    assert "the node passes it on to the pod" in finding.title


def test_pod_that_was_told_before_only_is_not_told_now(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(), told_by_router()], link(told_to_pod(2))).finding
    assert "the pod is not told" in finding.title
    assert "afterwards no ICMP 3/4" in finding.observed


def test_link_that_ended_before_shows_nothing(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(), told_by_router()], link(until=4)).finding
    assert "was not captured then" in finding.observed


def test_link_of_another_pod_shows_nothing(examine: Examination) -> None:
    other = "172.20.1.9"
    frames = [
        at(n, ethernet(ipv4(icmp_echo(id=n), other, POD_B), source=POD_MAC, destination=HOST_MAC)) for n in range(9)
    ]
    assert "was not captured then" in examine([*bgp(), *pings(), told_by_router()], frames).finding.observed


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    answer = examine(gateway_arp())
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.WRONG_POINT)
    assert answer.enable and "tcpdump" in answer.enable
