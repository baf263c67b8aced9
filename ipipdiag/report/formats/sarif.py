"""The report as SARIF 2.1.0 (OASIS standard), for viewers of findings: a rule a check, a result a finding.

SARIF knows lines and bytes of a file, not frames: a result's location is the capture, and the frame numbers and display
filters are in its message and its properties. Of severities it knows three: critical and error are both ``error``. What
became of each check is in its rule's properties.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

from ipipdiag.checks.model import CheckResult, Evidence, Finding, Severity
from ipipdiag.report import wording
from ipipdiag.report.model import FindingReport, InputError, InputReport, Report
from ipipdiag.report.presentation import Presentation
from ipipdiag.report.sanitise import visible, visible_in

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {
    Severity.CRITICAL: "error",
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTICE: "note",
}
Json = dict[str, Any]


def render(report: Report, presentation: Presentation) -> bytes:
    """The report as UTF-8 JSON in the form of SARIF, ended by a newline."""
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report)]}
    return (json.dumps(visible_in(document), indent=2) + "\n").encode()


def _run(report: Report) -> Json:
    positions = {entry.id: position for position, entry in enumerate(report.inputs)}
    rules = {result.code: position for position, result in enumerate(report.checks)}
    return {
        "tool": {
            "driver": {
                "name": "ipipdiag",
                "version": report.version,
                "rules": [_rule(result) for result in report.checks],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not any(error.fatal for error in report.errors),
                "toolExecutionNotifications": [_notification(error) for error in report.errors],
            }
        ],
        "artifacts": [_artifact(entry) for entry in report.inputs],
        "results": [_result(entry, report, positions, rules) for entry in report.findings],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "verdict": report.verdict.state.value,
            "headline": report.verdict.headline,
            "options": [wording.setting_text(setting) for setting in report.settings],
        },
    }


def _rule(result: CheckResult) -> Json:
    outcome = {
        "status": result.status.value,
        "examined": result.examined,
        "reason": result.reason.value if result.reason else None,
        "missing": result.missing,
        "enable": result.enable,
        "error": result.error,
    }
    return {
        "id": result.code,
        "name": result.name,
        "shortDescription": {"text": result.name},
        "help": {"text": f"ipipdiag explain {result.code}"},
        "properties": {name: value for name, value in outcome.items() if value is not None},
    }


def _artifact(entry: InputReport) -> Json:
    return {
        "location": {"uri": _uri(entry.name)},
        "length": entry.bytes,
        "hashes": {"sha-256": entry.sha256},
        "roles": ["analysisTarget"],
    }


def _notification(error: InputError) -> Json:
    return {
        "level": "error" if error.fatal else "warning",
        "message": {"text": error.error},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(error.name)}}}],
    }


def _result(entry: FindingReport, report: Report, positions: dict[str, int], rules: dict[str, int]) -> Json:
    finding = entry.finding
    properties = {
        "id": entry.id,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "component": finding.component.value,
        "count": finding.count,
        "causedBy": entry.caused_by,
        "citedBy": entry.cited_by,
        "evidence": [
            {"input": evidence.input, "frames": list(evidence.frames), "displayFilter": evidence.display_filter}
            for evidence in finding.evidence
        ],
    }
    return {
        "ruleId": finding.code,
        "ruleIndex": rules[finding.code],
        "level": LEVELS[finding.severity],
        "message": {"text": _message(finding)},
        "locations": _locations(finding, report, positions),
        "partialFingerprints": {"codeAndSubject/v1": _fingerprint(finding)},
        "properties": {name: value for name, value in properties.items() if value is not None},
    }


def _message(finding: Finding) -> str:
    return f"{finding.title}. Expected: {finding.expected}. Observed: {finding.observed}."


def _locations(finding: Finding, report: Report, positions: dict[str, int]) -> list[Json]:
    logical = [{"fullyQualifiedName": finding.subject.text, "kind": finding.subject.kind.value}]
    cited = list(dict.fromkeys(evidence.input for evidence in finding.evidence))
    physical = [
        {
            "artifactLocation": {"uri": _uri(report.inputs[positions[name]].name), "index": positions[name]},
        }
        for name in cited
    ]
    if not physical:
        return [{"logicalLocations": logical}]
    return [
        {
            "physicalLocation": place,
            "logicalLocations": logical,
            "message": {"text": "; ".join(_cited(evidence) for evidence in finding.evidence if evidence.input == name)},
        }
        for name, place in zip(cited, physical, strict=True)
    ]


def _cited(evidence: Evidence) -> str:
    return f"{wording.frames_of(evidence)} {evidence.display_filter}".strip()


def _fingerprint(finding: Finding) -> str:
    """The same for the same trouble in another run, whatever was counted there."""
    text = " ".join((finding.code, finding.subject.kind.value, finding.subject.text))
    return hashlib.sha256(visible(text).encode()).hexdigest()


def _uri(name: str) -> str:
    """A path, as the report shows it, as a URI reference."""
    encoded = quote(visible(name))
    return f"file://{encoded}" if name.startswith("/") else encoded
