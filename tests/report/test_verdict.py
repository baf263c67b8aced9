"""The verdict: its state, what it leads with, and the sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ipipdiag.checks.model import (
    CheckResult,
    Confidence,
    Finding,
    Reason,
    Severity,
    Status,
    Subject,
    SubjectKind,
)
from ipipdiag.cluster.model import Cluster
from ipipdiag.points.model import Point
from ipipdiag.report.model import FindingReport, State, Verdict
from ipipdiag.report.units import format_time
from ipipdiag.report.verdict import reach_verdict
from tests.builders.points import points_of
from tests.checks.world import at, bgp, pings
from tests.report.example_report import blocked_finding, notice

PASSED = CheckResult("IPD6001", "ProtocolFourBlocked", Status.PASS, examined=3)
UNJUDGED = CheckResult("IPD6002", "TunnelUnanswered", Status.NOT_CHECKED, reason=Reason.WRONG_POINT)
ABOUT_THE_FILE = CheckResult("IPD0002", "DamagedFile", Status.PASS, examined=1)


@pytest.fixture
def points(tmp_path: Path) -> tuple[Point, ...]:
    """One NIC, captured for 18 seconds from START_NS on."""
    return points_of(tmp_path, [*bgp(), *pings()])


def fault(first: float, last: float, *, count: int = 12, worked: tuple[str, ...] = ()) -> Finding:
    return replace(
        blocked_finding(), title="it is broken", first_ns=at(first, b"")[0], last_ns=at(last, b"")[0], count=count,
        worked=worked,
    )  # fmt: skip


def verdict(points: tuple[Point, ...], *findings: Finding, checks: tuple[CheckResult, ...] = (PASSED,)) -> Verdict:
    reports = tuple(FindingReport(f"f{number}", finding, None) for number, finding in enumerate(findings, start=1))
    return reach_verdict(reports, checks, points, Cluster())


class TestState:
    def test_checks_that_passed_are_no_fault_seen_and_say_how_much(self, points: tuple[Point, ...]) -> None:
        found = verdict(points, checks=(PASSED, UNJUDGED))
        assert (found.state, found.code, found.finding, found.confidence) == (State.NO_FAULT_SEEN, None, None, None)
        frames = points[0].facts.extent.frames
        assert found.headline == (
            f"no fault seen in {frames} frames of 1 capture point: 1 checks passed, 1 could not be made here"
        )

    def test_checks_of_the_capture_alone_judge_nothing(self, points: tuple[Point, ...]) -> None:
        found = verdict(points, checks=(ABOUT_THE_FILE, UNJUDGED))
        assert found.state is State.NOT_ENOUGH_EVIDENCE
        assert found.headline.startswith("not enough evidence: nothing in ")

    def test_no_input(self) -> None:
        assert verdict((), checks=()).headline == "not enough evidence: no input could be read"

    def test_no_packet(self, tmp_path: Path) -> None:
        assert "no packet" in verdict(points_of(tmp_path, []), checks=()).headline

    @pytest.mark.parametrize(
        ("severity", "confidence", "state"),
        [
            (Severity.CRITICAL, Confidence.CONFIRMED, State.FAULT_FOUND),
            (Severity.ERROR, Confidence.LIKELY, State.FAULT_FOUND),
            (Severity.ERROR, Confidence.POSSIBLE, State.SUSPICIOUS),
            (Severity.WARNING, Confidence.CONFIRMED, State.SUSPICIOUS),
        ],
    )
    def test_weight_of_the_lead(
        self, points: tuple[Point, ...], severity: Severity, confidence: Confidence, state: State
    ) -> None:
        found = verdict(points, replace(fault(5, 19), severity=severity, confidence=confidence))
        assert (found.state, found.code, found.finding) == (state, "IPD6001", "f1")
        assert found.confidence is confidence

    def test_a_remark_on_the_capture_is_no_answer_where_others_are_judged(self, points: tuple[Point, ...]) -> None:
        found = verdict(points, notice())
        assert (found.state, found.code) == (State.NO_FAULT_SEEN, None)

    def test_a_remark_on_the_capture_is_all_there_is_to_say_without(self, points: tuple[Point, ...]) -> None:
        found = verdict(points, notice(), checks=(UNJUDGED,))
        assert (found.state, found.code) == (State.NOT_ENOUGH_EVIDENCE, "IPD0007")
        assert notice().title in found.headline


class TestHeadline:
    def test_from_the_beginning_to_the_end(self, points: tuple[Point, ...]) -> None:
        headline = verdict(points, fault(0.5, 17)).headline
        assert headline.startswith("it is broken, since the capture began, still so at the end of the capture")

    def test_from_a_time_to_a_time(self, points: tuple[Point, ...]) -> None:
        finding = fault(5, 8, worked=("something else works",))
        assert verdict(points, finding).headline == (
            f"it is broken, since {format_time(finding.first_ns or 0)}, last seen {format_time(finding.last_ns or 0)}; "
            "meanwhile something else works"
        )

    def test_a_moment(self, points: tuple[Point, ...]) -> None:
        finding = fault(5, 5, count=1, worked=("x",))
        assert verdict(points, finding).headline.startswith(f"it is broken, at {format_time(finding.first_ns or 0)}")

    def test_without_times(self, points: tuple[Point, ...]) -> None:
        finding = replace(fault(5, 5, worked=("x",)), first_ns=None, last_ns=None)
        assert verdict(points, finding).headline == "it is broken; meanwhile x"

    def test_a_file_is_as_it_is(self, points: tuple[Point, ...]) -> None:
        damaged = replace(
            fault(0, 18), severity=Severity.WARNING, title="x.pcap is damaged", code="IPD0002",
            subject=Subject(SubjectKind.CAPTURE, "x.pcap"),
        )  # fmt: skip
        assert verdict(points, damaged).headline == "x.pcap is damaged"
