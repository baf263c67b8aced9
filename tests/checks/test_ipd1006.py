"""IPD1006 PodArpUnanswered."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import arp, ethernet
from tests.checks.files_world import BLOCKS, NODES, collected, pod, pool
from tests.checks.world import HOST_MAC, NODE_A, POD_A, POD_MAC, Examination, at, bgp


def asked(*times: float, answered: bool = False) -> list[tuple[int, bytes]]:
    frames = []
    for time in times:
        frames.append(at(time, ethernet(arp(1, HOST_MAC, NODE_A, 0, POD_A), source=HOST_MAC, destination=POD_MAC)))
        if answered:
            back = arp(2, POD_MAC, POD_A, HOST_MAC, NODE_A)
            frames.append(at(time + 0.001, ethernet(back, source=POD_MAC, destination=HOST_MAC)))
    return frames


ALIVE = at(0.5, ethernet(b"\x60" + bytes(47), source=POD_MAC, destination="33:33:00:00:00:02", ether_type=0x86DD))
END = at(9, ethernet(b"\x60" + bytes(47), source=HOST_MAC, destination="33:33:00:00:00:02", ether_type=0x86DD))


def test_answered_requests_pass(examine: Examination) -> None:
    assert examine([*asked(1, 30, answered=True), END]).status is Status.PASS


def test_one_lost_answer_passes(examine: Examination) -> None:
    assert not examine([*asked(1, answered=True), *asked(3), END]).findings


def test_three_tries_without_answer_are_critical(examine: Examination) -> None:
    finding = examine([ALIVE, *asked(1, 2.05, 3.1), END]).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.CONFIRMED)
    assert POD_A in finding.title and NODE_A in finding.title


def test_silence_of_the_pod_lowers_confidence(examine: Examination) -> None:
    assert examine([*asked(1, 2.05, 3.1), END]).finding.confidence is Confidence.LIKELY


def test_other_points_cannot_show_it(examine: Examination) -> None:
    assert examine(bgp()).reason is Reason.WRONG_POINT


PLACED = NODES + BLOCKS + pool() + pod("web", "alpha", POD_A)


def test_neighbour_table_that_failed_is_cited(examine: Examination) -> None:
    table = {"nodes/alpha/neigh.txt": f"{POD_A} dev cali0123456789a FAILED\n"}
    finding = examine([ALIVE, *asked(1, 2.05, 3.1), END], files=collected(PLACED, more=table)).finding
    assert "neighbour table says FAILED (config: nodes/alpha/neigh.txt line 1)" in finding.observed


def test_neighbour_table_that_has_the_mac_is_an_alternative(examine: Examination) -> None:
    table = {"nodes/alpha/neigh.txt": f"{POD_A} dev cali0123456789a lladdr {POD_MAC} STALE\n"}
    finding = examine([ALIVE, *asked(1, 2.05, 3.1), END], files=collected(PLACED, more=table)).finding
    assert "FAILED" not in finding.observed
    assert any(POD_MAC in text for text in finding.alternatives)
