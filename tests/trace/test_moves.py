"""Pods that move: their pairs are told once for each home; what is not a move is not split."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from ipipdiag.cluster.model import Cluster, Route
from ipipdiag.report.trace.model import TraceReport, WayState
from ipipdiag.trace.moves import Stay, stays_of
from tests.builders.captures import pcap
from tests.builders.packets import ethernet, icmp_echo, ip_number, ipv4
from tests.checks.world import (
    MAC_NODE_A,
    MAC_NODE_B,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    POD_A,
    POD_B,
    ROUTER,
    Timed,
    at,
    from_a,
    from_b,
    reply,
    request,
    wrapped,
)
from tests.trace.asking import ask

NODE_C, MAC_NODE_C = "192.0.2.13", "02:11:00:00:00:0c"
A, B, C = (ip_number(node) for node in (NODE_A, NODE_B, NODE_C))
POD = ip_number(POD_B)


def seen(node: int, first: int, last: int) -> Route:
    return Route(IPv4Network((POD, 32)), node, first, last, "inferred")


def known(*routes: Route, announced: tuple[Route, ...] = ()) -> Cluster:
    return Cluster(seen_behind={POD: routes}, announced=announced)


@pytest.mark.parametrize("routes", [(seen(B, 0, 9),), (seen(B, 0, 9), seen(C, 5, 20)), ()], ids=["one", "two", "none"])
def test_one_home_and_two_at_a_time_are_no_move(routes: tuple[Route, ...]) -> None:
    assert stays_of(POD, known(*routes)) == ()


def test_homes_one_after_the_other_are() -> None:
    assert stays_of(POD, known(seen(C, 20, 30), seen(B, 0, 9))) == (Stay(B, 0, 9), Stay(C, 20, 30))


def test_announcement_of_the_address_begins_a_stay() -> None:
    """The node's, of this address alone; that of its block says nothing of this pod."""
    announced = Route(IPv4Network((POD, 32)), C, 12, 12, "announced")
    assert stays_of(POD, known(seen(B, 0, 9), announced=(announced,))) == (Stay(B, 0, 9), Stay(C, 12, 12))
    assert stays_of(POD, known(seen(B, 0, 9), seen(C, 20, 30), announced=(announced,)))[1] == Stay(C, 12, 30)
    block = Route(IPv4Network((POD, 28), strict=False), C, 12, 12, "announced")
    assert stays_of(POD, known(seen(B, 0, 9), announced=(block,))) == ()


class Nics:
    """What the NICs of three nodes show; each pings its router, so that they can be told apart."""

    def __init__(self) -> None:
        self.frames: dict[str, list[Timed]] = {"nic_a": [], "nic_b": [], "nic_c": []}
        for place, address, mac in (
            ("nic_a", NODE_A, MAC_NODE_A),
            ("nic_b", NODE_B, MAC_NODE_B),
            ("nic_c", NODE_C, MAC_NODE_C),
        ):
            for second in range(30):
                ping = ipv4(icmp_echo(id=1, sequence=second + 1), address, ROUTER, ttl=64, id=second + 1)
                self.frames[place].append(at(second, ethernet(ping, source=mac, destination=MAC_ROUTER)))

    def pass_by(self, time: float, frame: bytes, *places: str) -> None:
        for late, place in enumerate(places):
            self.frames[place].append(at(time + late * 0.00002, frame))

    def ping_at_b(self, first: int, count: int, number: int = 0) -> None:
        """Requests of pod A for pod B, which is on node B and answers."""
        for sequence in range(count):
            asked, answer = request(number + sequence), reply(number + sequence)
            self.pass_by(first + sequence, from_a(wrapped(asked)), "nic_a", "nic_b")
            self.pass_by(first + sequence + 0.01, from_b(wrapped(answer, NODE_B, NODE_A)), "nic_b", "nic_a")

    def ping_at_c(self, first: int, count: int, number: int, to: str = NODE_C) -> None:
        """The same once the pod is on node C; ``to`` is where the requests go."""
        for sequence in range(count):
            asked, answer = wrapped(request(number + sequence), destination=to), reply(number + sequence)
            target = (MAC_NODE_C, "nic_c") if to == NODE_C else (MAC_NODE_B, "nic_b")
            out = ethernet(asked, source=MAC_NODE_A, destination=target[0])
            self.pass_by(first + sequence, out, "nic_a", target[1])
            back = ethernet(wrapped(answer, NODE_C, NODE_A), source=MAC_NODE_C, destination=MAC_NODE_A)
            self.pass_by(first + sequence + 0.01, back, "nic_c", "nic_a")

    def trace(self, folder: Path) -> TraceReport:
        files = {place: pcap(sorted(frames), nano=True) for place, frames in self.frames.items()}
        return ask(folder, files, source=POD_A, destination=POD_B)


def told(report: TraceReport) -> list[tuple[str | None, WayState, int]]:
    """The routes to pod B: its node, what became of the packets, and how many there are."""
    routes = [route for route in report.routes if route.destination == POD_B]
    return sorted((route.destination_node or "", route.state, route.packets) for route in routes)


def test_packets_before_and_after_a_move_are_two_routes(tmp_path: Path) -> None:
    """One ping that goes on all the while, a request of which the old node hears while the pod is on its way."""
    nics = Nics()
    nics.ping_at_b(2, 4)
    nics.pass_by(7, from_a(wrapped(request(50))), "nic_a", "nic_b")
    nics.ping_at_c(10, 6, number=100)
    assert told(nics.trace(tmp_path)) == [(NODE_B, WayState.FOLLOWED, 5), (NODE_C, WayState.FOLLOWED, 6)]


def test_packets_that_go_on_to_the_old_node_go_astray(tmp_path: Path) -> None:
    nics = Nics()
    nics.ping_at_b(2, 4)
    nics.ping_at_c(10, 6, number=100, to=NODE_B)
    routes = told(nics.trace(tmp_path))
    assert (NODE_C, WayState.ASTRAY) in [route[:2] for route in routes]
    assert (NODE_B, WayState.FOLLOWED) in [route[:2] for route in routes]
