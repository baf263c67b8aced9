"""Which packets the ladder shows: of the finding that leads, the lost ones with their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ipipdiag.addresses import format_address
from ipipdiag.cluster.model import Cluster
from ipipdiag.report.exhibits.topology import integers
from ipipdiag.report.exhibits.transmissions import Transmission, Transmissions
from ipipdiag.report.model import Report
from ipipdiag.report.wording import root_of
from ipipdiag.trace.model import Route, Trace

MOST_ROWS = 18
MOST_LOST = 8
FIRST_ROWS = 4


@dataclass(frozen=True, slots=True)
class Rung:
    """A packet of the ladder; ``skipped`` are packets between the one above it and this one."""

    packet: Transmission
    is_forward: bool
    skipped: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """The packets of two addresses both ways, in the order of time, across the places of the way there."""

    route: Route
    ends: tuple[str, str]
    rungs: tuple[Rung, ...]
    total: int


def find_ladder(report: Report, cluster: Cluster, trace: Trace) -> Ladder | None:
    """The ladder of the run; None where no packet was seen at two places."""
    ways = _both_ways(report, trace)
    if not ways:
        return None
    order = sorted(
        (time_ns, way, position)
        for way, packets in enumerate(ways)
        for position, time_ns in enumerate(packets.first_times.tolist())
    )
    at = {(way, position): rank for rank, (_, way, position) in enumerate(order)}
    lost = sorted(at[way, position] for way, packets in enumerate(ways) for position in packets.lost_positions())
    rungs = []
    before = -1
    for rank in _chosen(lost, len(order)):
        _, way, position = order[rank]
        rungs.append(Rung(ways[way][position], way == 0, rank - before - 1))
        before = rank
    route = ways[0].route
    return Ladder(route, (_name(route.source, cluster), _name(route.destination, cluster)), tuple(rungs), len(order))


def _both_ways(report: Report, trace: Trace) -> list[Transmissions]:
    """The packets of the route and those that come back; where nothing is lost, those first that come first."""
    route = _route(report, trace)
    if route is None or trace.table is None or trace.timeline is None:
        return []
    ends = (route.destination, route.source)
    back = next((other for other in trace.routes if (other.source, other.destination) == ends), None)
    ways = [Transmissions(trace.table, trace.timeline, way) for way in (route, back) if way is not None and way.packets]
    if not any(_lost(way.route) for way in ways):
        ways.sort(key=lambda way: int(way.first_times[0]))
    return ways


def _name(address: int, cluster: Cluster) -> str:
    name = cluster.name_of(address)
    return f"{name} ({format_address(address)})" if name else format_address(address)


def _chosen(lost: Sequence[int], total: int) -> list[int]:
    """Ranks of the packets to draw: the first few, then the lost ones with one before and two after each."""
    chosen = set(range(min(FIRST_ROWS if lost else MOST_ROWS, total)))
    for rank in lost[:MOST_LOST]:
        for near in (rank, rank + 1, rank - 1, rank + 2):
            if 0 <= near < total and len(chosen) < MOST_ROWS:
                chosen.add(near)
    for rank in range(total):
        if len(chosen) >= MOST_ROWS:
            break
        chosen.add(rank)
    return sorted(chosen)


def _route(report: Report, trace: Trace) -> Route | None:
    """The route that the finding that leads is about; without one, the route that lost most, or has most packets."""
    routes = [route for route in trace.routes if sum(stop.packets > 0 for stop in route.stops) > 1 or _lost(route)]
    if not routes:
        return None
    root = root_of(report)
    first_node = next(iter(integers(root.subject.nodes)), None) if root else None
    named = {*integers(root.subject.addresses), *integers(root.subject.nodes)} if root else set()

    def weight(route: Route) -> tuple[int, bool, bool, bool, int, int]:
        ends = (route.source in named) + (route.destination in named)
        nodes = route.source_node in named and route.destination_node in named
        is_same_way = route.source_node is not None and route.source_node == first_node
        return ends, nodes, _lost(route) > 0, is_same_way, _lost(route), route.packets

    return max(routes, key=weight)


def _lost(route: Route) -> int:
    return sum(hop.lost for hop in route.hops)
