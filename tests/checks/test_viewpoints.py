"""What a single point can show, as declared by the checks and as the recorded captures bear out."""

from __future__ import annotations

import pytest

from ipipdiag.checks.catalogue import all_checks
from ipipdiag.checks.model import Check, Reason, Status
from ipipdiag.checks.viewpoints import Sight, View, sight_of, view_of
from ipipdiag.points.model import Role
from tests.scenarios import FAULTY, HEALTHY, captures, report_on

JUDGED = (Status.PASS, Status.FAIL, Status.NOTED)
CHECKS = {check.code: check for check in all_checks()}


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.code)
def test_every_check_names_points_that_are_known(check: Check) -> None:
    assert {sight_of(check, role) for role in Role}


def test_unknown_words_are_refused() -> None:
    with pytest.raises(ValueError, match="the moon"):
        view_of("node NIC, the moon")


def test_alternatives_and_pairs_are_read() -> None:
    assert view_of("node NIC, tunl0") == View(frozenset({Role.NODE, Role.TUNL0}), frozenset())
    pair = view_of("pod eth0 or cali, with tunl0 or node NIC")
    assert pair == View(frozenset(), frozenset({Role.POD, Role.CALI, Role.TUNL0, Role.NODE}))
    assert pair.at(Role.NODE) is Sight.WITH_ANOTHER
    assert pair.at(Role.FABRIC) is Sight.ELSEWHERE
    assert pair.at(Role.ANY) is Sight.ALONE  # it holds both points
    assert view_of("cluster files").at(Role.NODE) is Sight.FILES


@pytest.mark.parametrize("number", (*HEALTHY, *FAULTY))
def test_points_judge_what_they_are_said_to(number: str) -> None:
    """A file of one point: what was judged there can be judged there, and what it is the wrong point for cannot."""
    for path in captures(number):
        report = report_on(path)
        if len(report.points) > 1:
            continue
        role = Role(report.points[0].role)
        for result in report.checks:
            if result.code in CHECKS and role is not Role.UNKNOWN:
                sight = sight_of(CHECKS[result.code], role)
                assert result.status not in JUDGED or sight is Sight.ALONE, (path.name, result.code)
                assert result.reason is not Reason.WRONG_POINT or sight is not Sight.ALONE, (path.name, result.code)
