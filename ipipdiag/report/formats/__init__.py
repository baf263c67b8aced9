"""The output formats: each module in this folder is one, named after it.

A format has one function, ``render(report, presentation) -> bytes``. Formats are found by their file names, so that
listing them imports none.
"""

from __future__ import annotations

import importlib
import pkgutil

from ipipdiag.report.model import Report
from ipipdiag.report.presentation import Presentation


def format_names() -> tuple[str, ...]:
    """Names of all formats, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def render(name: str, report: Report, presentation: Presentation) -> bytes:
    """The report in a format, as the bytes to write."""
    module = importlib.import_module(f"{__name__}.{name}")
    rendered: bytes = module.render(report, presentation)
    return rendered
