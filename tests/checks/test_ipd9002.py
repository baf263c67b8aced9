"""IPD9002 BlockRouteMissing."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.files_world import (
    collected,
    routes,
)
from tests.checks.world import (
    BLOCK_B,
    NODE_A,
    ROUTER,
    Examination,
    bgp,
    pings,
)


def test_files_that_agree_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()], files=collected()).status is Status.PASS


def test_without_files_it_is_not_judged(examine: Examination) -> None:
    answer = examine([*bgp(), *pings()])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)


def test_text_without_routes_of_calico_is_not_judged(examine: Examination) -> None:
    files = collected(alpha_routes=f"default via {ROUTER} dev eth0\n")
    assert examine(pings(), files=files).reason is Reason.NO_CONFIG


def test_block_that_only_the_default_route_holds_is_an_error(examine: Examination) -> None:
    finding = examine(pings(), files=collected(alpha_routes=routes(None))).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert f"alpha ({NODE_A}) has no route for block {BLOCK_B}" in finding.title
