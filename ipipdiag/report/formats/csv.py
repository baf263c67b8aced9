"""One table of the report as CSV (RFC 4180, UTF-8, a line of column names first): findings, checks, tunnels or flows.

Times are UTC with nanoseconds (``2026-08-01T12:00:01.123456789Z``), since a spreadsheet would round the number. Text
that a spreadsheet would take for a formula gets an apostrophe in front, as spreadsheets themselves write it.
"""

from __future__ import annotations

import csv
import io

from ipipdiag.report.model import Report
from ipipdiag.report.presentation import Presentation
from ipipdiag.report.tables import Cell, Kind, table
from ipipdiag.report.units import format_time

OPTIONS = frozenset({"table"})
_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # full-width ones too


def render(report: Report, presentation: Presentation) -> bytes:
    """The table that ``presentation`` names, as UTF-8 lines."""
    shown = table(report, presentation.table)
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(name for name, _ in shown.columns)
    kinds = [kind for _, kind in shown.columns]
    writer.writerows(map(_cell, row, kinds) for row in shown.rows)
    return file.getvalue().encode()


def _cell(value: Cell, kind: Kind) -> str:
    if value is None:
        return ""
    if kind is Kind.TIME and isinstance(value, int):
        return format_time(value, 9).removesuffix(" UTC").replace(" ", "T") + "Z"
    text = str(value)
    return f"'{text}" if kind is Kind.TEXT and text.lstrip(" ").startswith(_FORMULA_STARTS) else text
