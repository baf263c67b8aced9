"""``ipipdiag trace`` without the command line: captures given as bytes, and what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ipipdiag.points.model import PointOption
from ipipdiag.report.trace.model import RouteReport, TraceReport
from ipipdiag.run import RunOptions, TraceOptions, trace
from ipipdiag.trace.query import ANY_PORT, EndOption, FrameOption


def ask(
    folder: Path,
    captures: Mapping[str, bytes],
    *,
    source: str | None = None,
    destination: str | None = None,
    source_port: int = ANY_PORT,
    destination_port: int = ANY_PORT,
    frame: tuple[str, int] | None = None,
    points: tuple[PointOption, ...] = (),
) -> TraceReport:
    """The answer about captures that are written to a folder under the names given."""
    paths = []
    for name, data in captures.items():
        path = folder / name
        path.write_bytes(data)
        paths.append(str(path))
    asked = TraceOptions(
        EndOption(source, source_port) if source else None,
        EndOption(destination, destination_port) if destination else None,
        FrameOption(*frame) if frame else None,
    )
    return trace(RunOptions(tuple(paths), points=points), asked)


def route_of(report: TraceReport, source: str, destination: str) -> RouteReport:
    """The one route between two addresses."""
    (found,) = [route for route in report.routes if (route.source, route.destination) == (source, destination)]
    return found
