"""Single packets on their way: which sighting at one place is which at the next, for the packets of two addresses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.trace.hops import TOLERANCE_NS, corrected_times
from ipipdiag.trace.matching import match
from ipipdiag.trace.model import Route
from ipipdiag.trace.timeline import Timeline
from ipipdiag.trace.workspace import Workspace

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A packet at a place: which point saw it, in which frame (counted through all files of the capture), and when by
    the clock of the run.
    """

    place: int
    input: str
    number: int
    time_ns: int
    is_wrapped: bool


@dataclass(frozen=True, slots=True)
class Transmission:
    """One packet as it was sent, with its sightings along the way.

    ``lost_after`` is the place behind which it was lost, None where it was not, or where that is not known.
    """

    route: Route
    sightings: tuple[Sighting, ...]
    lost_after: int | None
    size: int


class Transmissions:
    """All packets of one route."""

    def __init__(self, workspace: Workspace, timeline: Timeline, route: Route) -> None:
        self._workspace = workspace
        self._timeline = timeline
        self.route = route
        self._rows = np.zeros((0, len(route.stops)), dtype=np.int64)  # of the sightings, a row a packet; -1: not seen
        self._times = corrected_times(workspace.sightings, workspace, timeline)
        self._follow()
        self._lost = {(hop.start.number, *frame): hop.start.number for hop in route.hops for frame in hop.lost_frames}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def first_times(self) -> Int64:
        """When each packet was first seen, in the order of the packets."""
        first = np.argmax(self._rows >= 0, axis=1)
        times: Int64 = self._times[self._rows[np.arange(len(self._rows)), first]]
        return times

    def lost_positions(self) -> list[int]:
        """Positions of the packets that are known as lost, as far as their frames are."""
        return [position for position in self._candidates() if self[position].lost_after is not None]

    def _candidates(self) -> list[int]:
        numbers = np.array(sorted({number for _, _, number in self._lost}), dtype=np.int64)
        seen = self._workspace.sightings.number[np.maximum(self._rows, 0)].astype(np.int64)
        hit = (np.isin(seen, numbers) & (self._rows >= 0)).any(axis=1)
        return np.flatnonzero(hit).tolist()

    def __getitem__(self, position: int) -> Transmission:
        workspace = self._workspace
        sightings = []
        lost_after = None
        size = 0
        for stop, row in zip(self.route.stops, self._rows[position].tolist(), strict=True):
            if row < 0:
                continue
            table = workspace.sightings
            entry = workspace.points[int(table.point[row])].input
            number = int(table.number[row])
            sightings.append(
                Sighting(stop.place.number, entry, number, int(self._times[row]), bool(table.is_wrapped[row]))
            )
            size = int(table.size[row])
            lost_after = self._lost.get((stop.place.number, entry, number), lost_after)
        if lost_after is not None and sightings[-1].place != lost_after:
            lost_after = None  # another piece of the same frame was lost, not this one
        return Transmission(self.route, tuple(sightings), lost_after, size)

    def _follow(self) -> None:
        """Lay the sightings of each place beside those of the places before it."""
        workspace = self._workspace
        number = next(
            position
            for position, pair in enumerate(workspace.pairs)
            if (pair.source, pair.destination) == (self.route.source, self.route.destination)
            and pair.homes in (None, (self.route.source_node, self.route.destination_node))
        )
        pair = np.array([number], dtype=np.int64)
        latest = np.zeros(0, dtype=np.int64)  # row of each packet's latest sighting
        unit = workspace.sightings.unit
        for column, stop in enumerate(self.route.stops):
            here = workspace.at(stop.place.number, pair)
            tolerance = TOLERANCE_NS + self._error_before(column)
            matches = match(unit[latest], self._times[latest], unit[here], self._times[here], tolerance)
            self._rows[matches.earlier, column] = here[matches.later]
            latest[matches.earlier] = here[matches.later]
            new = np.setdiff1d(np.arange(len(here)), matches.later)
            fresh = np.full((len(new), self._rows.shape[1]), -1, dtype=np.int64)
            fresh[:, column] = here[new]
            self._rows = np.concatenate([self._rows, fresh])
            latest = np.concatenate([latest, here[new]])
        if len(self._rows):
            self._rows = self._rows[np.argsort(self.first_times, kind="stable")]

    def _error_before(self, column: int) -> int:
        """How far the clocks of a stop and the one before it may be apart, as far as that is known."""
        stops = self.route.stops
        return self._timeline.error_between(stops[column - 1].place, stops[column].place) or 0 if column else 0
