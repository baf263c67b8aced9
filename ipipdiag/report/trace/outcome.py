"""What became of the packets of a route, and on which hop: lost, astray, round in a circle, turned down, arrived."""

from __future__ import annotations

from collections.abc import Sequence

from ipipdiag.cluster.model import Cluster
from ipipdiag.points.model import Role
from ipipdiag.protocols import FRAGMENTATION_NEEDED, UNREACHABLE
from ipipdiag.report.trace.model import HopReport, WayState
from ipipdiag.trace.model import Route, Stop
from ipipdiag.trace.places import NODE_ROLES, Station


def outcome_of(route: Route, hops: Sequence[HopReport], cluster: Cluster) -> tuple[WayState, int | None]:
    """What became of a route's packets, and the hop which that is about."""
    losing = [number for number, hop in enumerate(hops) if hop.lost and hop.is_proven]
    worst = max(losing, key=lambda number: hops[number].lost, default=None)
    if _loops(route):
        return WayState.LOOP, worst
    detour = max((number for number, stop in enumerate(route.stops) if _is_astray(stop)), default=None)
    if detour is not None and detour < len(hops) and hops[detour].seen < route.stops[detour].packets:
        return WayState.ASTRAY, detour
    if worst is not None:
        return WayState.LOST, worst
    refusing = max(range(len(hops)), key=lambda number: hops[number].refused, default=0)
    if hops and hops[refusing].refused and _is_too_big(route, route.stops[: refusing + 1]):
        return WayState.REFUSED, refusing
    for number, hop in enumerate(hops):
        start, end = route.stops[number], route.stops[number + 1]
        if start.packets and not end.packets and end.is_expected and not any(
            stop.packets for stop in route.stops[number + 1 :]
        ):  # fmt: skip
            return WayState.UNSEEN, number
        if hop.lost:
            return WayState.UNSEEN, number
    return (WayState.ARRIVES if _has_arrived(route, cluster) else WayState.FOLLOWED), None


def _is_too_big(route: Route, stops: Sequence[Stop]) -> bool:
    """Whether packets of the route were turned down as too big, rather than probes whose TTL ran out."""
    for stop in stops:
        for point in stop.place.points:
            reports = point.facts.icmp_reports
            told = (reports.type == UNREACHABLE) & (reports.code == FRAGMENTATION_NEEDED)
            about = (reports.quoted_source == route.source) & (reports.quoted_destination == route.destination)
            if bool((told & about).any()):
                return True
    return False


def is_nobodys(stop: Stop) -> bool:
    """Whether a stop is at some node of which nothing tells which."""
    return not stop.is_expected and stop.place.node is None and stop.place.role in NODE_ROLES


def _is_astray(stop: Stop) -> bool:
    """Whether packets are at a node that has no business with them."""
    return (
        not stop.is_expected
        and stop.is_order_known
        and stop.packets > 0
        and stop.place.role is Role.NODE
        and not is_nobodys(stop)
    )


def _loops(route: Route) -> bool:
    """Whether some place saw packets of the route go round (facts of the point's loops)."""
    for stop in route.stops:
        for point in stop.place.points:
            loops = point.facts.loops
            if bool(((loops.source == route.source) & (loops.destination == route.destination)).any()):
                return True
    return False


def _has_arrived(route: Route, cluster: Cluster) -> bool:
    """Whether the last place that saw the packets is at the destination."""
    last = next(stop for stop in reversed(route.stops) if stop.packets)
    if last.station >= Station.DESTINATION_CALI:
        return True
    if route.destination in cluster.tunnel_addresses:
        return last.station >= Station.DESTINATION_TUNNEL
    return cluster.is_node(route.destination) and last.station >= Station.DESTINATION_NIC
