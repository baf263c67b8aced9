"""IPD0006 DuplicateObservations."""

from __future__ import annotations

from ipipdiag.checks.model import Severity, Status
from tests.builders.captures import SLL
from tests.builders.packets import sll
from tests.checks.world import Examination, at, bgp, from_a, pings, request, wrapped


def test_ordinary_traffic_and_next_hops_pass(examine: Examination) -> None:
    hops = [at(30, from_a(request(1, ttl=64))), at(30.0001, from_a(request(1, ttl=63)))]
    assert examine([*bgp(), *pings(), *hops]).status is Status.PASS


def test_mirrored_packets_are_counted_once(examine: Examination) -> None:
    twice = [(time + copy * 1000, frame) for time, frame in pings() for copy in (0, 1)]
    finding = examine(twice).finding
    assert finding.severity is Severity.NOTICE
    assert finding.count == len(pings())


def test_any_without_interface_shows_every_leg(examine: Examination) -> None:
    frames = [at(1, sll(wrapped(request()))), at(1.00001, sll(request()))]
    assert "once for every interface" in examine(frames, link_type=SLL).finding.title
