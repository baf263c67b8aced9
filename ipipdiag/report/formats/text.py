"""The report as text, for a terminal, a pipe or a ticket: the verdict first and last, what it rests on between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ipipdiag.checks.model import CheckResult, Evidence, Severity, Status
from ipipdiag.report import wording
from ipipdiag.report.layout import Page, styled
from ipipdiag.report.model import FindingReport, InputReport, Report, State
from ipipdiag.report.presentation import Detail, Presentation
from ipipdiag.report.units import format_count, format_span

_STATE_STYLES = {
    State.FAULT_FOUND: "bold red",
    State.SUSPICIOUS: "bold yellow",
    State.NO_FAULT_SEEN: "bold green",
    State.NOT_ENOUGH_EVIDENCE: "bold cyan",
}
_SEVERITIES = {
    Severity.CRITICAL: "bold red",
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.NOTICE: "blue",
}
_NAMED_ONLY = (
    (Status.FAIL, "Failed", "red"),
    (Status.NOTED, "Noted", "blue"),
    (Status.NOT_APPLICABLE, "Not applicable here", "dim"),
)
_INDENT = 3
_DEEPEST = 3  # steps of indentation
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
        _bgp(page, report)
        _tunnels(page, report)
        _settings(page, report)
        _inputs(page, report.inputs, detail)
        _errors(page, report)
        page.heading("VERDICT")
        _verdict(page, report)
    return bytes(page)


def _verdict(page: Page, report: Report) -> None:
    verdict = report.verdict
    root = wording.root_of(report)
    line = styled((wording.STATES[verdict.state], _STATE_STYLES[verdict.state]))
    if root is not None:
        line += styled(("  ", ""), (f"{root.code} {root.name}", "bold"), " · ")
        line += styled((root.severity.value, _SEVERITIES[root.severity]), f" · {root.confidence.value}")
    page.paragraph(line)
    page.paragraph(styled((verdict.headline, "bold")))
    if root is not None:
        page.field("Look at", styled((root.component.value, "bold"), f" · {wording.place_of(root)}"))
        for command in root.confirm[:1]:
            page.command(command, 0, "Run next")


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
        above = wording.tie(entry)
        if above and above not in leaders:
            page.paragraph(styled((above, "dim")), indent)
            leaders.add(above)
        _title(page, entry, indent)
        if detail is not Detail.BRIEF:
            _card(page, entry, names, indent + _INDENT, detail)


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
    if seen := wording.seen(finding):
        page.field("Seen", seen, indent)
    for position, text in enumerate(finding.worked):
        page.field("" if position else "Works", text, indent)
    for position, evidence in enumerate(finding.evidence):
        _evidence(page, evidence, names, indent, "" if position else "Evidence", detail)
    if wording.tie(entry) and detail is not Detail.FULL:
        return  # what to do about it is said at the finding that explains it
    for position, text in enumerate(finding.alternatives):
        page.field("" if position else "Or maybe", text, indent)
    for position, command in enumerate(finding.confirm):
        page.command(command, indent, " " if position else "Confirm")
    for position, text in enumerate(finding.fix):
        page.field("" if position else "Then fix", text, indent)


def _evidence(page: Page, evidence: Evidence, names: dict[str, str], indent: int, label: str, detail: Detail) -> None:
    frames = wording.frames_of(evidence, None if detail is Detail.FULL else wording.FRAMES_SHOWN)
    page.field(label, f"{names.get(evidence.input, evidence.input)} {frames}".rstrip(), indent)
    page.display_filter(evidence.display_filter, indent + len("Evidence    "))


def _checks(page: Page, checks: Sequence[CheckResult], detail: Detail) -> None:
    page.heading("WHAT WAS CHECKED")
    if passed := wording.with_status(checks, Status.PASS):
        page.paragraph(styled(("Passed", "green"), " (in brackets: how much was examined)"))
        page.cells([f"{check.code} {check.name} ({check.examined:,})" for check in passed], 3)
    for status, label, style in _NAMED_ONLY:
        if named := wording.with_status(checks, status):
            names = ", ".join(f"{check.code} {check.name}" for check in named)
            page.paragraph(styled((label, style), f": {names}"), 0, _INDENT)
    _not_checked(page, checks)
    for check in wording.with_status(checks, Status.CRASHED):
        page.paragraph(
            styled(
                ("Crashed", "bold red"), f": {check.code} {check.name}, a bug of ipipdiag: {check.error or 'no text'}"
            )
        )


def _not_checked(page: Page, checks: Sequence[CheckResult]) -> None:
    groups = wording.by_what_is_missing(checks)
    if groups:
        page.paragraph(styled(("Could not be checked", "yellow")))
    for (reason, missing, enable), group in groups.items():
        names = ", ".join(f"{check.code} {check.name}" for check in group)
        page.paragraph(styled(names, (f" ({reason.value})" if reason else "", "dim")), 3, 3)
        if missing:
            page.field("missing", missing, 6)
        if enable:
            page.command(enable, 6, "settle by")


def _points(page: Page, report: Report) -> None:
    if not report.points:
        return
    page.heading("WHERE THE CAPTURES WERE TAKEN")
    inputs = {entry.id: entry for entry in report.inputs}
    page.table(
        [wording.place_cells(point, inputs[point.input]) for point in report.points],
        right=(4,),
        notes=[wording.reason_of(point) for point in report.points],
    )


def _cluster(page: Page, report: Report) -> None:
    if not report.cluster:
        return
    page.heading("WHAT IS TAKEN AS KNOWN OF THE CLUSTER")
    for known in report.cluster:
        page.paragraph(styled(known.fact, (f"  ({known.source})", "dim")), 2, 3)


def _bgp(page: Page, report: Report) -> None:
    if report.bgp is None:
        return
    page.heading("BGP AS CAPTURED")
    page.paragraph(report.bgp.summary, 2, 3)
    page.verbatim(report.bgp.drawing, 5, style="")


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


def _settings(page: Page, report: Report) -> None:
    if not report.settings:
        return
    page.heading("OPTIONS OF THIS RUN")
    for setting in report.settings:
        page.paragraph(styled(f"{setting.option} {setting.value}", (f"  ({setting.source})", "dim")), 2, 3)


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
    page.heading("WHAT COULD NOT BE READ")
    for name, text in wording.errors(report):
        page.paragraph(styled((name, "bold"), f": {text}"), 2, 3)
