"""The verdict on every scenario, from all of its captures and from each alone, as a table.

``python -m tests.verdicts`` writes it into samples/README.md, between two marks; tests/test_verdicts.py holds it
against what is said now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ipipdiag.report.model import Report
from tests.scenarios import DAMAGED, FROM_PACKETS, SAMPLES, accepted, report_on, report_with_cluster

INDEX = SAMPLES / "README.md"
BEGIN, END = "<!-- verdicts -->\n", "<!-- end of verdicts -->\n"
STATES = {"no_fault_seen": "no fault seen", "not_enough_evidence": "not enough evidence"}


@dataclass(frozen=True)
class Row:
    """One line of the table: captures of a scenario, and what is said of them without and with cluster files."""

    scenario: str
    captures: str
    verdict: str
    verdict_with_files: str


def scenarios() -> list[Path]:
    """Folders of all recorded scenarios."""
    return [path for path in sorted(SAMPLES.iterdir()) if path.name != DAMAGED and (path / "truth.json").is_file()]


def captures_in(folder: Path) -> tuple[Path, ...]:
    """The capture files of a folder."""
    return tuple(sorted(path for path in folder.iterdir() if ".pcap" in path.name))


def said(report: Report) -> str:
    """The verdict in a cell of the table: the code of the root cause and how sure it is, or that nothing is wrong."""
    verdict = report.verdict
    if verdict.state.value in STATES:
        return STATES[verdict.state.value]
    weight = "" if verdict.state.value == "fault_found" else "?"
    return f"{verdict.code}{weight} {verdict.confidence}"


def rows_of(folder: Path) -> Iterator[Row]:
    """All captures together, then each alone."""
    paths = captures_in(folder)
    has_files = (folder / "calico-diagnostics").is_dir()
    for label, chosen in [("all", paths), *((path.name, (path,)) for path in paths)]:
        with_files = said(report_with_cluster(*chosen)) if has_files else "-"
        yield Row(folder.name, label, said(report_on(*chosen)), with_files)


def rows(folder: Path) -> list[str]:
    """The lines of one scenario in Markdown; captures with the same verdicts share a line."""
    truth = json.loads((folder / "truth.json").read_text())
    right = " or ".join(truth.get("accept", [])) or "no alarm"
    number = folder.name.split("-")[0]
    if number in FROM_PACKETS:
        right += f"; of packets alone {' or '.join(accepted(number))}, which names it"
    first, *each = rows_of(folder)
    groups: dict[tuple[str, str], list[str]] = {}
    for row in each:
        groups.setdefault((row.verdict, row.verdict_with_files), []).append(row.captures)
    return [
        f"| {folder.name} | {right} | all | {first.verdict} | {first.verdict_with_files} |",
        *(f"| | | {', '.join(names)} | {said} | {with_files} |" for (said, with_files), names in groups.items()),
    ]


def table() -> str:
    """The whole table in Markdown."""
    head = ["| scenario | right | captures | verdict | with cluster files |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(line for folder in scenarios() for line in rows(folder))]) + "\n"


def written(index: str, new: str) -> str:
    """The index with its table replaced."""
    before, rest = index.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + "\n" + new + "\n" + END + after


if __name__ == "__main__":
    INDEX.write_text(written(INDEX.read_text(), table()))
