"""ipipdiag from Python and in notebooks.

The keywords of :func:`analyze` are the options of the command line, with the same words::

    from pathlib import Path

    import ipipdiag

    report = ipipdiag.analyze(["a-eth0.pcap", "b-eth0.pcap"], cluster="diags.tar.gz")
    report.verdict.headline          # the answer in one sentence
    report.findings[0].finding       # expected, observed, evidence
    report                           # in a notebook: the whole report

    flows = report.frame("flows")    # a pandas DataFrame; also "findings", "checks", "tunnels"
    flows[(flows.requests > 0) & (flows.answers == 0)]

    Path("report.md").write_bytes(report.render("md"))

What cannot be read is in ``report.errors``, as on the command line; a keyword that means nothing raises ValueError.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

import click
import numpy as np
import pandas as pd

from ipipdiag.cli import options
from ipipdiag.cluster.endpoints import UnknownNameError
from ipipdiag.report import model
from ipipdiag.report.formats import format_names
from ipipdiag.report.formats import render as render_format
from ipipdiag.report.model import CALL, Setting
from ipipdiag.report.presentation import TABLES, Detail, Presentation
from ipipdiag.report.tables import Cell, Kind, table
from ipipdiag.run import RunOptions
from ipipdiag.run import analyze as run_analyze

__all__ = ["Report", "analyze"]

PathName = str | os.PathLike[str]
Words = str | Iterable[str]
ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Report(model.Report):
    """The report of one run: its fields are those of the JSON report, and ``flows``."""

    def frame(self, name: str = "findings") -> pd.DataFrame:
        """One table of the report as a DataFrame: "findings", "checks", "tunnels" or "flows".

        The columns are those of the CSV of that table; times are ``datetime64[ns, UTC]``, numbers are integers.
        """
        shown = table(self, name)
        columns = list(zip(*shown.rows, strict=True)) or [()] * len(shown.columns)
        return pd.DataFrame(
            {column: _series(values, kind) for values, (column, kind) in zip(columns, shown.columns, strict=True)}
        )

    def render(self, output_format: str = "text", *, table: str = TABLES[0], max_bytes: int | None = None) -> bytes:
        """The report in one of the formats of ``ipipdiag analyze -f``, as the bytes it would write."""
        if output_format not in format_names():
            raise ValueError(f"{output_format!r} is no format; one of {', '.join(format_names())}")
        return render_format(output_format, self, Presentation(table=table, max_bytes=max_bytes))

    def _repr_markdown_(self) -> str:
        """What notebooks show."""
        return render_format("md", self, Presentation()).decode()

    def __str__(self) -> str:
        return render_format("text", self, Presentation()).decode()

    def __repr__(self) -> str:
        return render_format("text", self, Presentation(detail=Detail.BRIEF)).decode().rstrip()


def analyze(
    captures: PathName | Iterable[PathName],
    *,
    cluster: PathName | Iterable[PathName] = (),
    point: Words = (),
    ipip_mode: Words = (),
    pod_cidr: Words = (),
    node: Words = (),
    only: Words = (),
    skip: Words = (),
    host: Words = (),
    from_time: str | datetime | None = None,
    to_time: str | datetime | None = None,
    max_frames: int | None = None,
    duration: float | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> Report:
    """Compare what captures show with what Calico should have done, as ``ipipdiag analyze`` does.

    ``captures`` are files or folders; ``cluster`` files, folders or the archive of ``calicoctl cluster diags``. Each of
    the other keywords takes one value or several, spelled as on the command line: ``point="a.pcap=node@node-a"``,
    ``ipip_mode="10.244.0.0/16=Always"``, ``node=["node-a=10.50.10.34/24"]``. Times without a zone are UTC.
    ``progress`` is told each file's name and how many of its bytes are read. Raises ValueError for what means nothing.
    """
    spelled = {
        "--only": _several(only),
        "--skip": _several(skip),
        "--host": _several(host),
        "--from": [] if from_time is None else [str(from_time)],
        "--to": [] if to_time is None else [str(to_time)],
        "--max-frames": [] if max_frames is None else [str(max_frames)],
        "--duration": [] if duration is None else [str(duration)],
    }
    run_options = RunOptions(
        captures=tuple(_several(captures)),
        points=_values(options.point, point),
        ipip_modes=_values(options.mode, ipip_mode),
        pod_cidrs=_values(options.network, pod_cidr),
        nodes=_values(options.node, node),
        only=_values(options.check_code, only),
        skip=_values(options.check_code, skip),
        max_frames=max_frames,
        duration=duration,
        cluster_files=tuple(_several(cluster)),
        from_ns=next(iter(_values(options.moment, spelled["--from"])), None),
        to_ns=next(iter(_values(options.moment, spelled["--to"])), None),
        hosts=tuple(spelled["--host"]),
        settings=tuple(Setting(option, value, CALL) for option, values in spelled.items() for value in values),
    )
    try:
        report = run_analyze(run_options, progress)
    except UnknownNameError as error:
        raise ValueError(f"host {error}") from None
    return Report(**{field.name: getattr(report, field.name) for field in fields(model.Report)})


def _several(values: PathName | Iterable[PathName]) -> list[str]:
    return [os.fspath(value) for value in ([values] if isinstance(values, (str, os.PathLike)) else values)]


def _values(parse: Callable[[str], ValueT], words: Words) -> tuple[ValueT, ...]:
    try:
        return tuple(parse(word) for word in _several(words))
    except click.BadParameter as error:
        raise ValueError(error.message) from None


def _series(values: Iterable[Cell], kind: Kind) -> pd.Series[Any]:
    if kind is Kind.TEXT:
        return pd.Series(list(values), dtype="object")
    if kind is Kind.INTEGER:
        return pd.Series(list(values), dtype="Int64")
    absent = np.iinfo(np.int64).min  # NaT
    nanoseconds = np.array([absent if value is None else value for value in values], dtype=np.int64)
    return pd.Series(nanoseconds.view("datetime64[ns]")).dt.tz_localize("UTC")
