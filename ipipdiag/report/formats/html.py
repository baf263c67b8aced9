"""The report as one HTML file: no network, no script needed to read it, light and dark, on screen and on paper.

The Content-Security-Policy lets nothing in but the style sheet and the script of this page, by their hashes; the script
does nothing but sort tables. Text from captures goes through the sanitiser, then is escaped by the template engine.
``data-`` attributes bear codes, counts and statuses for programs.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ipipdiag.checks.model import Status
from ipipdiag.report import wording
from ipipdiag.report.drawing import Box, Label, Line, Mark
from ipipdiag.report.exhibits.frames import show_frames
from ipipdiag.report.layout import shell_lines
from ipipdiag.report.model import Report
from ipipdiag.report.presentation import Detail, Presentation
from ipipdiag.report.sanitise import visible
from ipipdiag.report.units import format_count, format_span, format_time

DRAWS = True
COMMAND_WIDTH = 96
MOST_CARDS = 100  # findings shown whole; of further ones the title
MOST_ROWS = 500  # of one table
FULL_STATUSES = (Status.FAIL, Status.NOTED, Status.CRASHED, Status.PASS, Status.NOT_CHECKED, Status.NOT_APPLICABLE)
_TEMPLATES = Path(__file__).parent.parent / "templates"


def render(report: Report, presentation: Presentation) -> bytes:
    """The report as UTF-8 HTML."""
    style, script = _asset("style.css"), _asset("sort.js")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            frames=show_frames(report.exhibits.frames) if report.exhibits else (),
            root=wording.root_of(report),
            names={entry.id: entry.name for entry in report.inputs},
            inputs={entry.id: entry for entry in report.inputs},
            frames_limit=None if presentation.detail is Detail.FULL else wording.FRAMES_SHOWN,
            is_brief=presentation.detail is Detail.BRIEF,
            policy=policy,
            style=Markup(style),
            script=Markup(script),
        )
    )
    return page.encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"n": _number, "corners": _corners, "time": format_time}
    environment.tests |= {
        "box": lambda shape: isinstance(shape, Box),
        "line": lambda shape: isinstance(shape, Line),
        "mark": lambda shape: isinstance(shape, Mark),
        "label": lambda shape: isinstance(shape, Label),
    }
    environment.globals |= {
        "wording": wording,
        "statuses": FULL_STATUSES,
        "most_cards": MOST_CARDS,
        "most_rows": MOST_ROWS,
        "count": format_count,
        "span": format_span,
        "command_lines": _command_lines,
    }
    return environment


def _finalize(value: Any) -> Any:
    """Every text that a template prints, made visible before it is escaped."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _asset(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _number(value: float) -> str:
    """A coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def _corners(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _command_lines(commands: Iterable[str]) -> list[str]:
    """Shell commands in lines that can be copied."""
    return [line for command in commands for line in shell_lines(visible(command), COMMAND_WIDTH)]
