"""The report as JSON for other programs: schema version 1.0, described in ``ipipdiag/report/schema.json``.

Times are 64-bit nanoseconds since 1970-01-01 UTC as strings, since many JSON readers hold numbers as doubles. The same
report gives the same bytes. Text from outside is made visible here as well: ``jq -r`` prints it to terminals.
"""

from __future__ import annotations

import json
from typing import Any

from ipipdiag.checks.model import CheckResult, Evidence
from ipipdiag.report.model import SCHEMA_VERSION, FindingReport, InputReport, PointReport, Report, TunnelReport, Verdict
from ipipdiag.report.presentation import Presentation
from ipipdiag.report.sanitise import visible_in

Json = dict[str, Any]


def render(report: Report, presentation: Presentation) -> bytes:
    """The report as UTF-8 JSON, ended by a newline."""
    return (json.dumps(visible_in(as_document(report)), indent=2) + "\n").encode()


def as_document(report: Report) -> Json:
    """The report as dicts and lists, keys in the order of the contract."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "ipipdiag", "version": report.version},
        "verdict": _verdict(report.verdict),
        "inputs": [_input(entry) for entry in report.inputs],
        "points": [_point(point) for point in report.points],
        "cluster": {"facts": [{"fact": known.fact, "source": known.source} for known in report.cluster]},
        "findings": [_finding(entry) for entry in report.findings],
        "checks": [_check(result) for result in report.checks],
        "tunnels": [_tunnel(tunnel) for tunnel in report.tunnels],
        "errors": [{"name": error.name, "error": error.error, "fatal": error.fatal} for error in report.errors],
        "settings": [
            {"option": setting.option, "value": setting.value, "source": setting.source} for setting in report.settings
        ],
        "bgp": {"summary": report.bgp.summary, "drawing": list(report.bgp.drawing)} if report.bgp else None,
    }


def _nanoseconds(time_ns: int | None) -> str | None:
    return None if time_ns is None else str(time_ns)


def _verdict(verdict: Verdict) -> Json:
    return {
        "state": verdict.state.value,
        "code": verdict.code,
        "finding": verdict.finding,
        "confidence": verdict.confidence.value if verdict.confidence else None,
        "headline": verdict.headline,
    }


def _input(entry: InputReport) -> Json:
    return {
        "id": entry.id,
        "name": entry.name,
        "sha256": entry.sha256,
        "format": entry.format,
        "compression": entry.compression,
        "frames": entry.frames,
        "bytes": entry.bytes,
        "first_ns": _nanoseconds(entry.first_ns),
        "last_ns": _nanoseconds(entry.last_ns),
        "interfaces": [
            {
                "id": interface.id,
                "name": interface.name,
                "link_type": interface.link_type,
                "snap_length": interface.snap_length,
            }
            for interface in entry.interfaces
        ],
    }


def _point(point: PointReport) -> Json:
    return {
        "id": point.id,
        "input": point.input,
        "inputs": list(point.inputs),
        "interface": point.interface,
        "interface_index": point.interface_index,
        "role": point.role,
        "node": point.node,
        "pod": point.pod,
        "source": point.source,
        "reason": point.reason,
        "frames": point.frames,
    }


def _finding(entry: FindingReport) -> Json:
    finding = entry.finding
    return {
        "id": entry.id,
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "subject": {
            "kind": finding.subject.kind.value,
            "text": finding.subject.text,
            "nodes": list(finding.subject.nodes),
            "addresses": list(finding.subject.addresses),
        },
        "title": finding.title,
        "expected": finding.expected,
        "observed": finding.observed,
        "count": finding.count,
        "first_ns": _nanoseconds(finding.first_ns),
        "last_ns": _nanoseconds(finding.last_ns),
        "evidence": [_evidence(evidence) for evidence in finding.evidence],
        "caused_by": entry.caused_by,
        "cited_by": entry.cited_by,
        "alternatives": list(finding.alternatives),
        "confirm": list(finding.confirm),
        "fix": list(finding.fix),
        "component": finding.component.value,
        "worked": list(finding.worked),
        "points": list(finding.points),
    }


def _evidence(evidence: Evidence) -> Json:
    return {"input": evidence.input, "frames": list(evidence.frames), "display_filter": evidence.display_filter}


def _check(result: CheckResult) -> Json:
    return {
        "code": result.code,
        "name": result.name,
        "status": result.status.value,
        "examined": result.examined,
        "reason": result.reason.value if result.reason else None,
        "missing": result.missing,
        "enable": result.enable,
        "error": result.error,
    }


def _tunnel(tunnel: TunnelReport) -> Json:
    return {
        "point": tunnel.point,
        "outer_src": tunnel.outer_src,
        "outer_dst": tunnel.outer_dst,
        "packets": tunnel.packets,
        "bytes": tunnel.bytes,
        "input": tunnel.input,
        "first_frame": tunnel.first_frame,
    }
