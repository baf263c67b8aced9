"""Which places lie on the way between two addresses, and in which order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ipipdiag.cluster.model import Cluster
from ipipdiag.cluster.rules import expected_form
from ipipdiag.facts.groups import Groups
from ipipdiag.points.model import Role
from ipipdiag.table import distinct
from ipipdiag.trace.places import Place, Station
from ipipdiag.trace.workspace import NodePair, Pair, Workspace, pair_nodes, time_gains

_AT_SOURCE = {
    Role.NODE: Station.SOURCE_NIC, Role.TUNL0: Station.SOURCE_TUNNEL, Role.VXLAN: Station.SOURCE_TUNNEL,
    Role.CALI: Station.SOURCE_CALI, Role.POD: Station.SOURCE_POD,
}  # fmt: skip
_AT_DESTINATION = {
    Role.NODE: Station.DESTINATION_NIC, Role.TUNL0: Station.DESTINATION_TUNNEL, Role.VXLAN: Station.DESTINATION_TUNNEL,
    Role.CALI: Station.DESTINATION_CALI, Role.POD: Station.DESTINATION_POD,
}  # fmt: skip
TUNNEL_ROLES = (Role.TUNL0, Role.VXLAN)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a place saw of a pair: units, and the highest TTL."""

    packets: int
    ttl_max: int


@dataclass(frozen=True, slots=True)
class PlannedStop:
    """A place on the way of a pair; expected there, or merely seen (a detour)."""

    place: Place
    station: Station
    is_expected: bool
    is_order_known: bool
    seen: Seen | None


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """The way of a pair before anything is counted on it."""

    pair: int
    ends: Pair
    source_node: int | None
    destination_node: int | None
    is_wrapped: bool | None
    stops: tuple[PlannedStop, ...]


def plan_routes(workspace: Workspace, cluster: Cluster) -> tuple[RoutePlan, ...]:
    """The way of every pair of addresses that any place saw."""
    seen = presence(workspace)
    forms = _forms(workspace)
    nodes = pair_nodes(workspace, cluster)
    ties = _ties(workspace.places, {(nodes[pair], workspace.places[place]) for pair, place in seen})
    distances = _distances(workspace, nodes)
    plans = []
    by_pair: dict[int, dict[int, Seen]] = defaultdict(dict)
    for (pair_number, place_number), found in seen.items():
        by_pair[pair_number][place_number] = found
    for number, pair in enumerate(workspace.pairs):
        here = by_pair[number]
        plans.append(_plan(workspace, cluster, number, pair, nodes[number], here, forms, ties, distances))
    return tuple(plans)


@dataclass(frozen=True, slots=True)
class _Ties:
    """What ties a place to the pairs on whose way it may lie; places by their numbers."""

    to_pod: dict[int, set[int]]  # links of a pod
    to_node: dict[int, set[int]]
    to_node_pair: dict[NodePair, set[int]]  # of the fabric, what saw any pair of addresses between two nodes
    adrift: set[int]  # of a node that is not known: any pair's

    def places_for(self, pair: Pair, nodes: NodePair) -> set[int]:
        """All places that have some tie with a pair of addresses."""
        ends = [self.to_pod.get(end, set()) for end in (pair.source, pair.destination)]
        homes = [self.to_node.get(node, set()) for node in nodes if node is not None]
        return self.adrift.union(self.to_node_pair.get(nodes, ()), *ends, *homes)


def _ties(places: Sequence[Place], seen: set[tuple[NodePair, Place]]) -> _Ties:
    """The ties of all places; ``seen`` are the pairs of nodes that each saw addresses of."""
    ties = _Ties(defaultdict(set), defaultdict(set), defaultdict(set), set())
    for nodes, place in seen:
        if place.role is Role.FABRIC:
            ties.to_node_pair[nodes].add(place.number)
    for place in places:
        for pod in place.pods:
            ties.to_pod[pod].add(place.number)
        if place.node is not None:
            ties.to_node[place.node].add(place.number)
        elif not place.lead.is_pod_link and place.role is not Role.FABRIC:
            ties.adrift.add(place.number)
    return ties


def presence(workspace: Workspace) -> dict[tuple[int, int], Seen]:
    """What each place saw of each pair, by the numbers of pair and place."""
    key = (workspace.pair << 20) | workspace.place
    groups = Groups.of([key])
    count, highest = np.bincount(groups.codes), groups.largest(workspace.sightings.ttl)
    mask = (1 << 20) - 1
    return {
        (value >> 20, value & mask): Seen(packets, ttl)
        for value, packets, ttl in sorted(
            zip(key[groups.first].tolist(), count.tolist(), highest.tolist(), strict=True)
        )
    }


def _forms(workspace: Workspace) -> dict[int, set[bool]]:
    """Whether the packets of each pair are wrapped on the node network: both answers where both were seen."""
    nics = np.array(
        [place.number for place in workspace.places if place.role in (Role.NODE, Role.FABRIC)], dtype=np.int64
    )
    rows = np.isin(workspace.place, nics)
    key = distinct((workspace.pair[rows] << 1) | workspace.sightings.is_wrapped[rows])
    forms: dict[int, set[bool]] = defaultdict(set)
    for value in key.tolist():
        forms[value >> 1].add(bool(value & 1))
    return forms


