"""IPD3008 DuplicatePodAddress."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import arp, ethernet
from tests.checks.world import (
    GATEWAY,
    HOST_MAC,
    NODE_A,
    NODE_B,
    OTHER_POD_B,
    POD_A,
    POD_B,
    POD_MAC,
    Examination,
    Timed,
    at,
    bgp,
    from_a,
    from_b,
    pings,
    syn,
    wrapped,
)


def from_both(turns: int = 4, *, by_turns: bool = True) -> list[Timed]:
    """One pod address behind node A and behind node B."""
    frames = []
    for n in range(turns):
        away = 0 if by_turns else turns
        frames.append(at(5 + n, from_b(wrapped(syn(POD_B, POD_A, port=41000 + n), NODE_B, NODE_A))))
        frames.append(at(5.5 + n + away, from_a(wrapped(syn(POD_B, OTHER_POD_B, port=42000 + n), NODE_A, NODE_B))))
    return frames


def link(mac: str, first: float = 0.1) -> list[Timed]:
    ask = ethernet(arp(1, mac, POD_A, 0, GATEWAY), source=mac, destination="ff:ff:ff:ff:ff:ff")
    answer = ethernet(arp(2, HOST_MAC, GATEWAY, mac, POD_A), source=HOST_MAC, destination=mac)
    return [at(first, ask), at(first + 0.001, answer), at(first + 5, ask), at(first + 5.001, answer)]


def test_one_place_a_pod_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_pod_that_moves_is_legal(examine: Examination) -> None:
    assert not examine([*bgp(), *from_both(by_turns=False)]).findings


def test_both_ends_of_one_veth_are_one_pod(examine: Examination) -> None:
    assert not examine(link(POD_MAC), link(POD_MAC)).findings


def test_pod_that_was_made_anew_later_is_legal(examine: Examination) -> None:
    assert not examine(link(POD_MAC), link("02:99:00:00:00:77", first=60)).findings


def test_two_nodes_by_turns_are_critical(examine: Examination) -> None:
    finding = examine([*bgp(), *from_both()]).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.CONFIRMED)
    assert set(finding.subject.nodes) == {NODE_A, NODE_B}


def test_two_macs_at_two_links_are_critical(examine: Examination) -> None:
    finding = examine(link(POD_MAC), link("02:99:00:00:00:77")).finding
    assert finding.severity is Severity.CRITICAL
    assert POD_MAC in finding.observed
    assert "02:99:00:00:00:77" in finding.observed


def test_no_pod_packet_is_not_judged(examine: Examination) -> None:
    assert examine(bgp(), nodes=(f"a={NODE_A}",)).reason is Reason.TOO_FEW_PACKETS
