"""IPD4006 NextHopNotNode."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import bgp_update
from tests.checks.bgp_world import Talk, talks
from tests.checks.world import (
    BLOCK_B,
    NODE_A,
    NODE_B,
    ROUTER,
    Examination,
    bgp,
    pings,
)

TOLD = (f"alpha={NODE_A}/24", f"beta={NODE_B}/24")


def test_next_hops_that_are_nodes_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()], nodes=TOLD).status is Status.PASS


def test_prefix_without_pods_may_have_any_next_hop(examine: Examination) -> None:
    talk = Talk().establish(1).say(2, NODE_B, bgp_update(["198.18.0.0/24"], ROUTER)).keep(4, 20)
    assert not examine([*talks(talk), *pings()], nodes=TOLD).findings


def test_next_hop_that_is_no_node_is_an_error(examine: Examination) -> None:
    talk = Talk().establish(1, blocks=False).say(2, NODE_B, bgp_update([BLOCK_B], ROUTER)).keep(4, 20)
    finding = examine([*talks(talk), *pings()], nodes=TOLD).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert f"next hop {ROUTER}" in finding.title


def test_unknown_nodes_are_not_judged(examine: Examination) -> None:
    answer = examine([*bgp(), *pings()])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)
