"""IPD5001 FragmentationNeeded."""

from __future__ import annotations

from ipipdiag.checks.model import Severity, Status
from tests.builders.packets import ethernet, icmp_error, ipv4, tcp
from tests.checks.world import (
    MAC_NODE_A,
    MAC_ROUTER,
    NODE_A,
    POD_A,
    POD_B,
    ROUTER,
    Examination,
    at,
    bgp,
    gateway_arp,
    pings,
    to_pod,
    wrapped,
)

BIG = ipv4(tcp(bytes(1460), flags="PA"), POD_A, POD_B, dont_fragment=True)


def test_traffic_without_it_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_message_to_a_pod_is_noted(examine: Examination) -> None:
    told = at(1, to_pod(ipv4(icmp_error(3, 4, BIG, next_hop_mtu=1480), NODE_A, POD_A)))
    finding = examine([*gateway_arp(), told]).finding
    assert finding.severity is Severity.NOTICE
    assert "1480" in finding.title
    assert "1500 bytes" in finding.observed


def test_message_about_a_tunnel_packet_is_another_matter(examine: Examination) -> None:
    about_outer = icmp_error(3, 4, wrapped(BIG), next_hop_mtu=1400)
    told = at(1, ethernet(ipv4(about_outer, ROUTER, NODE_A), source=MAC_ROUTER, destination=MAC_NODE_A))
    assert not examine([*bgp(), *pings(), told]).findings


def test_every_reporter_receiver_and_mtu_is_told_with_its_own_messages(examine: Examination) -> None:
    messages = [(NODE_A, 1480), (NODE_A, 1480), (NODE_A, 1400), (ROUTER, 1480), (NODE_A, 1480)]
    frames = [
        at(1 + number, to_pod(ipv4(icmp_error(3, 4, BIG, next_hop_mtu=mtu), reporter, POD_A)))
        for number, (reporter, mtu) in enumerate(messages)
    ]
    findings = examine([*gateway_arp(), *frames]).findings
    assert {one.subject.text: (one.count, len(one.evidence[0].frames)) for one in findings} == {
        f"{POD_A} told MTU 1480 by {NODE_A}": (3, 3),
        f"{POD_A} told MTU 1400 by {NODE_A}": (1, 1),
        f"{POD_A} told MTU 1480 by {ROUTER}": (1, 1),
    }
