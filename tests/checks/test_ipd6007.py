"""IPD6007 HandshakeUnanswered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from ipipdiag.checks.model import Component, Confidence, Finding, Reason, Severity, Status, SubjectKind
from ipipdiag.points.model import Role
from ipipdiag.report.root_cause import order_findings
from tests.builders.captures import RAW
from tests.builders.packets import bgp_update, ethernet, icmp_echo, icmp_error, ipv4, tcp, tcp_options
from tests.checks.files_world import BLOCKS, NODES, collected, pool
from tests.checks.two_points import Packet, Ways, echo
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
    Timed,
    at,
    bgp,
    from_a,
    from_b,
    from_pod,
    gateway_arp,
    pings,
    syn,
    to_pod,
    wrapped,
)

RETRIES = (0.0, 1.03, 3.07)  # as Linux sends a SYN again
OUTSIDE = "198.51.100.80"
NODE_C = "192.0.2.13"


def asked(
    times: Iterable[float] = RETRIES, first: float = 5, port: int = 40000, destination: str = POD_B
) -> list[Timed]:
    """SYNs of one connection through the tunnel."""
    return [at(first + time, from_a(wrapped(syn(port=port, destination=destination)))) for time in times]


def answer_to_syn(flags: str, port: int = 40000, ttl: int = 63, source: str = POD_B, from_port: int = 80) -> bytes:
    segment = tcp(flags=flags, source_port=from_port, destination_port=port, acknowledgement=1001)
    return ipv4(segment, source, POD_A, ttl=ttl, id=0, dont_fragment=True)


def back(packet: bytes, time: float) -> Timed:
    return at(time, from_b(wrapped(packet, NODE_B, NODE_A)))


def syn_of(port: int = 40000) -> Packet:
    segment = tcp(flags="S", source_port=port, options=tcp_options(mss=1440))
    return lambda ttl: ipv4(segment, POD_A, POD_B, ttl=ttl, id=port % 60000)


# must not be reported


@pytest.mark.parametrize("flags", ["SA", "RA"])
def test_answered_syn_passes(flags: str, examine: Examination) -> None:
    answer = examine([*bgp(), *pings(), *asked(), back(answer_to_syn(flags), 8.2)])
    assert answer.status is Status.PASS


def test_syn_that_is_not_repeated_may_be_answered_elsewhere(examine: Examination) -> None:
    frames = [frame for port in range(40000, 40009) for frame in asked((0,), port=port)]
    answer = examine([*bgp(), *pings(), *frames])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.TOO_FEW_PACKETS)


def test_sightings_within_a_second_are_no_retries(examine: Examination) -> None:
    assert not examine([*bgp(), *pings(), *asked((0, 0.005, 0.01, 0.5))]).findings


def test_connection_that_goes_on_was_answered(examine: Examination) -> None:
    data = ipv4(tcp(b"GET /", flags="PA", sequence=1001, acknowledgement=77), POD_A, POD_B, ttl=63, id=9)
    assert not examine([*bgp(), *pings(), *asked(), at(9, from_a(wrapped(data)))]).findings


def test_connection_begun_before_the_capture_is_not_judged(examine: Examination) -> None:
    again = ipv4(tcp(b"GET /", flags="PA", sequence=1001, acknowledgement=77), POD_A, POD_B, ttl=63, id=9)
    answer = examine([*bgp(), *pings(), *(at(5 + n, from_a(wrapped(again))) for n in (0, 1, 3))])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_HANDSHAKE)


def test_one_sided_capture_is_silent(examine: Examination) -> None:
    answer = examine([frame for frame in [*bgp(), *pings(), *asked()] if frame[1][6:12] == from_a(b"")[6:12]])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.ONE_DIRECTION)


def test_capture_that_ends_at_once_is_too_short(examine: Examination) -> None:
    answer = examine([*bgp(until=8.3), *pings(), *asked()])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.TOO_SHORT)


def test_capture_with_holes_is_silent(examine: Examination) -> None:
    lost = [
        at(2, from_a(wrapped(syn(port=50000)))),
        back(answer_to_syn("SA", port=50000), 2.1),
        at(2.2, from_a(wrapped(ipv4(tcp(flags="A", source_port=50000, acknowledgement=9000), POD_A, POD_B, ttl=63)))),
        at(2.3, from_a(wrapped(ipv4(tcp(flags="A", source_port=50000, acknowledgement=1002), POD_A, POD_B, ttl=63)))),
    ]
    answer = examine([*bgp(), *pings(), *asked(), *lost])
    assert not answer.findings
    assert answer.reason is Reason.CAPTURE_DROPS


def test_two_syns_are_too_few(examine: Examination) -> None:
    answer = examine([*bgp(), *pings(), *asked(RETRIES[:2])])
    assert not answer.findings
    assert answer.reason is Reason.TOO_FEW_PACKETS


def test_two_syns_that_a_slow_mirror_shows_again_are_two(examine: Examination) -> None:
    mirrored = [time + late for time in RETRIES[:2] for late in (0, 0.005)]
    answer = examine([*bgp(), *pings(), *asked(mirrored)])
    assert not answer.findings
    assert answer.reason is Reason.TOO_FEW_PACKETS


@pytest.mark.parametrize("shown_by", ["announcement", "packets"])
def test_syns_that_the_old_node_hears_of_a_pod_that_moves_are_a_notice(shown_by: str, examine: Examination) -> None:
    announced = tcp(bgp_update([f"{POD_B}/32"], NODE_C), flags="PA", source_port=179)
    sent = wrapped(ipv4(icmp_echo(False, id=9), POD_B, POD_A, ttl=63, id=3), NODE_C, NODE_A)
    shown = ipv4(announced, NODE_C, NODE_A, ttl=64) if shown_by == "announcement" else sent
    moves = at(8.3, ethernet(shown, source=MAC_ROUTER, destination=MAC_NODE_A))
    finding = examine([*bgp(), *pings(), *asked(), moves]).finding
    assert finding.severity is Severity.NOTICE
    assert f"node {NODE_C} has the address: the pod moved" in finding.observed


def test_bgp_is_left_to_its_own_family(examine: Examination) -> None:
    dial = ipv4(tcp(flags="S", source_port=50000, destination_port=179), NODE_A, NODE_B, ttl=64)
    assert not examine([*pings(), *(at(5 + time, from_a(dial)) for time in RETRIES), at(30, from_b(b""))]).findings


def test_answer_seen_at_another_point_counts(examine: Examination) -> None:
    """A node with two NICs: the requests leave by one, the answers come in by the other."""
    one = [*bgp(), *pings(), *asked()]
    other = [*bgp(), *(back(answer_to_syn("SA"), 5.01 + time) for time in RETRIES)]
    assert not examine(one, other).findings


# must be reported


def test_silent_pod_behind_a_working_tunnel_is_an_error(examine: Examination) -> None:
    answer = examine([*bgp(), *pings(), *asked()])
    finding = answer.finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert f"{POD_B} does not answer TCP from {POD_A} to port 80" in finding.title
    assert finding.count == 3
    assert f"ping from {POD_A} to {POD_B} is answered" in finding.worked
    assert len(finding.evidence[0].frames) == 3
    assert {NODE_A, NODE_B} == set(finding.subject.nodes)


def test_another_pod_behind_the_same_node_shows_both_directions(examine: Examination) -> None:
    assert examine([*bgp(), *pings(destination=OTHER_POD_B), *asked()]).finding.count == 3


def test_ports_are_told_together(examine: Examination) -> None:
    other = [at(5.5 + time, from_a(wrapped(ipv4(tcp(flags="S", source_port=41000, destination_port=443),
             POD_A, POD_B, ttl=63, id=8)))) for time in RETRIES]  # fmt: skip
    finding = examine([*bgp(), *pings(), *asked(), *other]).finding
    assert "ports 80 and 443" in finding.title
    assert finding.count == 6


def test_syns_that_go_on_to_the_old_node_are_an_error(examine: Examination) -> None:
    sent = wrapped(ipv4(icmp_echo(False, id=9), POD_B, POD_A, ttl=63, id=3), NODE_C, NODE_A)
    moves = at(6.5, ethernet(sent, source=MAC_ROUTER, destination=MAC_NODE_A))
    assert examine([*bgp(), *pings(), *asked(), moves]).finding.severity is Severity.ERROR


CLIENTS = (POD_A, "172.20.1.6", "172.20.1.7")


def asked_by(source: str, destination: str = POD_B, first: float = 5) -> list[Timed]:
    return [at(first + time, from_a(wrapped(syn(source=source, destination=destination)))) for time in RETRIES]


def test_clients_of_one_silent_pod_are_one_finding(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(), *(frame for client in CLIENTS for frame in asked_by(client))]).finding
    assert (finding.subject.kind, finding.subject.addresses) == (SubjectKind.POD, (*CLIENTS, POD_B))
    assert all(client in finding.title for client in CLIENTS)
    assert finding.observed.startswith("9 SYNs of 3 connections from 3 addresses")


def test_two_silent_pods_are_two_findings(examine: Examination) -> None:
    frames = [*bgp(), *pings(), *asked_by(POD_A), *asked_by(CLIENTS[1], OTHER_POD_B)]
    assert [finding.subject.addresses for finding in examine(frames).findings] == [
        (POD_A, POD_B),
        (CLIENTS[1], OTHER_POD_B),
    ]


def test_syns_that_end_at_different_places_are_two_findings(examine: Examination) -> None:
    """Those of one client do not leave its node's network, those of another reach the pod's node."""
    ways = Ways()
    ways.ping(9)
    segment = tcp(flags="S", source_port=41000, sequence=777, options=tcp_options(mss=1440))
    for time in RETRIES:
        ways.send(4 + time, syn_of(), until="nic_a")
        far = wrapped(ipv4(segment, "172.20.4.4", POD_B, ttl=63, id=9), NODE_C, NODE_B)
        ways.frames["nic_b"].append(at(4 + time, ethernet(far, source=MAC_ROUTER, destination=MAC_NODE_B)))
    findings = examine(*ways.captures("nic_a", "nic_b")).findings
    assert sorted(finding.title.rsplit(" ", 1)[1] for finding in findings) == [NODE_A, NODE_B]


def test_address_that_is_never_heard_may_be_nobody_s(examine: Examination) -> None:
    """Another pod of the node answers the same client, so it is neither the way nor the reverse path filter."""
    finding = examine([*bgp(), *pings(12, destination=OTHER_POD_B), *asked()]).finding
    assert finding.alternatives[0].startswith(f"no pod has {POD_B}")
    assert "IPD3004" in finding.alternatives[0]
    assert finding.alternatives[1].startswith("an ingress policy")
    assert len(finding.alternatives) == 2
    assert finding.confirm[0].startswith(f"ip route get {POD_B}  # on {NODE_B}")


def test_address_that_is_heard_is_somebody_s(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(12), *pings(12, first=1.2, destination=OTHER_POD_B), *asked()]).finding
    assert finding.alternatives == (f"an ingress policy of {POD_B} denies them in silence",)


def test_without_another_answer_the_way_is_in_question(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(2, destination=OTHER_POD_B), *asked()]).finding
    assert finding.alternatives[0] == "the network between the nodes drops them"


def test_outage_that_is_over_is_a_warning(examine: Examination) -> None:
    later = [at(14, from_a(wrapped(syn(port=42000)))), back(answer_to_syn("SA", port=42000), 14.001)]
    later.append(at(14.002, from_a(wrapped(ipv4(tcp(source_port=42000, acknowledgement=1), POD_A, POD_B, ttl=63)))))
    finding = examine([*bgp(), *pings(), *asked(), *later]).finding
    assert finding.severity is Severity.WARNING
    assert "such a connection is answered" in finding.observed


def test_silence_outside_the_cluster_is_a_notice(examine: Examination) -> None:
    dial = ipv4(tcp(flags="S", source_port=50000, destination_port=443), NODE_A, OUTSIDE, ttl=64, id=7)
    out = [at(5 + time, ethernet(dial, source=MAC_NODE_A, destination=MAC_ROUTER)) for time in RETRIES]
    ping = ipv4(icmp_echo(False), ROUTER, NODE_A, ttl=64)
    frames = [*bgp(), *pings(), *out, at(6, ethernet(ping, source=MAC_ROUTER, destination=MAC_NODE_A))]
    answer = examine(frames)
    assert answer.status is Status.NOTED
    assert f"{OUTSIDE} does not answer TCP from {NODE_A}" in answer.finding.title


def test_pod_s_own_link_names_what_comes_before_and_after(examine: Examination) -> None:
    asks = [at(5 + time, from_pod(syn(ttl=64))) for time in RETRIES]
    others = [at(4, to_pod(ipv4(icmp_echo(id=4), OTHER_POD_B, POD_A, ttl=62)))]
    frames = [*gateway_arp(), *asks, *others, *gateway_arp(15)]
    assert examine(frames, role=Role.CALI).finding.severity is Severity.NOTICE  # whose the other end is, nobody says
    finding = examine(frames, role=Role.CALI, pods=["172.20.0.0/16"]).finding
    assert (finding.severity, finding.component) == (Severity.ERROR, Component.FELIX)
    assert any("egress policy" in text for text in finding.alternatives)


def test_syn_that_reaches_a_silent_pod_is_the_pod_s(examine: Examination) -> None:
    ways = Ways()
    ways.ping(4)
    for time in RETRIES:
        ways.send(8 + time, syn_of())
    finding = examine(*ways.captures("nic_a", "nic_b", "cali_b")).finding
    assert finding.component is Component.POD
    assert f"last seen at eth0 of pod {POD_B}" in finding.title
    assert finding.count == 3


def test_last_point_of_several_is_named(examine: Examination) -> None:
    ways = Ways()
    ways.ping(4)
    for time in RETRIES:
        ways.send(8 + time, syn_of(), until="nic_b")
    finding = examine(*ways.captures("cali_a", "tunl_a", "nic_a", "nic_b", "cali_b")).finding
    assert f"last seen at NIC of node {NODE_B}" in finding.title
    assert "tcpdump" in finding.confirm[-2] and "cali" in finding.confirm[-2]


def test_tunl0_knows_no_next_hop(examine: Examination) -> None:
    frames = [at(5 + time, syn()) for time in RETRIES]
    frames += [at(4, ipv4(icmp_echo(False, id=3), POD_B, POD_A, ttl=63)), at(15, echo(9)(63))]
    assert examine(frames, link_type=RAW, role=Role.TUNL0, pods=["172.20.0.0/16"]).finding.count == 3


def test_answer_from_another_address_is_named(examine: Examination) -> None:
    """A node's port: the answer comes from the pod behind it, and nobody translates it back."""
    other = back(answer_to_syn("SA", source=OTHER_POD_B, from_port=8080), 5.01)
    assert (
        f"comes from {OTHER_POD_B} port 8080 instead" in examine([*bgp(), *pings(), *asked(), other]).finding.observed
    )


