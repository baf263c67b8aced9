"""The verdict: the sentence an experienced colleague would say first."""

from __future__ import annotations

from collections.abc import Sequence

from ipipdiag.checks.model import CheckResult, Severity, Status, SubjectKind
from ipipdiag.cluster.model import Cluster
from ipipdiag.points.model import Point
from ipipdiag.report.model import FindingReport, State, Verdict
from ipipdiag.report.naming import name_addresses
from ipipdiag.report.root_cause import is_fault
from ipipdiag.report.units import format_time
from ipipdiag.report.working import seen_to_work

BEGINNING_NS = 1_000_000_000
MOMENT_NS = 1_000_000  # one event, though several points have their own time of it
STILL_NS = 5_000_000_000  # observed within five seconds of the end: still so
CAPTURE_FAMILY = "0"


def reach_verdict(
    findings: Sequence[FindingReport], checks: Sequence[CheckResult], points: Sequence[Point], cluster: Cluster
) -> Verdict:
    """The verdict on a run, from its findings in the order of the report."""
    judged = [check for check in checks if check.code[3] != CAPTURE_FAMILY and check.examined]
    lead = next(iter(findings), None)
    if lead is not None and is_fault(lead.finding):
        state = State.FAULT_FOUND
    elif lead is not None and lead.finding.severity is not Severity.NOTICE:
        state = State.SUSPICIOUS
    elif judged:
        state = State.NO_FAULT_SEEN
    else:
        state = State.NOT_ENOUGH_EVIDENCE
    if lead is not None and state in (State.FAULT_FOUND, State.SUSPICIOUS):
        finding = lead.finding
        return Verdict(
            state, finding.code, lead.id, finding.confidence, name_addresses(_fault_headline(lead, points), cluster)
        )
    code, finding_id, confidence = None, None, None
    is_aside = state is State.NO_FAULT_SEEN and lead is not None and lead.finding.code[3] == CAPTURE_FAMILY
    if lead is not None and not is_aside:  # a remark on the capture is no answer where others are judged
        code, finding_id, confidence = lead.finding.code, lead.id, lead.finding.confidence
    return Verdict(state, code, finding_id, confidence, _quiet_headline(state, lead, checks, points))


def _fault_headline(lead: FindingReport, points: Sequence[Point]) -> str:
    """What, between whom; since when and whether still; one thing that was seen to work."""
    finding = lead.finding
    headline = finding.title
    if finding.subject.kind is SubjectKind.CAPTURE:
        return headline  # a file is as it is: neither since a time nor until one
    if finding.first_ns is not None and finding.last_ns is not None:
        times = [time for point in points for time in (point.facts.extent.first_ns, point.facts.extent.last_ns) if time]
        start, end = min(times, default=finding.first_ns), max(times, default=finding.last_ns)
        if finding.last_ns - finding.first_ns < MOMENT_NS and finding.count == 1:
            headline += f", at {format_time(finding.first_ns)}"
        else:
            headline += f", {_since(finding.first_ns, start)}, {_until(finding.last_ns, end)}"
    works = seen_to_work(finding, points)
    return f"{headline}; meanwhile {works}" if works else headline


def _since(first_ns: int, start_ns: int) -> str:
    at_once = first_ns - start_ns < BEGINNING_NS
    return "since the capture began" if at_once else f"since {format_time(first_ns)}"


def _until(last_ns: int, end_ns: int) -> str:
    return "still so at the end of the capture" if end_ns - last_ns < STILL_NS else f"last seen {format_time(last_ns)}"


def _quiet_headline(
    state: State, lead: FindingReport | None, checks: Sequence[CheckResult], points: Sequence[Point]
) -> str:
    passed = [check for check in checks if check.status in (Status.PASS, Status.NOTED)]
    frames = sum(point.facts.extent.frames for point in points)
    left_out = sum(point.facts.unselected for point in points)
    if state is State.NO_FAULT_SEEN:
        skipped = sum(check.status is Status.NOT_CHECKED for check in checks)
        beside = f", {_several(left_out, 'frame')} of other times or hosts left out" if left_out else ""
        if unkept := sum(sum(point.facts.left_out.values()) for point in points):
            beside += f", as far as there was room for them ({_several(unkept, 'entry', 'entries')} left out)"
        return (
            f"no fault seen in {_several(frames, 'frame')} of {_several(len(points), 'capture point')}{beside}: "
            f"{len(passed)} checks passed, {skipped} could not be made here"
        )
    if not points:
        return "not enough evidence: no input could be read"
    if frames == 0 and left_out:
        return "not enough evidence: the captures hold no packet of the chosen time and hosts"
    if frames == 0:
        return "not enough evidence: the captures hold no packet"
    if lead is not None:
        return f"not enough evidence: {lead.finding.title}"
    return f"not enough evidence: nothing in {_several(frames, 'frame')} lets anything be judged"


def _several(count: int, noun: str, plural: str | None = None) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {plural or noun + 's'}"
