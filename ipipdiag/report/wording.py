"""The words that every format for people uses, written once: what a report says must not depend on how it is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ipipdiag.checks.model import CheckResult, Evidence, Finding, Reason, Severity, Status
from ipipdiag.report.model import FindingReport, InputReport, PointReport, Report, Setting, State
from ipipdiag.report.units import format_count, format_span, format_time

STATES = {
    State.FAULT_FOUND: "FAULT FOUND",
    State.SUSPICIOUS: "SUSPICIOUS",
    State.NO_FAULT_SEEN: "NO FAULT SEEN",
    State.NOT_ENOUGH_EVIDENCE: "NOT ENOUGH EVIDENCE",
}
ROLES = {
    "node": "node NIC",
    "cali": "pod's veth on the node",
    "pod": "eth0 in the pod",
    "any": "any interface",
    "vxlan": "vxlan.calico",
}
SOURCES = {"user": "told", "interface_name": "by interface name", "file_name": "by file name"}
STATUSES = {
    Status.PASS: "passed",
    Status.FAIL: "failed",
    Status.NOTED: "noted something",
    Status.NOT_CHECKED: "could not be made",
    Status.NOT_APPLICABLE: "not applicable here",
    Status.CRASHED: "crashed, a bug of ipipdiag",
}
FRAMES_SHOWN = 10

Group = tuple[Reason | None, str | None, str | None]


def root_of(report: Report) -> Finding | None:
    """The finding that the verdict names."""
    return next((entry.finding for entry in report.findings if entry.id == report.verdict.finding), None)


def place_of(finding: Finding) -> str:
    """The subject of a finding, with the nodes that its text does not name."""
    subject = finding.subject
    unnamed = [node for node in subject.nodes if node not in subject.text]
    return f"{subject.text} · at {' and '.join(unnamed)}" if unnamed else subject.text


def seen(finding: Finding) -> str | None:
    """How often and when; None for what rests on files alone, which was not seen at any time."""
    if not finding.evidence and finding.first_ns is None:
        return None
    times = "once" if finding.count == 1 else f"{finding.count:,} times"
    if finding.first_ns is None or finding.last_ns is None:
        return times
    if finding.first_ns == finding.last_ns:
        return f"{times}, {format_time(finding.first_ns)}"
    return f"{times}, {format_span(finding.first_ns, finding.last_ns)}"


def frames_of(evidence: Evidence, limit: int | None = FRAMES_SHOWN) -> str:
    """``frames 12, 14, …`` of at most so many; nothing where no frame is cited."""
    shown = evidence.frames[:limit]
    if not shown:
        return ""
    more = ", …" if len(shown) < len(evidence.frames) else ""
    return f"{'frame' if len(evidence.frames) == 1 else 'frames'} {', '.join(map(str, shown))}{more}"


def tie(entry: FindingReport) -> str | None:
    """What ties a finding to the one above it."""
    if entry.cited_by:
        return f"to {entry.cited_by} the cluster files say:"
    return f"{entry.caused_by} explains:" if entry.caused_by else None


def with_status(checks: Iterable[CheckResult], status: Status) -> list[CheckResult]:
    """The checks of one status."""
    return [check for check in checks if check.status is status]


def by_what_is_missing(checks: Iterable[CheckResult]) -> dict[Group, list[CheckResult]]:
    """The checks that could not be made, those that lack the same together."""
    groups: dict[Group, list[CheckResult]] = {}
    for check in with_status(checks, Status.NOT_CHECKED):
        groups.setdefault((check.reason, check.missing, check.enable), []).append(check)
    return groups


def place_cells(point: PointReport, entry: InputReport) -> list[str]:
    """A point in cells: its number, capture, interface, role, frames, whose it is."""
    interface = next((known for known in entry.interfaces if known.id == point.interface), None)
    name = interface.name if interface and interface.name else f"#{point.interface}"
    if point.interface_index is not None:
        name += f" index {point.interface_index}"
    owner = " on ".join(
        part for part in (point.pod and f"pod {point.pod}", point.node and f"node {point.node}") if part
    )
    frames = format_count(point.frames, "frame")
    file = entry.name if len(point.inputs) < 2 else f"{entry.name} and {len(point.inputs) - 1} more"
    return [point.id, file, name, ROLES.get(point.role, point.role), frames, owner]


def reason_of(point: PointReport) -> str:
    """Why a point is placed where it is."""
    return f"{SOURCES.get(point.source, point.source)}: {point.reason}"


def errors(report: Report) -> list[tuple[str, str]]:
    """What could not be read, each with its reason, and whether what came before it was."""
    read = {entry.name for entry in report.inputs}
    return [
        (error.name, f"{error.error} (read in part)" if error.name in read and not error.fatal else error.error)
        for error in report.errors
    ]


def setting_text(setting: Setting) -> str:
    """``--host 10.0.0.1 (command line)``."""
    return f"{setting.option} {setting.value} ({setting.source})"


def summary(report: Report) -> list[tuple[str, str]]:
    """Three to six lines, each with its label, that tell what the report holds."""
    root = root_of(report)
    lines = [("Look at", f"{root.component.value} · {place_of(root)}")] if root is not None else []
    lines.append(("Findings", _findings_in_short(report.findings)))
    lines.append(("Checks", _checks_in_short(report.checks)))
    lines.append(("Captures", _captures_in_short(report.inputs)))
    if report.settings:
        lines.append(("Options", "; ".join(map(setting_text, report.settings))))
    if refused := [error.name for error in report.errors if error.fatal]:
        lines.append(("Not read", ", ".join(refused)))
    return lines


def _findings_in_short(findings: Sequence[FindingReport]) -> str:
    if not findings:
        return "none"
    counts = Counter(entry.finding.severity for entry in findings)
    kinds = ", ".join(_severities(counts[severity], severity) for severity in Severity if counts[severity])
    tied = sum(entry.caused_by is not None or entry.cited_by is not None for entry in findings)
    return kinds + (f"; {tied} of them explained by another" if tied else "")


def _severities(count: int, severity: Severity) -> str:
    return f"{count} critical" if severity is Severity.CRITICAL else format_count(count, severity.value)


def _checks_in_short(checks: Sequence[CheckResult]) -> str:
    counts = [(len(with_status(checks, status)), text) for status, text in STATUSES.items()]
    return ", ".join(f"{count} {text}" for count, text in counts if count) or "none was made"


def _captures_in_short(inputs: Sequence[InputReport]) -> str:
    if not inputs:
        return "none was read"
    amounts = f"{format_count(len(inputs), 'file')}, {format_count(sum(entry.frames for entry in inputs), 'frame')}"
    times = [time for entry in inputs for time in (entry.first_ns, entry.last_ns) if time is not None]
    return f"{amounts}, {format_span(min(times), max(times))}" if times else amounts