def test_pod_that_may_not_talk_to_its_own_node(examine: Examination) -> None:
    dial = ipv4(tcp(flags="S", source_port=40000, destination_port=10250), POD_A, NODE_A, ttl=64, id=3)
    others = [at(4, to_pod(ipv4(icmp_echo(id=4), OTHER_POD_B, POD_A, ttl=62)))]
    frames = [*gateway_arp(), *(at(5 + time, from_pod(dial)) for time in RETRIES), *others, *gateway_arp(15)]
    files = collected(NODES + BLOCKS + pool())
    assert "defaultEndpointToHostAction" in examine(frames, role=Role.CALI, files=files).finding.alternatives[0]


# never leads where something explains it


def test_rejection_by_a_firewall_leads(examine: Examination) -> None:
    refused = [back(ipv4(icmp_error(3, 10, syn()), NODE_B, POD_A), 5.001 + time) for time in RETRIES]
    assert examine([*bgp(), *pings(), *asked(), *refused]).finding.severity is Severity.ERROR


@pytest.mark.parametrize(
    "code",
    ["1001", "1002", "1006", "1008", "2001", "2004", "2006", "2012", "3001", "3002", "3003", "3004", "3005", "3006",
     "3008", "3009", "5002", "6001", "6002", "6003", "6004", "6005", "6006", "6008", "6009", "7001", "8001"],
)  # fmt: skip
def test_is_explained_by_whatever_is_nearer_the_cause(code: str, examine: Examination) -> None:
    symptom = examine([*bgp(), *pings(), *asked()]).finding
    cause = _like(symptom, f"IPD{code}")
    first, second = order_findings((symptom, cause))
    assert (first.finding.code, second.finding.code, second.cause) == (f"IPD{code}", "IPD6007", 0)


def _like(finding: Finding, code: str) -> Finding:

    return replace(finding, code=code, name=code, count=1)
