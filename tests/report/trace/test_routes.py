"""What is said of a route: first what must not be called lost, then what must, then what cannot be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipipdiag.points.model import PointOption, Role
from ipipdiag.report.trace.model import RouteReport, TraceReport, WayState
from ipipdiag.run import RunOptions, TraceOptions, trace
from tests.builders.packets import ipv4, tcp
from tests.checks.two_points import Ways
from tests.checks.world import NODE_A, NODE_B, POD_A, POD_B
from tests.scenarios import FAULTY, HEALTHY, captures, folder
from tests.trace.asking import ask, route_of

ALL = ("pod_a", "cali_a", "tunl_a", "nic_a", "nic_b", "tunl_b", "cali_b", "pod_b")
ROLES = {"pod_a": Role.POD, "cali_a": Role.CALI, "cali_b": Role.CALI, "pod_b": Role.POD}
TRAFFIC_WORKS = (
    "11",
    "14",
    "15",
    "19",
    "43",
    "50",
    "52",
    "54",
    "61",
)  # faults that lose nothing where it was captured, or tell


def answer(ways: Ways, folder: Path, *places: str) -> TraceReport:
    named = dict(zip(places, ways.captures(*places), strict=True))
    points = tuple(PointOption(place, ROLES[place]) for place in places if place in ROLES)
    return ask(folder, named, source=POD_A, destination=POD_B, points=points)


def there(report: TraceReport) -> RouteReport:
    return route_of(report, POD_A, POD_B)


@pytest.mark.parametrize("number", HEALTHY)
def test_nothing_is_lost_where_nothing_is(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder(number))
    report = trace(RunOptions(tuple(path.name for path in captures(number))), TraceOptions())
    assert {route.state for route in report.routes} <= {WayState.ARRIVES, WayState.FOLLOWED}
    assert not any(route.lost for route in report.routes)


def test_all_that_arrive_are_said_to(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(5)
    report = answer(ways, tmp_path, *ALL)
    assert report.answer.state is WayState.ARRIVES
    assert there(report).ends is None
    assert [stop.packets for stop in there(report).stops] == [5] * 8


def test_what_a_capture_lacks_and_one_beyond_has_is_not_lost(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(5, lost=())
    ways.frames["nic_b"] = [entry for number, entry in enumerate(ways.frames["nic_b"]) if number not in (2, 4)]
    report = answer(ways, tmp_path, *ALL)
    assert report.answer.state is WayState.ARRIVES
    assert there(report).lost == 0
    assert sum(hop.missed for hop in there(report).hops) == 2


@pytest.mark.parametrize(
    ("after", "said", "lives"),
    [
        ("cali_a", "end on their own node", "the pod's egress policy and the routes"),
        ("tunl_a", "end on their own node", "the kernel's tunnel, which wraps packets"),
        ("nic_a", f"leave node {NODE_A} and never reach node {NODE_B}", "the network between nodes"),
        ("nic_b", f"reach node {NODE_B} and end there", "cali-INPUT"),
        ("tunl_b", f"reach node {NODE_B} and end there", "reverse path filtering, the pod's ingress policy"),
    ],
)
def test_where_packets_end_and_what_lives_there(after: str, said: str, lives: str, tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(4, first=1)
    ways.ping(6, first=6, lost_after=after, identifier=9)
    report = answer(ways, tmp_path, *ALL)
    assert report.answer.state is WayState.LOST
    route = there(report)
    assert route.ends is not None
    assert route.ends == ALL.index(after)
    assert lives in (route.there or "")
    assert route.hops[route.ends].flows[0].text.startswith(f"ICMP echo {POD_A} > {POD_B} id 9: 6 of 6 lost")
    (alone,) = [
        found for found in answer_of(ways, tmp_path, 9).routes if (found.source, found.destination) == (POD_A, POD_B)
    ]
    assert said in alone.headline


def answer_of(ways: Ways, folder: Path, identifier: int) -> TraceReport:
    """One conversation alone."""
    named = dict(zip(ALL, ways.captures(*ALL), strict=True))
    points = tuple(PointOption(place, role) for place, role in ROLES.items())
    return ask(folder, named, source=POD_A, destination=POD_B, source_port=identifier, points=points)


def test_a_part_is_lost(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(12, lost_after="nic_a", lost=(3, 6))
    report = answer(ways, tmp_path, *ALL)
    assert report.answer.headline.startswith(f"2 of 12 packets from {POD_A} to {POD_B} are lost between NIC of node")


@pytest.mark.parametrize("number", [number for number in FAULTY if number not in TRAFFIC_WORKS])
def test_faults_that_cost_packets_lead(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder(number))
    report = trace(RunOptions(tuple(path.name for path in captures(number))), TraceOptions())
    worst = report.routes[0]
    assert report.answer.state is worst.state
    if number in ("06",):  # the router that drops them is not captured behind
        assert (worst.state, worst.is_answered) == (WayState.FOLLOWED, False)
    else:
        assert worst.state in (WayState.LOST, WayState.ASTRAY, WayState.LOOP, WayState.REFUSED)


def test_captures_of_different_times_prove_nothing(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(4, first=1)
    early = ways.captures("nic_a", until=8)[0]
    later = Ways()
    later.ping(4, first=20, identifier=9)
    (late,) = later.captures("nic_b", until=30)
    report = ask(tmp_path, {"nic_a": early, "nic_b": late}, source=POD_A, destination=POD_B)
    assert there(report).lost == 0
    assert there(report).state is not WayState.LOST


def test_nothing_behind_is_said_with_the_capture_that_would_tell(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(5, lost_after="nic_a")
    route = there(answer(ways, tmp_path, "pod_a", "nic_a"))
    assert route.state is WayState.FOLLOWED
    assert not route.is_answered
    assert route.beyond is not None and route.beyond.startswith("nothing was captured behind NIC of node")
    assert route.enable is not None and "tcpdump -ni eth0" in route.enable


def test_one_place_alone_is_no_way(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(5)
    report = answer(ways, tmp_path, "nic_a")
    assert report.answer.state is WayState.FOLLOWED
    assert "at no other place" in report.answer.headline


def test_a_capture_that_lost_frames_itself_proves_no_loss(tmp_path: Path) -> None:
    """Of a connection whose SYN was captured more is acknowledged than the far capture shows."""
    ways = Ways()
    ways.ping(3)

    def say(time: float, payload: bytes, flags: str, sequence: int, skip: tuple[str, ...] = ()) -> None:
        data = tcp(payload, flags=flags, source_port=40000, destination_port=80, sequence=sequence, acknowledgement=1)
        ways.send(time, lambda ttl: ipv4(data, POD_A, POD_B, ttl=ttl, id=sequence % 60_000), skip=skip)

    def acknowledge(time: float, flags: str, upto: int) -> None:
        data = tcp(b"", flags=flags, source_port=80, destination_port=40000, sequence=1, acknowledgement=upto)
        ways.send(time, lambda ttl: ipv4(data, POD_B, POD_A, ttl=ttl, id=upto % 60_000), back=True)

    say(6, b"", "S", 1000)
    acknowledge(6.1, "SA", 1001)
    for part in range(10):
        say(7 + part / 10, b"x" * 1000, "PA", 1001 + part * 1000, skip=("nic_b",) if part == 4 else ())
        acknowledge(7.05 + part / 10, "A", 2001 + part * 1000)
    route = there(answer(ways, tmp_path, "nic_a", "nic_b"))
    (hop,) = route.hops
    assert (hop.lost, hop.is_proven) == (1, False)
    assert route.state is WayState.UNSEEN
    assert route.there is None
    assert "bytes that were acknowledged" in route.headline
    assert "1 of 11 not seen further" in hop.flows[0].text
