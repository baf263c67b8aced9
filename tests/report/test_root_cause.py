"""Which finding explains which, and what leads the report."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from ipipdiag.checks.model import Component, Confidence, Finding, Severity, Subject, SubjectKind
from ipipdiag.report.root_cause import _by_subject, _causes, explains, order_findings


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


def causes_by_definition(findings: list[Finding]) -> dict[int, int]:
    """Each finding held against each: the nearest cause first, whatever would make a circle left out."""
    cause_of: dict[int, int] = {}

    def is_remote(cause: int, candidates: list[int]) -> bool:
        others = (findings[other] for other in candidates if other != cause)
        return any(explains(findings[cause], other) and not explains(other, findings[cause]) for other in others)

    def roots(position: int) -> Iterator[int]:
        yield position
        while position in cause_of:
            position = cause_of[position]
            yield position

    for effect, one in enumerate(findings):
        candidates = [cause for cause, other in enumerate(findings) if explains(other, one)]
        for cause in sorted(candidates, key=lambda cause: is_remote(cause, candidates)):
            if effect not in roots(cause):
                cause_of[effect] = cause
                break
    return cause_of


@pytest.mark.parametrize("seed", range(40))
def test_causes_are_those_of_comparing_each_with_each(seed: int) -> None:
    random = np.random.default_rng(seed)
    codes = [
        "2001",
        "2002",
        "2006",
        "3001",
        "3003",
        "4001",
        "4003",
        "5002",
        "6001",
        "6002",
        "6005",
        "6007",
        "6009",
        "8003",
    ]
    findings = []
    for _ in range(50):
        about = [name for name in "ABCDEF" if random.integers(3) == 0]
        first = None if random.integers(9) == 0 else int(random.integers(12)) * 2_000_000_000
        severity = list(Severity)[random.integers(len(Severity))]
        findings.append(finding(str(random.choice(codes)), severity, about=tuple(about), first=first))
    found = _causes(findings, _by_subject(findings))
    assert found and found == causes_by_definition(findings)
