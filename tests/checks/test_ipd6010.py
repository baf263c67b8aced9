"""IPD6010 SpoofedSource."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from ipipdiag.points.model import Role
from tests.builders.packets import arp, ethernet, icmp_echo, ipip, ipv4, udp
from tests.checks.files_world import BLOCKS, NODES, collected, pod, pool
from tests.checks.world import (
    HOST_MAC,
    NODE_A,
    POD_A,
    POD_B,
    POD_MAC,
    Examination,
    Timed,
    at,
    bgp,
    from_pod,
    gateway_arp,
    pings,
    to_pod,
)

FOREIGN = "10.99.0.7"


def own(count: int = 4) -> list[Timed]:
    """The pod's ordinary traffic, answered."""
    frames = []
    for n in range(1, count + 1):
        frames.append(at(n, from_pod(ipv4(icmp_echo(id=5, sequence=n), POD_A, POD_B, id=n))))
        frames.append(at(n + 0.001, to_pod(ipv4(icmp_echo(False, id=5, sequence=n), POD_B, POD_A, ttl=62, id=n))))
    return frames


def sent_as(source: str, count: int = 3, first: float = 5) -> list[Timed]:
    return [at(first + n, from_pod(ipv4(icmp_echo(id=9, sequence=n), source, POD_B, id=50 + n))) for n in range(count)]


def test_own_address_passes(examine: Examination) -> None:
    assert examine([*gateway_arp(), *own()]).status is Status.PASS


def test_what_the_host_side_sends_is_of_others(examine: Examination) -> None:
    incoming = [at(5 + n, to_pod(ipv4(icmp_echo(id=8, sequence=n), FOREIGN, POD_A, ttl=60))) for n in range(3)]
    assert not examine([*gateway_arp(), *own(), *incoming]).findings


def test_unspecified_and_link_local_sources_are_no_spoofing(examine: Examination) -> None:
    lease = at(5, from_pod(ipv4(udp(bytes(300), 68, 67), "0.0.0.0", "255.255.255.255")))
    local = at(6, from_pod(ipv4(udp(b"x", 5353, 5353), "169.254.7.7", "224.0.0.251", ttl=1)))
    assert not examine([*gateway_arp(), *own(), lease, local]).findings


def test_ipv6_is_not_judged(examine: Examination) -> None:
    solicitation = bytes.fromhex("6000000000103aff") + bytes(32) + bytes.fromhex("85007bb800000000") + bytes(8)
    frame = ethernet(solicitation, source=POD_MAC, destination="33:33:00:00:00:02", ether_type=0x86DD)
    assert not examine([*gateway_arp(), *own(), at(5, frame)]).findings


def test_second_address_that_the_pod_answers_for_is_its_own(examine: Examination) -> None:
    answers = at(4.5, ethernet(arp(2, POD_MAC, FOREIGN, HOST_MAC, NODE_A), source=POD_MAC, destination=HOST_MAC))
    assert not examine([*gateway_arp(), *own(), answers, *sent_as(FOREIGN)]).findings


def test_foreign_address_that_is_answered_is_allowed(examine: Examination) -> None:
    back = [at(5.001 + n, to_pod(ipv4(icmp_echo(False, id=9, sequence=n), POD_B, FOREIGN, ttl=62))) for n in range(3)]
    assert not examine([*gateway_arp(), *own(), *sent_as(FOREIGN), *back]).findings


def test_pod_s_own_tunnel_carries_whom_it_likes(examine: Examination) -> None:
    inner = ipv4(icmp_echo(id=9), FOREIGN, "10.98.0.1")
    tunnelled = [at(5 + n, from_pod(ipip(inner, POD_A, POD_B, id=n))) for n in range(3)]
    assert not examine([*gateway_arp(), *own(), *tunnelled], role=Role.CALI).findings


def test_foreign_source_is_a_warning(examine: Examination) -> None:
    finding = examine([*gateway_arp(), *own(), *sent_as(FOREIGN)]).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.CONFIRMED)
    assert f"pod {POD_A} sends from {FOREIGN}" in finding.title
    assert f"3 packets from {FOREIGN} to {POD_B}, no answer" in finding.observed
    assert len(finding.evidence[0].frames) == 3
    assert {POD_A, FOREIGN} == set(finding.subject.addresses)


def test_without_arp_the_own_address_is_not_known(examine: Examination) -> None:
    answer = examine([*own(), *sent_as(FOREIGN)])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.FILTERED)
    assert answer.enable and "tcpdump" in answer.enable


def test_cluster_files_tell_it_as_well(examine: Examination) -> None:
    files = collected(NODES + BLOCKS + pool() + pod("client", "alpha", POD_A))
    assert examine([*own(), *sent_as(FOREIGN, count=2)], files=files).finding.count == 2


def test_node_nic_cannot_show_it(examine: Examination) -> None:
    answer = examine([*bgp(), *pings()])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.WRONG_POINT)
    assert answer.enable and "cali" in answer.enable
