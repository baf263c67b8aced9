"""JSON reports read back from files: what of them another run is compared with."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ipipdiag.checks.model import Confidence, Severity, Status, SubjectKind
from ipipdiag.report.model import SCHEMA_VERSION, State

MOST_BYTES = 256 << 20
STANDARD_INPUT = "-"
ValueT = TypeVar("ValueT")


class ReportFileError(Exception):
    """A file that is no report of ipipdiag, or not one that this version can read; the text names the file."""


@dataclass(frozen=True, slots=True)
class EarlierFinding:
    """A finding of a report; ``kind``, ``subject``, ``nodes`` and ``addresses`` are those of its subject."""

    id: str
    code: str
    name: str
    severity: Severity
    confidence: Confidence
    kind: SubjectKind
    subject: str
    nodes: tuple[str, ...]
    addresses: tuple[str, ...]
    title: str
    count: int


@dataclass(frozen=True, slots=True)
class EarlierCheck:
    """What became of a check."""

    status: Status
    examined: int
    reason: str | None
    missing: str | None


@dataclass(frozen=True, slots=True)
class EarlierReport:
    """A report as far as it is compared: ``inputs`` are the SHA-256 of what was read."""

    name: str
    state: State
    code: str | None
    headline: str
    inputs: tuple[str, ...]
    findings: tuple[EarlierFinding, ...]
    checks: Mapping[str, EarlierCheck]


def read_report(name: str) -> EarlierReport:
    """The report in a file, or on standard input ("-"); ReportFileError with the reason where there is none."""
    try:
        document = json.loads(_bytes(name))
    except OSError as error:
        raise ReportFileError(f"{name}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError):
        raise ReportFileError(f"{name}: is not JSON; `ipipdiag analyze -f json` writes reports to compare") from None
    try:
        return _report(name, document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise ReportFileError(f"{name}: is not a JSON report of ipipdiag ({problem})") from None


def _bytes(name: str) -> bytes:
    if name == STANDARD_INPUT:
        content = sys.stdin.buffer.read(MOST_BYTES + 1)
    else:
        with Path(name).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ReportFileError(f"{name}: is larger than {MOST_BYTES >> 20} MiB, which no report is")
    return content


def _report(name: str, document: Any) -> EarlierReport:
    version = _is(str, document["schema_version"])
    if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        raise ValueError(f"its schema version is {version}, this program reads {SCHEMA_VERSION}")
    verdict = document["verdict"]
    return EarlierReport(
        name=name,
        state=State(verdict["state"]),
        code=None if verdict["code"] is None else _is(str, verdict["code"]),
        headline=_is(str, verdict["headline"]),
        inputs=tuple(_is(str, entry["sha256"]) for entry in document["inputs"]),
        findings=tuple(_finding(entry) for entry in document["findings"]),
        checks={_is(str, entry["code"]): _check(entry) for entry in document["checks"]},
    )


def _finding(entry: Any) -> EarlierFinding:
    subject = entry["subject"]
    return EarlierFinding(
        id=_is(str, entry["id"]),
        code=_is(str, entry["code"]),
        name=_is(str, entry["name"]),
        severity=Severity(entry["severity"]),
        confidence=Confidence(entry["confidence"]),
        kind=SubjectKind(subject["kind"]),
        subject=_is(str, subject["text"]),
        nodes=tuple(_is(str, node) for node in subject["nodes"]),
        addresses=tuple(_is(str, address) for address in subject["addresses"]),
        title=_is(str, entry["title"]),
        count=_is(int, entry["count"]),
    )


def _check(entry: Any) -> EarlierCheck:
    return EarlierCheck(Status(entry["status"]), _is(int, entry["examined"]), entry["reason"], entry["missing"])


def _is(kind: type[ValueT], value: Any) -> ValueT:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} where {kind.__name__} is expected"[:200])
    return value
