"""The difference between two reports, for people and for programs."""

from __future__ import annotations

import json
from typing import Any

from ipipdiag.checks.model import Status
from ipipdiag.report.diff import Difference, Gone, Kept
from ipipdiag.report.earlier import EarlierFinding, EarlierReport
from ipipdiag.report.layout import Page, styled
from ipipdiag.report.model import SCHEMA_VERSION
from ipipdiag.report.presentation import Presentation
from ipipdiag.report.sanitise import visible_in
from ipipdiag.report.wording import STATES

Json = dict[str, Any]


def render_text(difference: Difference, presentation: Presentation) -> bytes:
    """Both verdicts, then what is new, gone, changed and still there."""
    page = Page(presentation)
    for label, report in (("Before", difference.old), ("After", difference.new)):
        page.field(label, styled((STATES[report.state], "bold"), f"  {report.headline}"))
    if difference.is_same_input:
        page.field("Note", "both reports are of the same captures")
    _section(page, "NEW", [_line(finding) for finding in difference.appeared])
    _section(page, "GONE", [f"{_line(gone.finding)}: {_proof(gone)}" for gone in difference.gone])
    _section(page, "CHANGED", [f"{_line(kept.new)}: {_changes(kept)}" for kept in difference.changed])
    _section(page, "STILL THERE", [_line(kept.new) for kept in difference.same])
    return bytes(page)


def _section(page: Page, title: str, lines: list[str]) -> None:
    page.heading(f"{title} ({len(lines)})")
    for line in lines:
        page.paragraph(line, 2, 3)


def _line(finding: EarlierFinding) -> str:
    return f"{finding.code} {finding.name} · {finding.severity.value} · {finding.confidence.value} · {finding.title}"


def _proof(gone: Gone) -> str:
    check = gone.check
    if gone.is_proven and check is not None:
        return f"not seen any more, {check.examined:,} examined"
    if check is None or check.status is Status.CRASHED:
        return "not proven gone: its check was not made"
    if check.status is Status.NOT_APPLICABLE:
        return "not proven gone: there was nothing to judge"
    return f"not proven gone: could not be checked ({check.missing or check.reason or 'no reason given'})"


def _changes(kept: Kept) -> str:
    return ", ".join(f"{what} {before} to {after}" for what, before, after in kept.changes)


def render_json(difference: Difference) -> bytes:
    """The difference for programs."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "old": _report(difference.old),
        "new": _report(difference.new),
        "same_inputs": difference.is_same_input,
        "findings": {
            "new": [_finding(finding) for finding in difference.appeared],
            "gone": [
                {
                    **_finding(gone.finding),
                    "status_now": gone.check.status.value if gone.check else None,
                    "examined_now": gone.check.examined if gone.check else 0,
                    "proven": gone.is_proven,
                }
                for gone in difference.gone
            ],
            "changed": [_kept(kept) for kept in difference.changed],
            "same": [_kept(kept) for kept in difference.same],
        },
    }
    return (json.dumps(visible_in(document), indent=2) + "\n").encode()


def _report(report: EarlierReport) -> Json:
    return {"name": report.name, "state": report.state.value, "code": report.code, "headline": report.headline}


def _finding(finding: EarlierFinding) -> Json:
    return {
        "id": finding.id,
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "subject": finding.subject,
        "title": finding.title,
        "count": finding.count,
    }


def _kept(kept: Kept) -> Json:
    changes = [{"field": what, "old": before, "new": after} for what, before, after in kept.changes]
    return {**_finding(kept.new), "old_id": kept.old.id, "changes": changes}
