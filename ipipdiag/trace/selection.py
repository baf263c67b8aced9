"""Routes that a user asks for: by the addresses at their ends, or some conversations between them alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ipipdiag.cluster.model import Cluster
from ipipdiag.table import distinct, is_among
from ipipdiag.trace.build import measure_routes
from ipipdiag.trace.model import Route, Trace
from ipipdiag.trace.query import ANY_PORT, End, Query
from ipipdiag.trace.routes import RoutePlan, plan_routes, presence
from ipipdiag.trace.workspace import Workspace


def routes_between(trace: Trace, cluster: Cluster, source: End | None, destination: End | None) -> tuple[Route, ...]:
    """The routes from one end to the other (None: any), where ports are given with nothing but these flows counted.

    An address counts that the packets bear anywhere on the way: that of a service, or one they are translated to.
    """
    ports = [ANY_PORT if end is None else end.port for end in (source, destination)]
    routes = trace.routes if ports == [ANY_PORT, ANY_PORT] else _narrowed(trace, cluster, *ports)
    return tuple(route for route in routes if _leads(route, source, destination))


def asked_routes(trace: Trace, cluster: Cluster, query: Query) -> tuple[Route, ...]:
    """The routes of a query; of one between two ends also those of the answers."""
    routes = routes_between(trace, cluster, query.source, query.destination)
    if query.source is None or query.destination is None:
        return routes
    known = {(route.source, route.destination) for route in routes}
    back = routes_between(trace, cluster, query.destination, query.source)
    return (*routes, *(route for route in back if (route.source, route.destination) not in known))


def _leads(route: Route, source: End | None, destination: End | None) -> bool:
    ends: Iterable[tuple[int, int]] = ((route.source, route.destination), *route.translations)
    return (source is None or any(source.holds(one) for one, _ in ends)) and (
        destination is None or any(destination.holds(other) for _, other in ends)
    )


def _narrowed(trace: Trace, cluster: Cluster, source_port: int, destination_port: int) -> tuple[Route, ...]:
    """All routes, counted for flows from one port to another; a flow whose port is translated has both."""
    workspace = trace.table
    if workspace is None or trace.timeline is None:
        return ()
    flows = workspace.flows
    wanted = np.ones(len(flows), dtype=np.bool_)
    for port, column in ((source_port, flows.source_port), (destination_port, flows.destination_port)):
        if port != ANY_PORT:
            wanted &= column == port
    units = distinct(workspace.sightings.unit[wanted[workspace.sightings.flow]])
    kept = is_among(workspace.sightings.unit, units)
    narrow = replace(
        workspace,
        sightings=workspace.sightings.select(kept),
        place=workspace.place[kept],
        pair=workspace.pair[kept],
    )
    plans = _seen_in(plan_routes(workspace, cluster), narrow)
    return measure_routes(narrow, plans, trace.timeline, flows.hash[distinct(narrow.sightings.flow)])


def _seen_in(plans: tuple[RoutePlan, ...], workspace: Workspace) -> list[RoutePlan]:
    """The plans with what is seen of the chosen flows; the order of the places stays that of all packets."""
    seen = presence(workspace)
    planned = []
    for plan in plans:
        stops = (replace(stop, seen=seen.get((plan.pair, stop.place.number))) for stop in plan.stops)
        planned.append(replace(plan, stops=tuple(stop for stop in stops if stop.seen or stop.is_expected)))
    return planned
