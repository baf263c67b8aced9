"""Routes chosen by address, network and port: nothing but what was asked for is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipipdiag.report.trace.model import TraceReport, WayState
from ipipdiag.run import RunOptions, TraceOptions, trace
from ipipdiag.trace.query import EndOption
from tests.checks.two_points import Ways
from tests.checks.world import NODE_A, NODE_B, POD_A, POD_B
from tests.scenarios import captures, folder
from tests.trace.asking import ask, route_of

CLIENT, SERVER = "10.244.166.179", "10.244.136.13"


@pytest.fixture
def two_nics(tmp_path: Path) -> tuple[Path, dict[str, bytes]]:
    ways = Ways()
    ways.ping(6, identifier=7)
    ways.ping(6, identifier=9, lost_after="nic_a")
    return tmp_path, dict(zip(("nic_a", "nic_b"), ways.captures("nic_a", "nic_b"), strict=True))


def of_loss(monkeypatch: pytest.MonkeyPatch, source: EndOption | None, destination: EndOption | None) -> TraceReport:
    monkeypatch.chdir(folder("25"))
    return trace(RunOptions(tuple(path.name for path in captures("25"))), TraceOptions(source, destination))


def test_both_ways_between_two_ends_and_no_other(two_nics: tuple[Path, dict[str, bytes]]) -> None:
    report = ask(*two_nics, source=POD_A, destination=POD_B)
    assert {(route.source, route.destination) for route in report.routes} == {(POD_A, POD_B), (POD_B, POD_A)}
    assert report.drawn == (route_of(report, POD_A, POD_B).id, route_of(report, POD_B, POD_A).id)


def test_one_end_alone_gives_every_pair_it_is_in(two_nics: tuple[Path, dict[str, bytes]]) -> None:
    report = ask(*two_nics, destination=NODE_B)
    assert {route.destination for route in report.routes} == {NODE_B}
    assert NODE_A in {route.source for route in report.routes}


def test_a_network_is_all_its_addresses(two_nics: tuple[Path, dict[str, bytes]]) -> None:
    report = ask(*two_nics, source="172.20.0.0/16")
    assert {route.source for route in report.routes} == {POD_A, POD_B}


def test_one_conversation_is_counted_alone(two_nics: tuple[Path, dict[str, bytes]]) -> None:
    """The port of ICMP echo is its identifier."""
    whole = route_of(ask(*two_nics, source=POD_A, destination=POD_B), POD_A, POD_B)
    good = route_of(ask(*two_nics, source=POD_A, destination=POD_B, source_port=7), POD_A, POD_B)
    bad = route_of(ask(*two_nics, source=POD_A, destination=POD_B, source_port=9), POD_A, POD_B)
    assert (whole.packets, whole.lost, whole.flows) == (12, 6, 2)
    assert (good.packets, good.lost, good.flows) == (6, 0, 1)
    assert (bad.packets, bad.lost, bad.flows) == (6, 6, 1)
    assert good.state is WayState.FOLLOWED
    assert bad.state is WayState.LOST


def test_flows_of_a_pair_add_up_to_the_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = route_of(of_loss(monkeypatch, EndOption(CLIENT), EndOption(SERVER)), CLIENT, SERVER)
    web = route_of(of_loss(monkeypatch, EndOption(CLIENT), EndOption(SERVER, 80)), CLIENT, SERVER)
    ping = route_of(of_loss(monkeypatch, EndOption(CLIENT, 896), EndOption(SERVER)), CLIENT, SERVER)
    assert (whole.packets, whole.lost) == (222, 10)
    assert (web.packets, web.lost) == (102, 4)
    assert (ping.packets, ping.lost) == (120, 6)
    assert max(stop.length_max for stop in ping.stops) == 84 < max(stop.length_max for stop in web.stops)


def test_a_service_is_found_by_the_address_that_pods_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder("24"))
    names = tuple(path.name for path in captures("24"))
    report = trace(RunOptions(names), TraceOptions(EndOption(CLIENT), EndOption("10.96.0.10", 53)))
    (route,) = [route for route in report.routes if route.source == CLIENT]
    assert route.destination == "10.244.136.14"
    assert (CLIENT, "10.96.0.10") in route.translations
    changes = [stop.change for stop in route.stops if stop.change]
    assert "destination translated from 10.96.0.10 to 10.244.136.14" in changes


def test_what_is_in_no_capture_is_said_with_what_there_is(two_nics: tuple[Path, dict[str, bytes]]) -> None:
    report = ask(*two_nics, source="192.0.2.99", destination=POD_B)
    assert report.answer.state is WayState.NOT_CAPTURED
    assert report.answer.headline == f"no packet from 192.0.2.99 to {POD_B} is in any of the captures"
    assert f"to {POD_B}: 12 packets {POD_A} > {POD_B}" in report.answer.also
    assert report.routes == ()


def test_a_port_that_nobody_uses_names_the_others(two_nics: tuple[Path, dict[str, bytes]]) -> None:
    report = ask(*two_nics, source=POD_A, destination=POD_B, destination_port=4711)
    assert report.answer.state is WayState.NOT_CAPTURED
    assert report.answer.also[0].startswith("of other ports there are: 12 packets")


def test_what_no_place_can_tell_is_not_called_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder("01"))
    options = RunOptions(("a-eth0-snap96.pcap",))
    report = trace(options, TraceOptions(EndOption(CLIENT), EndOption(SERVER)))
    assert report.answer.state is not WayState.NOT_CAPTURED
