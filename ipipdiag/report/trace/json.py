"""The answer of ``ipipdiag trace`` as JSON: schema version 1.0, described in ``ipipdiag/report/trace/schema.json``.

The fields of the model under their own names. Everything in nanoseconds is a string, since many JSON readers hold
numbers as doubles; text from outside is made visible, as in the report of ``ipipdiag analyze``.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any

from ipipdiag.report.presentation import Presentation
from ipipdiag.report.sanitise import visible
from ipipdiag.report.trace.model import SCHEMA_VERSION, TraceReport

Json = dict[str, Any]


def render(report: TraceReport, presentation: Presentation) -> bytes:
    """The answer as UTF-8 JSON, ended by a newline."""
    return (json.dumps(as_document(report), indent=2) + "\n").encode()


def as_document(report: TraceReport) -> Json:
    """The answer as dicts and lists, keys in the order of the model."""
    document: Json = _plain(report)
    del document["version"]
    return {"schema_version": SCHEMA_VERSION, "tool": {"name": "ipipdiag", "version": report.version}, **document}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _field(field.name, getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, StrEnum):
        return value.value
    return visible(value) if isinstance(value, str) else value


def _field(name: str, value: Any) -> Any:
    if name.endswith("_ns"):
        return None if value is None else str(value)
    if name == "lost_frames":
        return [{"input": entry, "frame": number} for entry, number in value]
    if name == "translations":
        return [{"source": source, "destination": destination} for source, destination in value]
    return _plain(value)
