"""SARIF: the structure that the standard prescribes for what we write, and what viewers tie results to."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from ipipdiag.report.formats import render
from ipipdiag.report.model import Report
from ipipdiag.report.presentation import Presentation
from tests.report.example_report import blocked_report, unreadable_report
from tests.report.hostile import hostile_report
from tests.scenarios import captures, report_on


def closed(required: str, optional: str = "", **properties: Any) -> dict[str, Any]:
    """An object with these properties and no others, as SARIF's own schema has them."""
    assert {*required.split(), *optional.split()} == properties.keys()
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


TEXT = {"type": "string"}
BAG = {"type": "object"}
INDEX = {"type": "integer", "minimum": -1}
MESSAGE = closed("text", text=TEXT)
URI = {"type": "string", "pattern": r"^[A-Za-z0-9%/:._~!$&'()*+,;=@-]+$"}
ARTIFACT_LOCATION = closed("uri", "index", uri=URI, index=INDEX)
PHYSICAL = closed("artifactLocation", artifactLocation=ARTIFACT_LOCATION)
LOGICAL = closed("fullyQualifiedName kind", fullyQualifiedName=TEXT, kind=TEXT)
LOCATION = closed(
    "",
    "physicalLocation logicalLocations message",
    physicalLocation=PHYSICAL,
    logicalLocations={"type": "array", "items": LOGICAL, "uniqueItems": True},
    message=MESSAGE,
)
LOCATIONS = {"type": "array", "items": LOCATION}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = closed(
    "id name shortDescription help properties",
    id=TEXT,
    name=TEXT,
    shortDescription=MESSAGE,
    help=MESSAGE,
    properties=BAG,
)
RESULT = closed(
    "ruleId ruleIndex level message locations partialFingerprints properties",
    ruleId=TEXT,
    ruleIndex=INDEX,
    level=LEVEL,
    message=MESSAGE,
    locations=LOCATIONS,
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
    properties=BAG,
)
NOTIFICATION = closed(
    "message", "level locations", message=MESSAGE, level=LEVEL, locations={"type": "array", "items": LOCATION}
)
INVOCATION = closed(
    "executionSuccessful",
    "toolExecutionNotifications",
    executionSuccessful={"type": "boolean"},
    toolExecutionNotifications={"type": "array", "items": NOTIFICATION},
)
ARTIFACT = closed(
    "location",
    "length hashes roles",
    location=ARTIFACT_LOCATION,
    length={"type": "integer", "minimum": -1},
    hashes={"type": "object", "additionalProperties": TEXT},
    roles={"type": "array", "items": {"enum": ["analysisTarget"]}, "uniqueItems": True},
)
DRIVER = closed(
    "name version rules", name=TEXT, version=TEXT, rules={"type": "array", "items": RULE, "uniqueItems": True}
)
RUN = closed(
    "tool invocations artifacts results columnKind properties",
    tool=closed("driver", driver=DRIVER),
    invocations={"type": "array", "items": INVOCATION},
    artifacts={"type": "array", "items": ARTIFACT, "uniqueItems": True},
    results={"type": "array", "items": RESULT},
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    properties=BAG,
)
RUNS = {"type": "array", "items": RUN}
SARIF = closed("version runs", "$schema", **{"$schema": URI, "version": {"const": "2.1.0"}, "runs": RUNS})


def sarif(report: Report) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(render("sarif", report, Presentation()))
    return loaded


@pytest.mark.parametrize("report", [blocked_report(), unreadable_report(), hostile_report()])
def test_structure_is_that_of_the_standard(report: Report) -> None:
    jsonschema.Draft202012Validator.check_schema(SARIF)
    jsonschema.validate(sarif(report), SARIF)


def test_structure_of_a_real_report() -> None:
    document = sarif(report_on(*captures("07")))
    jsonschema.validate(document, SARIF)
    assert not jsonschema.Draft202012Validator(SARIF).is_valid(document | {"verdict": "x"})


def test_results_point_to_their_rule_and_their_capture() -> None:
    (run,) = sarif(blocked_report())["runs"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        for location in result["locations"]:
            place = location["physicalLocation"]["artifactLocation"]
            assert run["artifacts"][place["index"]]["location"]["uri"] == place["uri"]
    assert [result["level"] for result in run["results"]] == ["error", "error", "note"]


def test_the_same_trouble_has_the_same_fingerprint_whatever_was_counted() -> None:
    report = blocked_report()
    entry = report.findings[0]
    again = replace(report, findings=(replace(entry, id="f7", finding=replace(entry.finding, count=3, title="x")),))
    prints = [sarif(one)["runs"][0]["results"][0]["partialFingerprints"] for one in (report, again)]
    assert prints[0] == prints[1]
    assert prints[0] != sarif(report)["runs"][0]["results"][1]["partialFingerprints"]


def test_an_input_that_could_not_be_read_is_a_notification() -> None:
    (run,) = sarif(unreadable_report())["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "no such file"


def test_hostile_names_are_encoded() -> None:
    text = render("sarif", hostile_report(), Presentation()).decode()
    assert text.isascii()
    assert "%3Cscript%3Ealert%281%29%3C/script%3E" in text
    assert "\\u001b" not in text
