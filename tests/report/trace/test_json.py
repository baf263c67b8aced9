"""The JSON of `ipipdiag trace`: its schema, exact nanoseconds, and no text that a terminal would obey."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from ipipdiag.points.model import PlacementSource, Role
from ipipdiag.report.presentation import Presentation
from ipipdiag.report.trace import json as trace_json
from ipipdiag.report.trace.model import TraceReport, WayState
from ipipdiag.run import RunOptions, TraceOptions, trace
from ipipdiag.trace.places import Station
from ipipdiag.trace.query import EndOption, FrameOption
from tests.scenarios import captures, folder

QUERIES = {
    "everything": TraceOptions(),
    "two ends": TraceOptions(EndOption("10.244.166.179"), EndOption("10.244.136.13")),
    "one conversation": TraceOptions(EndOption("10.244.166.179"), EndOption("10.244.136.13", 80)),
    "in no capture": TraceOptions(EndOption("192.0.2.1")),
    "one packet": TraceOptions(frame=FrameOption("a-eth0.pcap", 37)),
    "no packet": TraceOptions(frame=FrameOption("a-eth0.pcap", 1)),
}


def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((files("ipipdiag.report.trace") / "schema.json").read_text(encoding="utf-8"))
    return loaded


def document(report: TraceReport) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(trace_json.render(report, Presentation()))
    return loaded


@pytest.fixture(scope="module")
def blocked() -> TraceReport:
    return trace(RunOptions(tuple(str(path) for path in captures("07"))), TraceOptions())


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("number", ["07", "25"])
def test_answers_match_the_schema(number: str, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder(number))
    report = trace(RunOptions(tuple(path.name for path in captures(number))), QUERIES[query])
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(document(report))


def test_an_unread_input_is_an_answer_all_the_same() -> None:
    report = trace(RunOptions(("absent.pcap",)), TraceOptions())
    jsonschema.Draft202012Validator(schema()).validate(document(report))
    assert report.answer.headline.endswith("none of the inputs could be read")


def test_the_schema_refuses_what_is_no_answer(blocked: TraceReport) -> None:
    validator = jsonschema.Draft202012Validator(schema())
    for broken in ({"schema_version": "2.0"}, {"answer": {"state": "fine"}}, {"routes": [{"id": "r1"}]}):
        assert not validator.is_valid(document(blocked) | broken)


def test_the_schema_names_every_state() -> None:
    assert set(schema()["$defs"]["state"]["enum"]) == {state.value for state in WayState}


def test_roles_stations_and_sources_are_the_words_of_the_program(blocked: TraceReport) -> None:
    written = document(blocked)
    assert {place["role"] for place in written["places"]} <= {role.value for role in Role}
    assert {point["source"] for point in written["points"]} <= {source.value for source in PlacementSource}
    stations = {stop["station"] for route in written["routes"] for stop in route["stops"]}
    assert stations <= {station.name.lower() for station in Station}


def test_ids_lead_to_what_they_name(blocked: TraceReport) -> None:
    written = document(blocked)
    places = {place["id"] for place in written["places"]}
    inputs = {entry["id"] for entry in written["inputs"]}
    for route in written["routes"]:
        assert {stop["place"] for stop in route["stops"]} <= places
        for hop in route["hops"]:
            assert {hop["start"], hop["end"]} <= places
            assert {frame["input"] for frame in hop["lost_frames"]} <= inputs
    assert {place["clock"] for place in written["places"]} == {clock["id"] for clock in written["clocks"]}
    assert set(written["drawn"]) <= {route["id"] for route in written["routes"]}


def test_nanoseconds_are_strings_everywhere(blocked: TraceReport) -> None:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                if name.endswith("_ns"):
                    assert inner is None or isinstance(inner, str), name
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(document(blocked))
    first = blocked.routes[0].hops[-2].first_lost_ns
    lost = [hop["first_lost_ns"] for hop in document(blocked)["routes"][0]["hops"] if hop["lost"]]
    assert lost == [str(hop.first_lost_ns) for hop in blocked.routes[0].hops if hop.lost]
    assert first is None or str(first) in lost


def test_the_lost_frames_are_those_of_the_file(blocked: TraceReport) -> None:
    """Counted with tshark: the frames of protocol 4 from pod to pod at the switch port towards node-a."""
    (hop,) = [hop for hop in document(blocked)["routes"][0]["hops"] if hop["lost"]]
    names = {entry.id: entry.name.rpartition("/")[2] for entry in blocked.inputs}
    assert {names[frame["input"]] for frame in hop["lost_frames"]} == {"sw10-p-a.pcap"}
    assert [frame["frame"] for frame in hop["lost_frames"]] == [37, 47, 48, 51, 52, 53, 60]


def test_hostile_names_are_visible(blocked: TraceReport) -> None:
    named = replace(blocked, inputs=(replace(blocked.inputs[0], name="a\x1b[31m\u202e.pcap"), *blocked.inputs[1:]))
    written = trace_json.render(named, Presentation())
    assert document(named)["inputs"][0]["name"] == r"a\x1b[31m\u202e.pcap"
    assert written.isascii()
    assert written.endswith(b"}\n")
