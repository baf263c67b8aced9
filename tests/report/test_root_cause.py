"""Which finding explains which, and what leads the report."""

from __future__ import annotations

import itertools

import pytest

from ipipdiag.checks.model import Component, Confidence, Finding, Severity, Subject, SubjectKind
from ipipdiag.report.root_cause import explains, order_findings


def finding(
    code: str,
    severity: Severity = Severity.ERROR,
    confidence: Confidence = Confidence.CONFIRMED,
    about: tuple[str, ...] = ("192.0.2.11", "192.0.2.12"),
    first: int | None = 10,
    count: int = 1,
) -> Finding:
    return Finding(
        severity=severity,
        confidence=confidence,
        subject=Subject(SubjectKind.NODE_PAIR, " to ".join(about), nodes=about),
        title=code,
        expected="",
        observed="",
        count=count,
        first_ns=first,
        last_ns=None if first is None else first + 5,
        evidence=(),
        component=Component.FELIX,
        code=f"IPD{code}",
        name=code,
    )


def order(*findings: Finding) -> list[tuple[str, int | None]]:
    return [(entry.finding.code[3:], entry.cause) for entry in order_findings(findings)]


def test_cause_leads_and_its_consequences_hang_below() -> None:
    assert order(finding("6002"), finding("6001"), finding("6003")) == [("6003", None), ("6001", 0), ("6002", 1)]


def test_another_subject_is_another_root() -> None:
    elsewhere = finding("6002", about=("198.51.100.1", "198.51.100.2"))
    assert order(finding("6001"), elsewhere) == [("6001", None), ("6002", None)]


def test_consequence_does_not_begin_long_before_its_cause() -> None:
    assert explains(finding("6001", first=10), finding("6002", first=10))
    assert not explains(finding("6001", first=60_000_000_000), finding("6002", first=10))


def test_notice_explains_no_fault() -> None:
    assert not explains(finding("5002", Severity.NOTICE), finding("6009"))


@pytest.mark.parametrize("codes", list(itertools.permutations(["4001", "4002", "4008", "2001"])))
def test_codes_that_explain_each_other_make_no_circle(codes: tuple[str, ...]) -> None:
    ordered = order(*(finding(code) for code in codes))
    assert len(ordered) == len(codes)
    assert ordered[0][1] is None
    assert all(cause is None or cause < place for place, (_, cause) in enumerate(ordered))


def test_remarks_on_the_capture_never_lead() -> None:
    assert order(finding("0002", Severity.WARNING), finding("5001", Severity.NOTICE))[0][0] == "5001"


def test_faults_lead_over_surer_warnings_and_notices() -> None:
    likely = finding("6001", Severity.CRITICAL, Confidence.LIKELY)
    others = [finding("5001", Severity.NOTICE), finding("2007", Severity.WARNING)]
    assert order(*others, likely)[0] == ("6001", None)


def test_sure_faults_lead_over_likely_ones_then_severity_then_traffic() -> None:
    sure = finding("5003", Severity.ERROR, Confidence.CONFIRMED, about=("a", "b"))
    likely = finding("2004", Severity.CRITICAL, Confidence.LIKELY, about=("c", "d"))
    assert [code for code, _ in order(likely, sure)] == ["5003", "2004"]
    few, many = finding("3002", about=("e", "f")), finding("3001", about=("g", "h"), count=9)
    assert [code for code, _ in order(few, many)] == ["3001", "3002"]


@pytest.mark.parametrize("symptom", ["6007", "8007"])
def test_tunnel_device_that_is_down_is_cited_by_what_gets_no_answer_from_its_node(symptom: str) -> None:
    """Of another node it is a root of its own."""
    down = finding("9004", about=("192.0.2.11",))
    first, second = order_findings((finding(symptom, Severity.WARNING), down))
    assert (first.finding.code, second.cited_by) == (f"IPD{symptom}", 0)
    assert first.finding.fix[-1].startswith("as the cluster files say")
    elsewhere = order_findings((finding(symptom, about=("192.0.2.12",)), down))
    assert [entry.cited_by for entry in elsewhere] == [None, None]
