"""Conversations that go one way through the tunnel and come back bare: strict rp_filter drops what comes so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from ipipdiag.trace.model import Route, Stop, Trace


def nic_forms(route: Route) -> set[bool]:
    """Whether a route's packets are wrapped at the NICs that saw them."""
    return {bool(form.outer_source) for stop in _nics(route) for form in stop.forms}


def is_one_way_bare(route: Route, trace: Trace) -> bool:
    """Whether a route's packets are bare between the nodes while those of the other direction are wrapped."""
    if nic_forms(route) != {False}:
        return False
    return any(
        other.source == route.destination and other.destination == route.source and nic_forms(other) == {True}
        for other in trace.routes
    )


def _nics(route: Route) -> list[Stop]:
    return [stop for stop in route.stops if stop.place.role is Role.NODE and stop.packets]
