"""IPD2002 EncapsulatedInSameSubnet."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.world import NODE_A, NODE_B, Examination, bgp, pings

NODES = (f"a={NODE_A}/24", f"b={NODE_B}/24")
FAR = (f"a={NODE_A}/30", f"b={NODE_B}/30")


def test_other_modes_are_not_concerned(examine: Examination) -> None:
    assert examine([*bgp(), *pings()], mode="Always", nodes=NODES).status is Status.NOT_APPLICABLE


def test_nodes_of_different_subnets_wrap(examine: Examination) -> None:
    assert examine([*bgp(), *pings()], mode="CrossSubnet", nodes=FAR).status is Status.PASS


def test_mode_that_nobody_told_is_no_expectation(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).reason is Reason.NO_CONFIG


def test_subnets_that_nobody_told_are_no_expectation(examine: Examination) -> None:
    answer = examine([*bgp(), *pings()], mode="CrossSubnet")
    assert answer.reason is Reason.NO_CONFIG
    assert answer.enable and "--node" in answer.enable


def test_wrapping_within_a_subnet_is_a_warning(examine: Examination) -> None:
    answer = examine([*bgp(), *pings()], mode="CrossSubnet", nodes=NODES)
    assert {finding.severity for finding in answer.findings} == {Severity.WARNING}
