"""Traces of the recorded scenarios, and what tests ask of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ipipdiag.addresses import parse_address
from ipipdiag.capture import Limits
from ipipdiag.cluster.configuration import Configuration
from ipipdiag.cluster.infer import build_cluster
from ipipdiag.cluster.told import build_told
from ipipdiag.points.placement import place_points
from ipipdiag.run import read_captures
from ipipdiag.trace.build import build_trace
from ipipdiag.trace.model import Hop, Route, Trace
from ipipdiag.trace.places import Station


def trace_of(paths: Sequence[Path]) -> Trace:
    """The trace of some captures, with nothing told."""
    captures, errors = read_captures([str(path) for path in paths], Limits())
    assert not errors
    told = build_told(Configuration(), (), (), ())
    points = place_points(captures, (), {}, {})
    return build_trace(points, build_cluster(points, told))


def route_of(trace: Trace, source: str, destination: str) -> Route:
    """The route between two addresses."""
    ends = (parse_address(source), parse_address(destination))
    (found,) = [route for route in trace.routes if (route.source, route.destination) == ends]
    return found


def hop_from(route: Route, station: Station) -> Hop:
    """The hop that begins at a station."""
    (found,) = [hop for stop, hop in zip(route.stops, route.hops, strict=False) if stop.station is station]
    return found
