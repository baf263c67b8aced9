"""IPD4007 BlockFromTwoNodes."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import bgp_update
from tests.checks.bgp_world import Talk, talks
from tests.checks.world import (
    BLOCK_B,
    NODE_A,
    NODE_B,
    OTHER_POD_B,
    Examination,
    bgp,
    pings,
)


def test_each_block_from_one_node_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_borrowed_address_is_legal(examine: Examination) -> None:
    talk = Talk().establish(1).say(2, NODE_A, bgp_update([f"{OTHER_POD_B}/32"], NODE_A)).keep(4, 20)
    assert not examine([*talks(talk), *pings()]).findings


def test_block_that_moves_is_legal(examine: Examination) -> None:
    talk = Talk().establish(1).say(5, NODE_B, bgp_update(withdrawn=[BLOCK_B]))
    talk.say(6, NODE_A, bgp_update([BLOCK_B], NODE_A)).keep(7, 20)
    assert not examine([*talks(talk), *pings()]).findings


def test_service_network_of_every_node_is_legal(examine: Examination) -> None:
    talk = Talk().establish(1).say(2, NODE_A, bgp_update(["198.18.0.0/24"], NODE_A))
    talk.say(2, NODE_B, bgp_update(["198.18.0.0/24"], NODE_B)).keep(4, 20)
    assert not examine([*talks(talk), *pings()]).findings


def test_two_nodes_with_one_block_are_an_error(examine: Examination) -> None:
    talk = Talk().establish(1).say(5, NODE_A, bgp_update([BLOCK_B], NODE_A)).keep(7, 20)
    finding = examine([*talks(talk), *pings()]).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert set(finding.subject.nodes) == {NODE_A, NODE_B}


def test_no_announcement_is_not_judged(examine: Examination) -> None:
    assert examine(pings()).reason is Reason.TOO_SHORT
