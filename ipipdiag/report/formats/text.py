"""The report as text, for a terminal, a pipe or a ticket: the verdict first and last, what it rests on between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from ipipdiag.checks.model import CheckResult, Evidence, Finding, Reason, Severity, Status
from ipipdiag.report.layout import Page, styled
from ipipdiag.report.model import FindingReport, InputReport, PointReport, Report, State
from ipipdiag.report.presentation import Detail, Presentation
from ipipdiag.report.units import format_count, format_span, format_time

_STATES = {
    State.FAULT_FOUND: ("FAULT FOUND", "bold red"),
    State.SUSPICIOUS: ("SUSPICIOUS", "bold yellow"),
    State.NO_FAULT_SEEN: ("NO FAULT SEEN", "bold green"),
    State.NOT_ENOUGH_EVIDENCE: ("NOT ENOUGH EVIDENCE", "bold cyan"),
}
_SEVERITIES = {
    Severity.CRITICAL: "bold red",
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.NOTICE: "blue",
}
_ROLES = {
    "node": "node NIC",
    "cali": "pod's veth on the node",
    "pod": "eth0 in the pod",
    "any": "any interface",
    "vxlan": "vxlan.calico",
}
_SOURCES = {"user": "told", "interface_name": "by interface name", "file_name": "by file name"}
_NAMED_ONLY = (
    (Status.FAIL, "Failed", "red"),
    (Status.NOTED, "Noted", "blue"),
    (Status.NOT_APPLICABLE, "Not applicable here", "dim"),
)
_INDENT = 3
_DEEPEST = 3  # steps of indentation
_FRAMES_SHOWN = 10
_HASH_SHOWN = 16


def render(report: Report, presentation: Presentation) -> bytes:
    """The report as UTF-8 text of at most the given width, ended by a newline."""
    page = Page(presentation)
    detail = presentation.detail
    _verdict(page, report)
    _findings(page, report, detail)
    if detail is not Detail.BRIEF:
        _checks(page, report.checks, detail)
        _points(page, report)
        _cluster(page, report)
        _tunnels(page, report)
        _inputs(page, report.inputs, detail)
        _errors(page, report)
        page.heading("VERDICT")
        _verdict(page, report)
    return bytes(page)


def _verdict(page: Page, report: Report) -> None:
    verdict = report.verdict
    root = next((entry.finding for entry in report.findings if entry.id == verdict.finding), None)
    line = styled(_STATES[verdict.state])
    if root is not None:
        line += styled(("  ", ""), (f"{root.code} {root.name}", "bold"), " · ")
        line += styled((root.severity.value, _SEVERITIES[root.severity]), f" · {root.confidence.value}")
    page.paragraph(line)
    page.paragraph(styled((verdict.headline, "bold")))
    if root is not None:
        page.field("Look at", _look_at(root))
        for command in root.confirm[:1]:
            page.command(command, 0, "Run next")


def _look_at(finding: Finding) -> Text:
    subject = finding.subject
    unnamed = [node for node in subject.nodes if node not in subject.text]
    nodes = f" · at {' and '.join(unnamed)}" if unnamed else ""
    return styled((finding.component.value, "bold"), f" · {subject.text}{nodes}")


def _findings(page: Page, report: Report, detail: Detail) -> None:
    if not report.findings:
        return
    page.heading("FINDINGS")
    names = {entry.id: entry.name for entry in report.inputs}
    depths = _depths(report.findings)
    leaders: set[str] = set()
    for position, entry in enumerate(report.findings):
        depth = depths[entry.id]
        indent = min(depth, _DEEPEST) * _INDENT
        if detail is not Detail.BRIEF and position:
            page.blank()
        above = _above(entry)
        if above and above not in leaders:
            page.paragraph(styled((above, "dim")), indent)
            leaders.add(above)
        _title(page, entry, indent)
        if detail is not Detail.BRIEF:
            _card(page, entry, names, indent + _INDENT, detail)


def _above(entry: FindingReport) -> str | None:
    """The line that ties findings to the one above them, once for all of a kind."""
    if entry.cited_by:
        return f"to {entry.cited_by} the cluster files say:"
    return f"{entry.caused_by} explains:" if entry.caused_by else None


def _depths(findings: Iterable[FindingReport]) -> dict[str, int]:
    """How far below its root cause each finding hangs; a finding comes after the one that explains it."""
    depths: dict[str, int] = {}
    for entry in findings:
        above = entry.caused_by or entry.cited_by
        depths[entry.id] = depths.get(above, 0) + 1 if above else 0
    return depths


def _title(page: Page, entry: FindingReport, indent: int) -> None:
    finding = entry.finding
    number = f"{entry.id} ".ljust(_INDENT)
    page.paragraph(styled((number, "dim"), (finding.title, "bold")), indent, _INDENT)
    page.paragraph(
        styled(
            (finding.severity.value, _SEVERITIES[finding.severity]),
            f" · {finding.confidence.value} · {finding.code} {finding.name} · {finding.component.value}",
        ),
        indent + _INDENT,
    )


def _card(page: Page, entry: FindingReport, names: dict[str, str], indent: int, detail: Detail) -> None:
    finding = entry.finding
    page.field("Expected", finding.expected, indent)
    page.field("Observed", finding.observed, indent)
    if finding.evidence or finding.first_ns is not None:  # what rests on files alone was not seen at any time
        page.field("Seen", _seen(finding), indent)
    for position, text in enumerate(finding.worked):
        page.field("" if position else "Works", text, indent)
    for position, evidence in enumerate(finding.evidence):
        _evidence(page, evidence, names, indent, "" if position else "Evidence", detail)
    if _above(entry) and detail is not Detail.FULL:
        return  # what to do about it is said at the finding that explains it
    for position, text in enumerate(finding.alternatives):
        page.field("" if position else "Or maybe", text, indent)
    for position, command in enumerate(finding.confirm):
        page.command(command, indent, " " if position else "Confirm")
    for position, text in enumerate(finding.fix):
        page.field("" if position else "Then fix", text, indent)


def _seen(finding: Finding) -> str:
    times = "once" if finding.count == 1 else f"{finding.count:,} times"
    if finding.first_ns is None or finding.last_ns is None:
        return times
    if finding.first_ns == finding.last_ns:
        return f"{times}, {format_time(finding.first_ns)}"
    return f"{times}, {format_span(finding.first_ns, finding.last_ns)}"


def _evidence(page: Page, evidence: Evidence, names: dict[str, str], indent: int, label: str, detail: Detail) -> None:
    shown = evidence.frames if detail is Detail.FULL else evidence.frames[:_FRAMES_SHOWN]
    frames = ", ".join(str(number) for number in shown)
    more = ", …" if len(shown) < len(evidence.frames) else ""
    where = f" {'frame' if len(evidence.frames) == 1 else 'frames'} {frames}{more}" if shown else ""
    page.field(label, names.get(evidence.input, evidence.input) + where, indent)
    page.display_filter(evidence.display_filter, indent + len("Evidence    "))


def _checks(page: Page, checks: Sequence[CheckResult], detail: Detail) -> None:
    page.heading("WHAT WAS CHECKED")
    by_status = {status: [check for check in checks if check.status is status] for status in Status}
    if passed := by_status[Status.PASS]:
        page.paragraph(styled(("Passed", "green"), " (in brackets: how much was examined)"))
        page.cells([f"{check.code} {check.name} ({check.examined:,})" for check in passed], 3)
    for status, label, style in _NAMED_ONLY:
        if named := by_status[status]:
            names = ", ".join(f"{check.code} {check.name}" for check in named)
            page.paragraph(styled((label, style), f": {names}"), 0, _INDENT)
    _not_checked(page, by_status[Status.NOT_CHECKED], detail)
    for check in by_status[Status.CRASHED]:
        page.paragraph(
            styled(
                ("Crashed", "bold red"), f": {check.code} {check.name}, a bug of ipipdiag: {check.error or 'no text'}"
            )
        )


def _not_checked(page: Page, checks: Sequence[CheckResult], detail: Detail) -> None:
    judged = [check for check in checks if check.reason is not Reason.NOT_BUILT]
    groups: dict[tuple[Reason | None, str | None, str | None], list[CheckResult]] = {}
    for check in judged:
        groups.setdefault((check.reason, check.missing, check.enable), []).append(check)
    if groups:
        page.paragraph(styled(("Could not be checked", "yellow")))
    for (reason, missing, enable), group in groups.items():
        names = ", ".join(f"{check.code} {check.name}" for check in group)
        page.paragraph(styled(names, (f" ({reason.value})" if reason else "", "dim")), 3, 3)
        if missing:
            page.field("missing", missing, 6)
        if enable:
            page.command(enable, 6, "settle by")
    not_built = [check for check in checks if check.reason is Reason.NOT_BUILT]
    if not not_built:
        return
    codes = [f"{check.code} {check.name}" for check in not_built] if detail is Detail.FULL else _ranges(not_built)
    page.paragraph(styled(("Not built yet", "dim"), ": ", ", ".join(codes)), 0, 3)


def _ranges(checks: Sequence[CheckResult]) -> list[str]:
    """Codes, neighbours drawn together: ``IPD3003–3012``."""
    ranges: list[list[str]] = []
    for check in checks:
        if ranges and int(check.code[3:]) == int(ranges[-1][-1][3:]) + 1:
            ranges[-1].append(check.code)
        else:
            ranges.append([check.code])
    return [codes[0] if len(codes) == 1 else f"{codes[0]}–{codes[-1][3:]}" for codes in ranges]


def _points(page: Page, report: Report) -> None:
    if not report.points:
        return
    page.heading("WHERE THE CAPTURES WERE TAKEN")
    inputs = {entry.id: entry for entry in report.inputs}
    page.table(
        [_place(point, inputs[point.input]) for point in report.points],
        right=(4,),
        notes=[f"{_SOURCES.get(point.source, point.source)}: {point.reason}" for point in report.points],
    )


def _place(point: PointReport, entry: InputReport) -> list[str]:
    interface = next((known for known in entry.interfaces if known.id == point.interface), None)
    name = interface.name if interface and interface.name else f"#{point.interface}"
    if point.interface_index is not None:
        name += f" index {point.interface_index}"
    owner = " on ".join(
        part for part in (point.pod and f"pod {point.pod}", point.node and f"node {point.node}") if part
    )
    frames = format_count(point.frames, "frame")
    file = entry.name if len(point.inputs) < 2 else f"{entry.name} and {len(point.inputs) - 1} more"
    return [point.id, file, name, _ROLES.get(point.role, point.role), frames, owner]


def _cluster(page: Page, report: Report) -> None:
    if not report.cluster:
        return
    page.heading("WHAT IS TAKEN AS KNOWN OF THE CLUSTER")
    for known in report.cluster:
        page.paragraph(styled(known.fact, (f"  ({known.source})", "dim")), 2, 3)


def _tunnels(page: Page, report: Report) -> None:
    if not report.tunnels:
        return
    page.heading("IP-IN-IP AS CAPTURED")
    names = {entry.id: entry.name for entry in report.inputs}
    of_file = {name: f" of {names[name]}" for point in report.points for name in point.inputs[1:]}
    rows = [
        [
            tunnel.point,
            f"{tunnel.outer_src} → {tunnel.outer_dst}",
            format_count(tunnel.packets, "frame"),
            format_count(tunnel.bytes, "byte"),
            f"first in frame {tunnel.first_frame}{of_file.get(tunnel.input, '')}",
        ]
        for tunnel in report.tunnels
    ]
    page.table(rows, right=(2, 3))


def _inputs(page: Page, inputs: Sequence[InputReport], detail: Detail) -> None:
    if not inputs:
        return
    page.heading("INPUTS")
    for entry in inputs:
        kind = f"{entry.format}, {entry.compression}" if entry.compression else entry.format
        amounts = f"{format_count(entry.frames, 'frame')}, {format_count(entry.bytes, 'byte')}"
        page.paragraph(styled((f"{entry.id} ", "dim"), (entry.name, "bold"), f"  {kind}, {amounts}"), 2, 3)
        if entry.first_ns is not None and entry.last_ns is not None:
            page.paragraph(format_span(entry.first_ns, entry.last_ns), 5)
        digest = entry.sha256 if detail is Detail.FULL else f"{entry.sha256[:_HASH_SHOWN]}…"
        page.paragraph(styled((f"sha256 {digest}", "dim")), 5)


def _errors(page: Page, report: Report) -> None:
    if not report.errors:
        return
    page.heading("INPUTS THAT COULD NOT BE READ")
    for error in report.errors:
        part = "" if error.fatal else " (read in part)"
        page.paragraph(styled((error.name, "bold"), f": {error.error}{part}"), 2, 3)
