"""IPD2003 EncapsulatedWhenNever."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.world import Examination, at, bgp, from_a, pings, request


def test_other_modes_are_not_concerned(examine: Examination) -> None:
    assert examine([*bgp(), *pings()], mode="Always").status is Status.NOT_APPLICABLE


def test_mode_that_nobody_told_is_no_expectation(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).reason is Reason.NO_CONFIG


def test_bare_packets_pass(examine: Examination) -> None:
    assert examine([*bgp(), at(5, from_a(request()))], mode="Never").status is Status.PASS


def test_wrapped_packets_are_an_error(examine: Examination) -> None:
    answer = examine([*bgp(), *pings()], mode="Never")
    assert {finding.severity for finding in answer.findings} == {Severity.ERROR}
    assert "Never" in answer.findings[0].title
