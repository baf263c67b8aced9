"""One table of the report as Parquet: findings, checks, tunnels or flows, with times as nanoseconds in UTC.

Written by pyarrow, which ``pip install 'ipipdiag[parquet]'`` brings along.
"""

from __future__ import annotations

import io
from typing import Any

from ipipdiag.report.formats import FormatUnavailableError
from ipipdiag.report.model import Report
from ipipdiag.report.presentation import Presentation
from ipipdiag.report.tables import Kind, table

try:
    import pyarrow
    from pyarrow import parquet
except ModuleNotFoundError as missing:
    raise FormatUnavailableError(
        "-f parquet needs pyarrow, which is not installed; pip install 'ipipdiag[parquet]' brings it along"
    ) from missing

OPTIONS = frozenset({"table"})


def render(report: Report, presentation: Presentation) -> bytes:
    """The table that ``presentation`` names, as the bytes of a Parquet file."""
    shown = table(report, presentation.table)
    types: dict[Kind, Any] = {
        Kind.TEXT: pyarrow.string(),
        Kind.INTEGER: pyarrow.int64(),
        Kind.TIME: pyarrow.timestamp("ns", tz="UTC"),
    }
    columns = list(zip(*shown.rows, strict=True)) or [()] * len(shown.columns)
    arrays = [pyarrow.array(values, type=types[kind]) for values, (_, kind) in zip(columns, shown.columns, strict=True)]
    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_arrays(arrays, names=[name for name, _ in shown.columns]), file)
    return file.getvalue()
