"""The recorded scenarios with the exhibits of their reports."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ipipdiag.report.model import Report
from ipipdiag.run import RunOptions, analyze


@cache
def drawn(*paths: Path) -> Report:
    """The report on some captures with its exhibits."""
    return analyze(RunOptions(tuple(str(path) for path in paths), with_exhibits=True))


@cache
def drawn_with_cluster(*paths: Path) -> Report:
    """The same, told what `calicoctl cluster diags` collected there."""
    diagnostics = str(paths[0].parent / "calico-diagnostics")
    return analyze(RunOptions(tuple(str(path) for path in paths), cluster_files=(diagnostics,), with_exhibits=True))
