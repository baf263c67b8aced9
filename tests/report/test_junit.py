"""JUnit XML: which case a build server counts as what, and that no name breaks the XML."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from ipipdiag.checks.model import Status
from ipipdiag.report.formats import render
from ipipdiag.report.model import Report
from ipipdiag.report.presentation import Presentation
from tests.report.example_report import blocked_report, unreadable_report
from tests.report.hostile import hostile_report


def junit(report: Report) -> Element:
    return ElementTree.fromstring(render("junit", report, Presentation()))


def case(root: Element, code: str) -> Element:
    (found,) = [case for case in root.iter("testcase") if case.get("name", "").startswith(code)]
    return found


@pytest.mark.parametrize(
    ("code", "children"),
    [
        ("IPD0001", []),
        ("IPD0007", ["system-out"]),
        ("IPD2001", ["skipped"]),
        ("IPD2009", ["skipped"]),
        ("IPD2010", ["error"]),
        ("IPD6001", ["failure"]),
        ("notes.txt", ["error"]),
        ("a-eth0.pcap", []),
    ],
)
def test_outcome_of_each_kind(code: str, children: list[str]) -> None:
    assert [child.tag for child in case(junit(blocked_report()), code)] == children


def test_a_failure_tells_what_was_expected_and_where_to_look() -> None:
    failure = case(junit(blocked_report()), "IPD6001").find("failure")
    assert failure is not None
    assert failure.get("type") == "critical"
    assert failure.get("message") == blocked_report().findings[0].finding.title
    assert "Expected: IP-in-IP from 10.50.10.34" in (failure.text or "")
    assert "ip.proto#1 == 4 && " in (failure.text or "")


def test_a_skipped_case_says_why() -> None:
    skipped = case(junit(blocked_report()), "IPD2001").find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "no_config: the ipipMode of the pool of 10.244.136.13 is not known"


@pytest.mark.parametrize("report", [blocked_report(), unreadable_report(), hostile_report()])
def test_totals_are_those_of_the_cases(report: Report) -> None:
    root = junit(report)
    checks = root.find("testsuite[@name='checks']")
    assert checks is not None
    counts = {status: sum(result.status is status for result in report.checks) for status in Status}
    assert checks.get("tests") == str(len(report.checks))
    assert checks.get("failures") == str(counts[Status.FAIL])
    assert checks.get("errors") == str(counts[Status.CRASHED])
    assert checks.get("skipped") == str(counts[Status.NOT_CHECKED] + counts[Status.NOT_APPLICABLE])
    assert root.get("tests") == str(len(list(root.iter("testcase"))))


def test_hostile_text_is_text() -> None:
    root = junit(hostile_report())
    own = {"testsuites", "testsuite", "properties", "property", "testcase", "failure", "error", "skipped", "system-out"}
    assert {element.tag for element in root.iter()} <= own
    assert "".join(root.itertext()).replace("\n", "").isprintable()
    assert any(case.get("name") == "<script>alert(1)</script>" for case in root.iter("testcase"))
