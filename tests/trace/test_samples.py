"""Traces of the recorded scenarios: every packet of the healthy ones is followed, loss is where it happened."""

from __future__ import annotations

import subprocess
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ipipdiag.trace import routes
from ipipdiag.trace.model import Route, Trace
from ipipdiag.trace.places import Station
from tests.scenarios import HEALTHY, RAGGED, captures, folder
from tests.trace.sample_traces import hop_from, route_of, trace_of

POD_A, POD_B = "10.244.166.179", "10.244.136.13"

QUIET = [number for number in HEALTHY if number not in RAGGED]  # what was sent was captured everywhere


@cache
def traced(number: str) -> Trace:
    return trace_of(captures(number))


@pytest.mark.parametrize("number", HEALTHY)
def test_places_without_a_tie_to_a_pair_are_on_no_way(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = [(route.source, route.destination, stops_of(route)) for route in traced(number).routes]
    everywhere = set(range(len(traced(number).places)))
    monkeypatch.setattr(routes._Ties, "places_for", lambda *_: everywhere)
    of_all = trace_of(captures(number)).routes
    assert [(route.source, route.destination, stops_of(route)) for route in of_all] == ways


def stops_of(route: Route) -> list[tuple[str, Station, bool]]:
    return [(stop.place.label, stop.station, stop.is_order_known) for stop in route.stops]


@pytest.mark.parametrize("number", QUIET)
def test_every_packet_of_a_healthy_cluster_is_followed_to_its_end(number: str) -> None:
    trace = traced(number)
    hops = [hop for route in trace.routes for hop in route.hops]
    assert sum(hop.seen for hop in hops) > 50
    for hop in hops:
        assert (hop.lost, hop.missed, hop.uncovered) == (0, 0, 0)
        assert hop.seen == hop.sent - hop.refused
    assert trace.notes == ()
    assert trace.flow_fraction == 1


@pytest.mark.parametrize("number", QUIET)
def test_no_unit_is_at_a_place_more_often_than_it_was_sent(number: str) -> None:
    """What is sent once is nowhere seen twice: copies of one packet at several points of a place are one sighting."""
    workspace = traced(number).table
    for pair in range(len(workspace.pairs)):
        at_place = []
        for place in workspace.places:
            rows = workspace.at(place.number, np.array([pair], dtype=np.int64))
            at_place.append(Counter(workspace.sightings.unit[rows].tolist()))
        sent = max(at_place, key=lambda units: sum(units.values()))
        for units in at_place:
            assert not units - sent


@pytest.mark.needs_tshark
def test_loss_between_two_nics_is_what_tshark_counts() -> None:
    """25: both NICs show packet by packet what was sent, for offloading was off."""
    counted = []
    for name in ("a-eth0.pcap", "b-eth0.pcap"):
        chosen = f"ip.src#2 == {POD_A} && ip.dst#2 == {POD_B}"
        command = ["tshark", "-r", str(folder("25") / name), "-Y", chosen, "-T", "fields", "-e", "frame.number"]
        counted.append(len(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()))
    assert counted == [222, 212]
    hop = hop_from(route_of(traced("25"), POD_A, POD_B), Station.SOURCE_NIC)
    assert (hop.sent, hop.seen, hop.lost) == (222, 212, 10)


def test_loss_is_on_one_hop_alone() -> None:
    lossy = hop_from(route_of(traced("25"), POD_A, POD_B), Station.SOURCE_NIC)
    for route in traced("25").routes:
        assert [hop.lost for hop in route.hops if hop is not lossy] == [0] * (len(route.hops) - (lossy in route.hops))
    back = hop_from(route_of(traced("25"), POD_B, POD_A), Station.SOURCE_NIC)
    assert (back.sent, back.lost) == (137, 0)


def test_one_large_packet_is_the_ten_that_leave_the_nic() -> None:
    """01: the pod sends 14 kB packets that the NIC's side of the wire shows as full segments, tunl0 merged again."""
    workspace = traced("01").table
    frames = {}
    for place in workspace.places:
        rows = workspace.at(place.number)
        sightings = workspace.sightings
        large = rows[sightings.size[rows] > 0]
        frames[place.label] = len({(int(sightings.point[row]), int(sightings.number[row])) for row in large.tolist()})
    assert frames[f"eth0 of pod {POD_A}"] < frames["NIC of node 10.50.10.33"]


@pytest.mark.parametrize(
    ("number", "last", "next_station"),
    [
        ("07", Station.BETWEEN, Station.BETWEEN),
        ("17", Station.DESTINATION_TUNNEL, Station.DESTINATION_CALI),
        ("28c", Station.DESTINATION_TUNNEL, Station.DESTINATION_CALI),
    ],
)
def test_where_packets_end(number: str, last: Station, next_station: Station) -> None:
    route = route_of(traced(number), POD_A, POD_B)
    ended = [
        (one.station, other.station)
        for one, other, hop in zip(route.stops, route.stops[1:], route.hops, strict=False)
        if hop.lost and hop.seen < hop.sent
    ]
    assert ended == [(last, next_station)]


def test_order_of_captures_does_not_matter() -> None:
    def told(paths: tuple[Path, ...]) -> list[tuple[object, ...]]:
        return sorted(
            (route.source, route.destination, *((hop.sent, hop.seen, hop.lost) for hop in route.hops))
            for route in trace_of(paths).routes
        )

    assert told(captures("25")) == told(captures("25")[::-1])
