"""What passes between two nodes: all their routes in one direction and of one kind, added up place by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ipipdiag.cluster.model import Cluster
from ipipdiag.points.model import Role
from ipipdiag.trace.model import Route, Trace
from ipipdiag.trace.places import Place, Station

BETWEEN_NODES = (Station.SOURCE_NIC, Station.BETWEEN, Station.DESTINATION_NIC)


@dataclass(frozen=True, slots=True)
class Sight:
    """A place on a lane: packets seen there, and lost between the one before it and this one."""

    place: Place
    packets: int
    lost: int


@dataclass(frozen=True, slots=True)
class Lane:
    """The packets from one node to another, of pods or of the nodes themselves, from NIC to NIC.

    ``wrapped`` and ``bare`` say in which forms they were seen; ``routers`` is how many took one from the outer TTL on
    the way, None where that does not show.
    """

    source: int
    destination: int
    is_pods: bool
    sights: tuple[Sight, ...]
    wrapped: bool
    bare: bool
    routers: int | None

    @property
    def lost(self) -> int:
        """Packets lost on the way from NIC to NIC."""
        return sum(sight.lost for sight in self.sights)


def lanes_between(trace: Trace, cluster: Cluster, one: int, other: int) -> list[Lane]:
    """The lanes there and back: pods first, then the nodes themselves (BGP and the like)."""
    lanes = []
    for is_pods in (True, False):
        for source, destination in ((one, other), (other, one)):
            routes = [
                route
                for route in trace.routes
                if (route.source_node, route.destination_node) == (source, destination)
                and (cluster.is_node(route.source) and cluster.is_node(route.destination)) is not is_pods
            ]
            lane = _lane(routes, source, destination, is_pods=is_pods)
            if lane is None and is_pods:
                lane = _tunnel(trace, source, destination)
            if lane is not None:
                lanes.append(lane)
    return lanes


def _lane(routes: Sequence[Route], source: int, destination: int, *, is_pods: bool) -> Lane | None:
    order: dict[int, Place] = {}
    packets: dict[int, int] = {}
    lost: dict[int, int] = {}
    wrapped, bare = False, False
    ttls: dict[Station, int] = {}
    for route in sorted(routes, key=lambda route: -len(route.stops)):
        numbers = set()
        for stop in route.stops:
            if stop.station not in BETWEEN_NODES or not stop.is_expected:
                continue
            number = stop.place.number
            numbers.add(number)
            order.setdefault(number, stop.place)
            packets[number] = packets.get(number, 0) + stop.packets
            for form in stop.forms:
                wrapped |= bool(form.outer_source)
                bare |= not form.outer_source
                if form.outer_source:
                    ttls.setdefault(stop.station, form.ttl - form.outer_ttl)
        for hop in route.hops:
            if hop.end.number in numbers and hop.start.number in numbers:
                lost[hop.end.number] = lost.get(hop.end.number, 0) + hop.lost
    if not any(packets.values()):
        return None
    sights = tuple(Sight(place, packets[number], lost.get(number, 0)) for number, place in order.items())
    fallen = ttls.get(Station.DESTINATION_NIC)
    routers = fallen if fallen is not None and fallen >= 0 else None
    return Lane(source, destination, is_pods, sights, wrapped, bare, routers)


def _tunnel(trace: Trace, source: int, destination: int) -> Lane | None:
    """What is wrapped between two nodes though neither is an end of its way: in a routing loop, or on a detour."""
    sights = []
    for node in (source, destination):
        for place in trace.places:
            if place.role is Role.NODE and place.node == node:
                tunnels = place.lead.facts.tunnels
                ours = (tunnels.outer_source == source) & (tunnels.outer_destination == destination)
                sights.append(Sight(place, int(tunnels.packets[ours].sum()), 0))
    seen = tuple(sight for sight in sights if sight.packets)
    return Lane(source, destination, True, seen, True, False, None) if seen else None
