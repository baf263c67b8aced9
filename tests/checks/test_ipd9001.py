"""IPD9001 RouteContradictsBlock."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.files_world import (
    BLOCKS,
    NODES,
    collected,
    node,
    pool,
    routes,
)
from tests.checks.world import (
    OTHER_POD_B,
    Examination,
    bgp,
    pings,
)


def test_files_that_agree_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()], files=collected()).status is Status.PASS


def test_without_files_it_is_not_judged(examine: Examination) -> None:
    answer = examine([*bgp(), *pings()])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)


THIRD = node("gamma", "192.0.2.13", "172.20.5.1")
WRONG = collected(NODES + THIRD + BLOCKS + pool(), alpha_routes=routes("via 192.0.2.13 dev tunl0 proto bird onlink"))


def test_route_of_a_borrowed_address_may_go_elsewhere(examine: Examination) -> None:
    borrowed = routes() + f"{OTHER_POD_B} via 192.0.2.13 dev tunl0 proto bird onlink\n"
    assert not examine(pings(), files=collected(NODES + THIRD + BLOCKS + pool(), alpha_routes=borrowed)).findings


def test_route_to_another_node_is_an_error(examine: Examination) -> None:
    finding = examine(pings(), files=WRONG).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert "leads to gamma (192.0.2.13), the block is on beta" in finding.title
    assert "nodes/alpha/ip-route.txt line 4" in finding.observed
    assert "BlockAffinity b" in finding.expected
