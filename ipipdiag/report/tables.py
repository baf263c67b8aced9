"""The report as tables, a row an entry: what CSV, Parquet and DataFrames have in common.

Every table that tells of packets names the capture and the place beside the point's number, so that it can be read
alone. Times are nanoseconds since 1970-01-01 UTC here; each format writes them in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import Enum

from ipipdiag.checks.model import CheckResult, Evidence
from ipipdiag.report.model import FindingReport, FlowReport, Report, TunnelReport
from ipipdiag.report.presentation import TABLES
from ipipdiag.report.sanitise import visible

Cell = str | int | None


class Kind(Enum):
    """What the cells of a column hold."""

    TEXT = "text"
    INTEGER = "integer"
    TIME = "time"  # nanoseconds


@dataclass(frozen=True, slots=True)
class ReportTable:
    """Columns with their kinds, and the rows."""

    columns: tuple[tuple[str, Kind], ...]
    rows: Iterable[tuple[Cell, ...]]


PLACE = (("point", Kind.TEXT), ("capture", Kind.TEXT), ("role", Kind.TEXT), ("node", Kind.TEXT), ("pod", Kind.TEXT))
TEXTS_OF_FLOWS = ("tunnel", "outer_src", "outer_dst", "src_mac", "dst_mac", "src", "dst", "protocol")
FINDINGS = (
    *((name, Kind.TEXT) for name in ("id", "code", "name", "severity", "confidence", "component", "subject_kind")),
    *((name, Kind.TEXT) for name in ("subject", "title", "expected", "observed")),
    ("count", Kind.INTEGER),
    ("first", Kind.TIME),
    ("last", Kind.TIME),
    *((name, Kind.TEXT) for name in ("evidence", "display_filters", "caused_by", "cited_by", "worked")),
    *((name, Kind.TEXT) for name in ("alternatives", "confirm", "fix")),
)
CHECKS = (
    *((name, Kind.TEXT) for name in ("code", "name", "status")),
    ("examined", Kind.INTEGER),
    *((name, Kind.TEXT) for name in ("reason", "missing", "enable", "error")),
)
TUNNELS = (
    *PLACE,
    *((name, Kind.TEXT) for name in ("outer_src", "outer_dst")),
    *((name, Kind.INTEGER) for name in ("packets", "bytes", "first_frame")),
)


def table(report: Report, name: str) -> ReportTable:
    """One of ``TABLES``; text in it is sanitised."""
    if name not in TABLES:
        raise ValueError(f"{name!r} is no table of the report; one of {', '.join(TABLES)}")
    columns, rows = {
        "findings": (FINDINGS, _findings(report)),
        "checks": (CHECKS, map(_check, report.checks)),
        "tunnels": (TUNNELS, _placed(report, report.tunnels)),
        "flows": (_flow_columns(), _placed(report, report.flows)),
    }[name]
    return ReportTable(columns, (tuple(map(_cell, row)) for row in rows))


def _cell(value: Cell) -> Cell:
    return visible(value) if isinstance(value, str) else value


def _findings(report: Report) -> Iterator[tuple[Cell, ...]]:
    names = {entry.id: entry.name for entry in report.inputs}
    for entry in report.findings:
        yield _finding(entry, names)


def _finding(entry: FindingReport, names: dict[str, str]) -> tuple[Cell, ...]:
    finding = entry.finding
    return (
        entry.id,
        finding.code,
        finding.name,
        finding.severity.value,
        finding.confidence.value,
        finding.component.value,
        finding.subject.kind.value,
        finding.subject.text,
        finding.title,
        finding.expected,
        finding.observed,
        finding.count,
        finding.first_ns,
        finding.last_ns,
        "; ".join(_frames(evidence, names) for evidence in finding.evidence),
        "; ".join(dict.fromkeys(evidence.display_filter for evidence in finding.evidence)),
        entry.caused_by,
        entry.cited_by,
        "; ".join(finding.worked),
        "; ".join(finding.alternatives),
        "; ".join(finding.confirm),
        "; ".join(finding.fix),
    )


def _frames(evidence: Evidence, names: dict[str, str]) -> str:
    numbers = ", ".join(map(str, evidence.frames))
    return f"{names.get(evidence.input, evidence.input)}: {numbers}".removesuffix(": ")


def _check(result: CheckResult) -> tuple[Cell, ...]:
    return (
        result.code,
        result.name,
        result.status.value,
        result.examined,
        result.reason.value if result.reason else None,
        result.missing,
        result.enable,
        result.error,
    )


def _flow_columns() -> tuple[tuple[str, Kind], ...]:
    kinds = dict.fromkeys(TEXTS_OF_FLOWS, Kind.TEXT)
    return (*PLACE, *((name.removesuffix("_ns"), kinds.get(name, _number_kind(name))) for name in _own(FlowReport)))


def _own(row: TunnelReport | FlowReport | type[FlowReport]) -> list[str]:
    """The fields of a row beside those that say where it was captured."""
    return [column.name for column in fields(row) if column.name not in ("point", "input")]


def _number_kind(name: str) -> Kind:
    return Kind.TIME if name.endswith("_ns") else Kind.INTEGER


def _placed(report: Report, rows: Iterable[TunnelReport | FlowReport]) -> Iterator[tuple[Cell, ...]]:
    """The fields of each row, after those of its place: point, capture, role, node, pod."""
    names = {entry.id: entry.name for entry in report.inputs}
    points = {point.id: point for point in report.points}
    for row in rows:
        point = points[row.point]
        place = (point.id, names[row.input], point.role, point.node, point.pod)
        yield (*place, *(getattr(row, name) for name in _own(row)))
