"""The report as Markdown, to be pasted into a ticket: verdict and summary first, then what they rest on.

A tracker takes only so many bytes. Where ``max_bytes`` is set, whole parts are left out, the least important first, and
the last line says which. A part is complete in itself, so that no table or code block is ever cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from ipipdiag.checks.model import Finding, Status
from ipipdiag.report import wording
from ipipdiag.report.markdown import code, commands, escaped, fence, table
from ipipdiag.report.model import FindingReport, Report
from ipipdiag.report.presentation import Detail, Presentation
from ipipdiag.report.units import format_span

OPTIONS = frozenset({"max_bytes"})


class Weight(IntEnum):
    """Which part is left out last, from the first on."""

    STATE = 0  # never left out
    HEADLINE = 1
    SUMMARY = 2
    ROOT = 3  # the finding that the verdict names: what is expected, what is observed, what to do
    ROOT_EVIDENCE = 4
    FINDING = 5
    ACTION = 6
    EVIDENCE = 7
    NOT_CHECKED = 8
    INPUTS = 9
    ERRORS = 10
    POINTS = 11
    CLUSTER = 12
    TUNNELS = 13
    CHECKS = 14


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of Markdown that can stand or be left out as a whole; ``name`` is what the reader is told is missing."""

    weight: Weight
    name: str
    text: str
    of: str = ""  # the finding it belongs to


def render(report: Report, presentation: Presentation) -> bytes:
    """The report as UTF-8 Markdown, ended by a newline; at most ``max_bytes`` long where that is set."""
    parts = list(_parts(report, presentation.detail))
    if presentation.max_bytes is None:
        return _joined(parts)
    return _fitted(parts, presentation.max_bytes)


def _joined(parts: Sequence[Part]) -> bytes:
    return "\n".join(part.text for part in parts).encode()


def _fitted(parts: list[Part], limit: int) -> bytes:
    """The parts without the least important ones; of equal importance the last is left out first."""
    cut: list[Part] = []
    rendered = _joined(parts)
    while len(rendered) > limit and len(parts) > 1:
        least = max(range(len(parts)), key=lambda position: (parts[position].weight, position))
        cut.insert(0, parts.pop(least))
        rendered = _joined([*parts, Part(Weight.STATE, "", _what_was_cut(cut, limit))])
    return rendered


def _what_was_cut(cut: Sequence[Part], limit: int) -> str:
    named: dict[str, list[str]] = {}
    for part in sorted(cut, key=lambda part: part.weight):
        named.setdefault(part.name, []).extend([part.of] if part.of else [])
    texts = [f"{name} of {_several(of)}" if of else name for name, of in named.items()]
    return f"*Left out to stay within {limit:,} bytes: {', '.join(texts)}.*\n"


def _several(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} more"


def _parts(report: Report, detail: Detail) -> Iterator[Part]:
    """The report from top to bottom."""
    root = wording.root_of(report)
    title = wording.STATES[report.verdict.state]
    yield Part(Weight.STATE, "", f"# {title}: {root.code} {escaped(root.name)}\n" if root else f"# {title}\n")
    yield _headline(report, root)
    yield _summary(report, root)
    for position, entry in enumerate(report.findings):
        yield from _finding(report, entry, detail, "" if position else "## Findings\n")
    if detail is Detail.BRIEF:
        return
    yield from _not_checked(report)
    yield from _checks(report, detail)
    yield from _points(report)
    yield from _cluster(report)
    yield from _tunnels(report)
    yield from _inputs(report)
    yield from _errors(report)


def _headline(report: Report, root: Finding | None) -> Part:
    weight = f"{root.severity.value} · {root.confidence.value}: " if root else ""
    return Part(Weight.HEADLINE, "the verdict in a sentence", f"**{weight}{escaped(report.verdict.headline)}**\n")


def _summary(report: Report, root: Finding | None) -> Part:
    lines = "".join(f"- **{label}:** {escaped(text)}\n" for label, text in wording.summary(report))
    run_next = f"\nRun next:\n\n{commands(root.confirm[:1])}" if root is not None and root.confirm else ""
    return Part(Weight.SUMMARY, "the summary", lines + run_next)


def _finding(report: Report, entry: FindingReport, detail: Detail, heading: str) -> Iterator[Part]:
    finding = entry.finding
    is_root = entry.id == report.verdict.finding
    head = [heading, f"### {entry.id} {escaped(finding.title)}\n", _facts(entry)]
    if detail is not Detail.BRIEF:
        head.append(table(("Expected", "Observed"), [(finding.expected, finding.observed)]))
        head.append(_remarks(finding))
    yield Part(
        Weight.ROOT if is_root else Weight.FINDING,
        "expected and observed",
        "\n".join(text for text in head if text),
        entry.id,
    )
    if detail is Detail.BRIEF:
        return
    if finding.evidence:
        yield Part(
            Weight.ROOT_EVIDENCE if is_root else Weight.EVIDENCE,
            "evidence",
            _evidence(report, finding, detail),
            entry.id,
        )
    is_tied = wording.tie(entry) is not None  # what to do about it is said at the finding that explains it
    if text := "" if is_tied and detail is not Detail.FULL else _actions(finding):
        yield Part(Weight.ROOT if is_root else Weight.ACTION, "what to do", text, entry.id)


