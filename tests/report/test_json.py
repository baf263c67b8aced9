"""The JSON report: the contract's fields and order, the schema, the same bytes for the same report."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from ipipdiag.checks.model import Component, Confidence, Reason, Severity, Status, SubjectKind
from ipipdiag.points.model import PlacementSource, Role
from ipipdiag.report.formats import format_names, render
from ipipdiag.report.model import Report, State
from ipipdiag.report.presentation import Detail, Presentation
from ipipdiag.run import RunOptions, analyze
from tests.report.example_report import blocked_report, unreadable_report
from tests.scenarios import captures, folder

CONTRACT = {
    "": [
        *("schema_version", "tool", "verdict", "inputs", "points", "cluster", "findings", "checks", "tunnels"),
        *("errors", "settings", "bgp"),
    ],
    "verdict": ["state", "code", "finding", "confidence", "headline"],
    "inputs": ["id", "name", "sha256", "format", "frames", "bytes", "first_ns", "last_ns", "interfaces"],
    "points": ["id", "input", "interface", "role", "node", "pod", "source"],
    "findings": [
        *("id", "code", "name", "severity", "confidence", "subject", "title", "expected", "observed", "count"),
        *("first_ns", "last_ns", "evidence", "caused_by", "cited_by", "alternatives", "confirm", "fix", "component"),
    ],
    "checks": ["code", "name", "status", "examined", "reason", "missing", "enable"],
    "tunnels": ["point", "outer_src", "outer_dst", "packets", "bytes", "first_frame"],
}
RESERVED = {"not_built"}  # of the contract, for a check that is announced before it is there


def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((files("ipipdiag.report") / "schema.json").read_text(encoding="utf-8"))
    return loaded


def document(report: Report) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(render("json", report, Presentation()))
    return loaded


@pytest.mark.parametrize("report", [blocked_report(), unreadable_report()], ids=["blocked", "unreadable"])
def test_reports_match_the_schema(report: Report) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(document(report))


@pytest.mark.parametrize("with_captures", [True, False], ids=["captures and files", "files alone"])
@pytest.mark.parametrize("number", ["09", "20", "22"])
def test_reports_with_cluster_files_match_the_schema(number: str, with_captures: bool) -> None:
    names = tuple(str(path) for path in captures(number)) if with_captures else ()
    report = analyze(RunOptions(names, cluster_files=(str(folder(number) / "calico-diagnostics"),)))
    jsonschema.Draft202012Validator(schema()).validate(document(report))


def test_the_schema_refuses_what_is_not_a_report() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    for broken in ({"schema_version": "2.0"}, {"verdict": {"state": "healthy"}}, {"inputs": [{"id": "c1"}]}):
        assert not validator.is_valid(document(blocked_report()) | broken)


def test_the_schema_knows_every_word_the_program_uses() -> None:
    properties = schema()["properties"]
    words = [
        (properties["verdict"]["properties"]["state"], State),
        (properties["points"]["items"]["properties"]["role"], Role),
        (properties["points"]["items"]["properties"]["source"], PlacementSource),
        (properties["findings"]["items"]["properties"]["subject"]["properties"]["kind"], SubjectKind),
        (properties["checks"]["items"]["properties"]["status"], Status),
        (properties["checks"]["items"]["properties"]["reason"], Reason),
        (schema()["$defs"]["severity"], Severity),
        (schema()["$defs"]["confidence"], Confidence),
    ]
    for allowed, kind in words:
        words_of_schema = {word for word in allowed["enum"] if word is not None} - RESERVED
        assert words_of_schema == {member.value for member in kind}


def test_the_fields_of_the_contract_are_there_in_their_order() -> None:
    report = document(blocked_report())
    assert list(report) == CONTRACT[""]
    for section, names in CONTRACT.items():
        value = report[section] if section else report
        present = list(value[0] if isinstance(value, list) else value)
        assert [name for name in present if name in names] == names


def test_times_are_strings_of_nanoseconds_and_exact() -> None:
    report = document(blocked_report())
    assert report["inputs"][0]["first_ns"] == "1785585601123456789"
    assert report["inputs"][1]["first_ns"] is None
    assert report["findings"][0]["first_ns"] == "1785585601123456789"


def test_component_and_cause_are_told() -> None:
    findings = document(blocked_report())["findings"]
    assert findings[0]["component"] == Component.NODE_NETWORK.value
    assert [finding["caused_by"] for finding in findings] == [None, "f1", None]


def test_the_same_report_gives_the_same_bytes_however_it_is_shown() -> None:
    first = render("json", blocked_report(), Presentation())
    assert first == render("json", blocked_report(), Presentation(60, colour=True, detail=Detail.BRIEF))
    assert first.endswith(b"}\n")
    assert first.isascii()


def test_hostile_text_is_visible_to_whoever_prints_a_value() -> None:
    report = blocked_report()
    named = replace(report, inputs=(replace(report.inputs[0], name="a\x1b[31m\udce9\u202e.pcap"), *report.inputs[1:]))
    assert document(named)["inputs"][0]["name"] == r"a\x1b[31m\xe9\u202e.pcap"


def test_formats_are_found_by_their_files() -> None:
    assert {"json", "text"} <= set(format_names())
