"""Points with their facts, as a run makes them of captures, for tests of the stages behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ipipdiag.capture import Limits
from ipipdiag.points.model import Point, PointOption, Role
from ipipdiag.points.placement import place_points
from ipipdiag.run import read_captures
from tests.builders.captures import pcap


def points_of(folder: Path, *captures: Sequence[tuple[int, bytes]], role: Role | None = None) -> tuple[Point, ...]:
    """A point a capture, given as timed frames; ``role`` places them all."""
    names = []
    for position, frames in enumerate(captures):
        path = folder / f"x{position}"
        path.write_bytes(pcap(sorted(frames), nano=True))
        names.append(str(path))
    read, errors = read_captures(names, Limits())
    assert not errors
    return place_points(read, [PointOption(name, role) for name in names] if role else [], {})