def _facts(entry: FindingReport) -> str:
    finding = entry.finding
    tie = ""
    if entry.cited_by:
        tie = f", what the cluster files say to {entry.cited_by}"
    elif entry.caused_by:
        tie = f", explained by {entry.caused_by}"
    facts = f"{finding.code} {finding.name} · {finding.severity.value} · {finding.confidence.value}"
    return f"{escaped(facts)} · {escaped(finding.component.value)}{tie}\n"


def _remarks(finding: Finding) -> str:
    lines = [("Seen", seen)] if (seen := wording.seen(finding)) else []
    lines += [("Works", text) for text in finding.worked]
    return "".join(f"- {label}: {escaped(text)}\n" for label, text in lines)


def _evidence(report: Report, finding: Finding, detail: Detail) -> str:
    """Where to look: frames by their numbers, each file's display filter to copy below it."""
    names = {entry.id: entry.name for entry in report.inputs}
    limit = None if detail is Detail.FULL else wording.FRAMES_SHOWN
    blocks = [
        f"Evidence: {code(names.get(evidence.input, evidence.input))} {wording.frames_of(evidence, limit)}".rstrip()
        + f"\n\n{fence([evidence.display_filter])}"
        for evidence in finding.evidence
    ]
    return "\n".join(blocks)


def _actions(finding: Finding) -> str:
    blocks = []
    if finding.alternatives:
        blocks.append("".join(f"- Or maybe: {escaped(text)}\n" for text in finding.alternatives))
    if finding.confirm:
        blocks.append(f"Confirm:\n\n{commands(finding.confirm)}")
    if finding.fix:
        blocks.append("".join(f"- Then fix: {escaped(text)}\n" for text in finding.fix))
    return "\n".join(blocks)


def _not_checked(report: Report) -> Iterator[Part]:
    groups = wording.by_what_is_missing(report.checks)
    if not groups:
        return
    blocks = ["## What was not checked\n"]
    rows = [
        (", ".join(f"{check.code} {check.name}" for check in group), reason.value if reason else "", missing or "")
        for (reason, missing, _), group in groups.items()
    ]
    blocks.append(table(("Check", "Why", "Missing"), rows))
    if enabling := list(dict.fromkeys(enable for _, _, enable in groups if enable)):
        blocks.append(f"What would settle them:\n\n{commands(enabling)}")
    yield Part(Weight.NOT_CHECKED, "what was not checked", "\n".join(blocks))


def _checks(report: Report, detail: Detail) -> Iterator[Part]:
    rows = []
    for status in Status:
        if status is Status.NOT_CHECKED or not (checks := wording.with_status(report.checks, status)):
            continue
        names = [f"{check.code} {check.name}{_examined(check.examined, status)}" for check in checks]
        names += [f"{check.code}: {check.error}" for check in checks if check.error]
        rows.append((wording.STATUSES[status], ", ".join(names)))
    if rows:
        text = "## What was checked\n\n" + table(("Outcome", "Checks (in brackets: how much was examined)"), rows)
        yield Part(Weight.CHECKS, "what was checked", text)


def _examined(examined: int, status: Status) -> str:
    return f" ({examined:,})" if status is Status.PASS else ""


def _points(report: Report) -> Iterator[Part]:
    if not report.points:
        return
    inputs = {entry.id: entry for entry in report.inputs}
    rows = [(*wording.place_cells(point, inputs[point.input]), wording.reason_of(point)) for point in report.points]
    heads = ("Point", "Capture", "Interface", "Where", "Frames", "Whose", "Known from")
    yield Part(Weight.POINTS, "where captures were taken", f"## Where the captures were taken\n\n{table(heads, rows)}")


def _cluster(report: Report) -> Iterator[Part]:
    if report.cluster:
        rows = [(known.fact, known.source) for known in report.cluster]
        text = f"## What is taken as known of the cluster\n\n{table(('Fact', 'From'), rows)}"
        yield Part(Weight.CLUSTER, "what is known of the cluster", text)


def _tunnels(report: Report) -> Iterator[Part]:
    if report.tunnels:
        names = {entry.id: entry.name for entry in report.inputs}
        heads = ("Point", "From", "To", "Frames", "Bytes", "First frame")
        rows = [
            (
                *(tunnel.point, tunnel.outer_src, tunnel.outer_dst),
                *(_number(tunnel.packets), _number(tunnel.bytes)),
                f"{tunnel.first_frame} of {names[tunnel.input]}",
            )
            for tunnel in report.tunnels
        ]
        yield Part(Weight.TUNNELS, "tunnels", f"## IP-in-IP as captured\n\n{table(heads, rows)}")


def _number(value: int) -> str:
    return f"{value:,}"


def _inputs(report: Report) -> Iterator[Part]:
    if not report.inputs:
        return
    rows = [
        (
            entry.id,
            entry.name,
            f"{entry.format}, {entry.compression}" if entry.compression else entry.format,
            _number(entry.frames),
            _number(entry.bytes),
            format_span(entry.first_ns, entry.last_ns)
            if entry.first_ns is not None and entry.last_ns is not None
            else "",
            entry.sha256,
        )
        for entry in report.inputs
    ]
    heads = ("Input", "File", "Format", "Frames", "Bytes", "Time", "SHA-256")
    yield Part(Weight.INPUTS, "inputs", f"## Inputs\n\n{table(heads, rows)}\nipipdiag {escaped(report.version)}\n")


def _errors(report: Report) -> Iterator[Part]:
    if report.errors:
        lines = [f"- {escaped(name)}: {escaped(text)}\n" for name, text in wording.errors(report)]
        yield Part(Weight.ERRORS, "what could not be read", "## What could not be read\n\n" + "".join(lines))
