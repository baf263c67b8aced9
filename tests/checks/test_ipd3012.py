"""IPD3012 AddressOverlap."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.world import (
    NODE_A,
    NODE_B,
    TUNNEL_A,
    Examination,
    at,
    bgp,
    from_a,
    pings,
    request,
    wrapped,
)


def test_pool_apart_from_the_nodes_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()], pods=["172.20.0.0/16"]).status is Status.PASS


def test_tunnel_address_lies_in_the_pool_rightly(examine: Examination) -> None:
    own = [at(3 + n, from_a(wrapped(request(n, source=TUNNEL_A, ttl=64), ttl=64))) for n in range(1, 4)]
    assert not examine([*bgp(), *own], pods=["172.20.0.0/16"]).findings


def test_node_in_the_pool_is_an_error(examine: Examination) -> None:
    findings = examine([*bgp(), *pings()], pods=["192.0.2.0/24"]).findings
    assert {finding.severity for finding in findings} == {Severity.ERROR}
    assert {finding.subject.nodes for finding in findings} == {(NODE_A,), (NODE_B,)}


def test_without_pools_and_blocks_it_is_not_judged(examine: Examination) -> None:
    answer = examine(pings())
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)
