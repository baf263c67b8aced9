"""The output formats: each module in this folder is one, named after it.

A format has one function, ``render(report, presentation) -> bytes``, and may have ``OPTIONS``: the fields of the
presentation that only some formats heed, ``table`` or ``max_bytes``, and ``DRAWS``, true where it shows the exhibits of
a report, which are made only for it. Formats are found by their file names, so that
listing them imports none; what a format needs and does not find makes its import raise FormatUnavailableError.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from ipipdiag.report.model import Report
from ipipdiag.report.presentation import Presentation


class FormatUnavailableError(Exception):
    """A library that the format needs is not installed; the text says which, and how to get it."""


def format_names() -> tuple[str, ...]:
    """Names of all formats, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def render(name: str, report: Report, presentation: Presentation) -> bytes:
    """The report in a format, as the bytes to write."""
    rendered: bytes = _module(name).render(report, presentation)
    return rendered


def options_of(name: str) -> frozenset[str]:
    """What of a presentation this format heeds beside width, colour and detail."""
    options: frozenset[str] = getattr(_module(name), "OPTIONS", frozenset())
    return options


def draws(name: str) -> bool:
    """Whether this format shows the exhibits of a report."""
    return getattr(_module(name), "DRAWS", False)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")
