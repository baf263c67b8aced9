"""Which frames of which input the findings of a report cite, what is said of each, and which stand around them."""

from __future__ import annotations

from collections import defaultdict

from ipipdiag.report.model import FindingReport, Report

CONTEXT = 2  # frames of the same input before and after each that is cited

Comments = dict[int, list[str]]  # by frame number; without a comment where a frame is there as context


def select_frames(report: Report) -> dict[str, Comments]:
    """The frames to write, by input id and frame number, each with its comments."""
    names = {entry.id: entry.name for entry in report.inputs}
    frames = {entry.id: entry.frames for entry in report.inputs}
    cited: dict[str, Comments] = defaultdict(lambda: defaultdict(list))
    for entry in report.findings:
        for evidence in entry.finding.evidence:
            for number in evidence.frames:
                text = _comment(entry, f"{names[evidence.input]} frame {number}")
                if text not in cited[evidence.input][number]:
                    cited[evidence.input][number].append(text)
    return {input_id: _with_context(comments, frames[input_id]) for input_id, comments in cited.items()}


def _comment(entry: FindingReport, where: str) -> str:
    finding = entry.finding
    lines = [
        f"{finding.code} {finding.name} ({entry.id}, {finding.severity}, {finding.confidence}): {finding.title}",
        f"expected: {finding.expected}",
        f"observed: {finding.observed}",
        f"original: {where}",
    ]
    return "\n".join(lines)


def _with_context(comments: Comments, frames: int) -> Comments:
    around = {
        near for number in comments for near in range(number - CONTEXT, number + CONTEXT + 1) if 1 <= near <= frames
    }
    return {number: comments.get(number, []) for number in sorted(around | comments.keys())}
