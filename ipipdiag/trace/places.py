"""Places: which machine each point belongs to, and which points show the same place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePath

from ipipdiag.addresses import format_address
from ipipdiag.cluster.model import Cluster
from ipipdiag.kinds import Layer, StopReason
from ipipdiag.points.model import Point, Role

NODE_ROLES = (Role.NODE, Role.TUNL0, Role.VXLAN)
TRACED_ROLES = (*NODE_ROLES, Role.POD, Role.CALI, Role.FABRIC)
MOST_CUT = 0.01  # share of packets without ports, from which a point is of no use for matching


class Station(IntEnum):
    """The places on the way from one pod to another, in order."""

    SOURCE_POD = 0
    SOURCE_CALI = 1
    SOURCE_TUNNEL = 2
    SOURCE_NIC = 3
    BETWEEN = 4  # the fabric, and nodes that have no business with the packet
    DESTINATION_NIC = 5
    DESTINATION_TUNNEL = 6
    DESTINATION_CALI = 7
    DESTINATION_POD = 8


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Somewhere packets pass by: one point, or several that show the same place, the one with most frames first.

    ``node`` is the Calico address of the node it belongs to, None where that is not known and of the fabric.
    """

    number: int
    points: tuple[Point, ...]
    node: int | None
    node_source: str
    guessed_pod: int | None = None  # of a pod's link without a packet: the only destination it can be the link of

    @property
    def pods(self) -> tuple[int, ...]:
        """Addresses of the pod at whose link this is; empty elsewhere, and where that is not known."""
        if not self.lead.is_pod_link:
            return ()
        return self.lead.pods or (() if self.guessed_pod is None else (self.guessed_pod,))

    @property
    def lead(self) -> Point:
        """The point that speaks for the place."""
        return self.points[0]

    @property
    def role(self) -> Role:
        """The role its points have in common."""
        return self.lead.role

    @property
    def label(self) -> str:
        """How a report names the place: the interface, and whose it is as far as that is known."""
        if self.guessed_pod is not None:
            return f"the quiet {self.lead.interface_text} in {PurePath(self.lead.input_name).name}"
        if self.pods:
            return f"{self.lead.interface_text} of pod {format_address(self.pods[0])}"
        if self.node is not None:
            return f"{self.lead.interface_text} of node {format_address(self.node)}"
        return self.lead.label


@dataclass(frozen=True, slots=True)
class Untraced:
    """A point that takes no part in matching, and why."""

    point: Point
    reason: str


def find_places(points: Sequence[Point], cluster: Cluster) -> tuple[tuple[Place, ...], tuple[Untraced, ...]]:
    """The places of a run, and the points that cannot be placed on a path."""
    groups: dict[tuple[object, ...], list[Point]] = defaultdict(list)
    nodes: dict[tuple[object, ...], tuple[int | None, str]] = {}
    untraced = []
    named = _names(points, cluster)
    for point in points:
        reason = _why_not(point)
        if reason:
            untraced.append(Untraced(point, reason))
            continue
        node, source = _node_of(point, cluster, named)
        if point.is_pod_link:
            key: tuple[object, ...] = (point.role, point.pods[0] if point.pods else point.id, node)
        else:
            key = (point.role, node if node is not None else point.id)
        groups[key].append(point)
        nodes.setdefault(key, (node, source))
    places = []
    for number, (key, members) in enumerate(groups.items()):
        members.sort(key=lambda point: -point.facts.extent.frames)
        places.append(Place(number, tuple(members), *nodes[key]))
    return tuple(places), tuple(untraced)


def merge_places(places: Sequence[Place]) -> tuple[Place, ...]:
    """The places with those of one role and node made one, numbered anew."""
    groups: dict[tuple[object, ...], list[Place]] = defaultdict(list)
    for place in places:
        shared = place.role in NODE_ROLES and place.node is not None
        groups[(place.role, place.node) if shared else (place.number,)].append(place)
    merged = []
    for number, members in enumerate(groups.values()):
        points = sorted(
            (point for place in members for point in place.points), key=lambda point: -point.facts.extent.frames
        )
        merged.append(Place(number, tuple(points), members[0].node, members[0].node_source))
    return tuple(merged)


def _why_not(point: Point) -> str | None:
    if point.role is Role.ANY:
        return "its records do not say which interface they are from"
    if point.role not in TRACED_ROLES:
        return "where it was taken is not known"
    if point.facts.extent.frames and not len(point.facts.packet_keys) and point.facts.key_halvings:
        return "it has more packets of one flow than are kept for matching"
    stops = point.facts.stops
    cut = (stops.layer == Layer.TRANSPORT) | (stops.layer == Layer.INNER_IPV4)
    cut &= stops.reason == StopReason.CAPTURED_LENGTH
    if int(stops.packets[cut].sum()) > MOST_CUT * max(point.facts.extent.ipv4, 1):
        return f"its snap length {point.snap_length} cuts the headers by which packets are matched"
    return None


def _names(points: Sequence[Point], cluster: Cluster) -> dict[str, int]:
    """Addresses of the nodes that files, flags, or the user's word on a NIC give a name."""
    names = {node.name: node.address for node in cluster.nodes.values() if node.name}
    for point in points:
        if point.node is not None and point.role is Role.NODE and point.own_addresses:
            names.setdefault(point.node, point.own_addresses[0])
    return names


def _node_of(point: Point, cluster: Cluster, named: dict[str, int]) -> tuple[int | None, str]:
    """The node a point belongs to, by its Calico address, and why; None where neither user nor packets tell."""
    if point.role is Role.FABRIC:
        return None, "between nodes"
    told = named.get(point.node) if point.node is not None else None
    if point.role is Role.NODE:
        for address in point.own_addresses:
            if cluster.is_node(address):
                return address, "the address it uses there"
        return (told, "named") if told is not None else (None, "")
    if point.is_pod_link:
        for pod in point.pods:
            route = cluster.owner_of(pod, point.facts.extent.first_ns)
            if route is not None:
                return route.node, f"pod {format_address(pod)} is there: {route.source}"
        for address in point.own_addresses:
            if cluster.is_node(address):
                return address, "the address with which the node asks for the pod"
        for pod in point.pods:
            targets = {
                outer[1] for outer, inner in cluster.wrapped.items() if pod in inner and cluster.is_node(outer[1])
            }
            if len(targets) == 1:
                return targets.pop(), f"packets for pod {format_address(pod)} are sent there"
    if told is not None:
        return told, "named"
    if point.role in (Role.TUNL0, Role.VXLAN):
        return _common_end(point, cluster)
    return None, ""


def home_of(address: int, cluster: Cluster) -> int | None:
    """The node on which an address lives; None where that is not known, or where it is none of the cluster's."""
    if address in cluster.tunnel_addresses:
        return cluster.tunnel_addresses[address]
    if cluster.is_node(address):
        return address
    route = cluster.owner_of(address)
    return route.node if route else None


def _common_end(point: Point, cluster: Cluster) -> tuple[int | None, str]:
    """A node's tunnel device carries what that node sends and receives: one end of every flow is there."""
    common: set[int] | None = None
    for source, destination in set(point.facts.flows.rows("source", "destination")):
        ends = {home for home in (home_of(source, cluster), home_of(destination, cluster)) if home is not None}
        if len(ends) == 2:  # an end that is not known could be the one
            common = ends if common is None else common & ends
    if common is not None and len(common) == 1:
        return next(iter(common)), "one end of every flow there"
    return None, ""
