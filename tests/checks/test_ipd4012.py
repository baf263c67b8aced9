"""IPD4012 BgpPasswordMismatch."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Severity, Status
from tests.checks.bgp_world import MD5, Talk, talks
from tests.checks.world import (
    NODE_A,
    NODE_B,
    Examination,
    pings,
)


def test_no_signature_on_either_side_passes(examine: Examination) -> None:
    assert examine(talks(Talk().establish(1).keep(4, 20))).status is Status.PASS


def test_signatures_on_both_sides_pass(examine: Examination) -> None:
    talk = Talk().dial(1, None, MD5).send(1.1, NODE_A, "SA", options=MD5)
    assert examine([*talks(talk), *pings()]).status is Status.PASS


def test_signature_of_one_side_alone_is_an_error(examine: Examination) -> None:
    dialled = [Talk(41001 + n).dial(1 + n, None, MD5) for n in range(3)]
    back = [Talk(42001 + n, dialler=NODE_A).dial(1.5 + n, None) for n in range(3)]
    finding = examine([*talks(*dialled, *back), *pings()]).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert f"node {NODE_B} has a BGP password" in finding.title


def test_one_side_alone_cannot_be_compared(examine: Examination) -> None:
    assert not examine([*talks(Talk().dial(1, None, MD5)), *pings()]).findings
