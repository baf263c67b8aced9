"""IPD4010 BlockNotAdvertised."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import bgp_update
from tests.checks.bgp_world import Talk, talks
from tests.checks.world import (
    BLOCK_A,
    NODE_A,
    NODE_B,
    POD_B,
    Examination,
    Timed,
    pings,
)


def unannounced() -> list[Timed]:
    talk = Talk().establish(1, blocks=False).say(2, NODE_A, bgp_update([BLOCK_A], NODE_A)).keep(4, 30)
    return talk.frames


def test_announced_blocks_pass(examine: Examination) -> None:
    assert examine([*talks(Talk().establish(1).keep(4, 30)), *pings(8, first=10)]).status is Status.PASS


def test_session_from_before_the_capture_is_not_judged(examine: Examination) -> None:
    answer = examine([*talks(Talk().keep(1, 30)), *pings(8, first=10)])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_HANDSHAKE)


def test_routes_of_felix_need_no_announcement(examine: Examination) -> None:
    answer = examine([*unannounced(), *pings(8, first=10)], files={"felix.yaml": FELIX})
    assert answer.status is Status.NOT_APPLICABLE


def test_pods_of_an_unannounced_block_are_a_warning(examine: Examination) -> None:
    finding = examine([*unannounced(), *pings(8, first=10)]).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)
    assert POD_B in finding.title
    assert f"node {NODE_B} does not announce" in finding.title


FELIX = """
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: default}
spec: {programClusterRoutes: EnabledIPIPOnly}
"""