def _plan(
    workspace: Workspace,
    cluster: Cluster,
    number: int,
    pair: Pair,
    nodes: NodePair,
    seen: dict[int, Seen],
    forms: dict[int, set[bool]],
    ties: _Ties,
    distances: dict[NodePair, dict[int, int]],
) -> RoutePlan:
    source_node, destination_node = nodes
    is_wrapped = _is_wrapped(workspace, cluster, pair, nodes, forms.get(number, set()), seen)
    stops = []
    carrying = ties.to_node_pair.get(nodes, set())
    for place in (workspace.places[number] for number in sorted(ties.places_for(pair, nodes).union(seen))):
        found = seen.get(place.number)
        station, is_expected = _station(place, pair, nodes, is_wrapped, cluster, place.number in carrying)
        if station is None and found is not None and not place.lead.is_pod_link:
            station, is_expected = Station.BETWEEN, False
        if station is None or (found is None and not is_expected):
            continue
        stops.append(PlannedStop(place, station, is_expected, True, found))
    return RoutePlan(
        number, pair, source_node, destination_node, is_wrapped, _in_order(stops, distances.get(nodes, {}))
    )


def _is_wrapped(
    workspace: Workspace,
    cluster: Cluster,
    pair: Pair,
    nodes: NodePair,
    forms: set[bool],
    seen: dict[int, Seen],
) -> bool | None:
    """Whether the pair's packets are wrapped between the nodes: as seen there, else as Calico's rule says."""
    if forms:
        return True in forms
    if any(workspace.places[place].role is Role.TUNL0 for place in seen):
        return True
    if nodes[0] is None or nodes[1] is None or not cluster.is_pod(pair.destination):
        return None
    return expected_form(cluster, nodes[0], nodes[1], pair.destination).wrapped


def _station(
    place: Place,
    pair: Pair,
    nodes: NodePair,
    is_wrapped: bool | None,
    cluster: Cluster,
    carries_node_pair: bool,
) -> tuple[Station | None, bool]:
    """Where on the way a place lies, and whether packets must pass it; None where it has no business with the pair."""
    source_node, destination_node = nodes
    if place.lead.is_pod_link:
        if pair.source in place.pods:
            return _AT_SOURCE[place.role], True
        return (_AT_DESTINATION[place.role], True) if pair.destination in place.pods else (None, False)
    if place.role is Role.FABRIC:
        return (Station.BETWEEN, True) if carries_node_pair else (None, False)
    if source_node is not None and source_node == destination_node:
        return None, False
    if place.role in TUNNEL_ROLES and is_wrapped is False and place.role is Role.TUNL0:
        return None, False
    # whether it leaves the node at all is known where the other end is known to be elsewhere
    leaves = destination_node is not None or not (
        cluster.is_pod(pair.destination) or pair.destination in cluster.services
    )
    known_form = place.role is Role.NODE or is_wrapped is True
    if place.node is not None and place.node == source_node:
        return _AT_SOURCE[place.role], leaves and known_form
    if place.node is not None and place.node == destination_node:
        return _AT_DESTINATION[place.role], known_form
    if place.node is None and place.role in TUNNEL_ROLES:
        return (Station.SOURCE_TUNNEL, False)
    return None, False


def _in_order(stops: list[PlannedStop], distances: dict[int, int]) -> tuple[PlannedStop, ...]:
    """Along the way; between the nodes by falling TTL, by what is lost on the way, and by the distance from the source.

    ``distances`` are round trips in nanoseconds from the source's NIC. Where none of these tells, the order is not
    known.
    """

    def position(stop: PlannedStop) -> tuple[int, int, int, int]:
        seen = stop.seen or Seen(0, 0)
        if stop.station is not Station.BETWEEN:
            return stop.station, 0, 0, 0
        return stop.station, -seen.ttl_max, -seen.packets, distances.get(stop.place.number, 0)

    ordered = sorted(stops, key=position)
    places = [position(stop) for stop in ordered]
    return tuple(replace(stop, is_order_known=_is_alone(stop, places.count(position(stop)))) for stop in ordered)


def _is_alone(stop: PlannedStop, same: int) -> bool:
    """Whether nothing else could be at a stop's position: not where a tunnel device could be either node's."""
    is_adrift = stop.place.node is None and stop.place.role in TUNNEL_ROLES
    return not is_adrift and (same == 1 or stop.station is not Station.BETWEEN)


def _distances(workspace: Workspace, nodes: list[NodePair]) -> dict[NodePair, dict[int, int]]:
    """For each pair of nodes, the round trip from the source's NIC to each point of the fabric between them.

    The fastest packet there and the fastest back: their sum is the same whatever the clocks say.
    """
    fabrics = [place for place in workspace.places if place.role is Role.FABRIC]
    nics = {place.node: place for place in workspace.places if place.role is Role.NODE}
    found: dict[NodePair, dict[int, int]] = defaultdict(dict)
    if len(fabrics) < 2:
        return found
    for ends in {pair for pair in nodes if pair[0] in nics and None not in pair}:
        out = np.array([number for number, pair in enumerate(nodes) if pair == ends], dtype=np.int64)
        back = np.array([number for number, pair in enumerate(nodes) if pair == ends[::-1]], dtype=np.int64)
        for fabric in fabrics:
            gains = (
                time_gains(workspace, nics[ends[0]], fabric, out),
                time_gains(workspace, fabric, nics[ends[0]], back),
            )
            if min(len(gain) for gain in gains):
                found[ends][fabric.number] = int(gains[0].min() + gains[1].min())
    for (source, destination), places in list(found.items()):  # from the other end it is the other way round
        for number, distance in places.items():
            found[destination, source].setdefault(number, -distance)
    return found
