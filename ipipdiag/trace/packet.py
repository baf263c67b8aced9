"""One packet: where and when each point saw it, and where its way ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ipipdiag.cluster.model import Cluster
from ipipdiag.points.model import Point
from ipipdiag.table import distinct, is_among
from ipipdiag.trace.hops import TOLERANCE_NS, corrected_times, count_hop
from ipipdiag.trace.matching import match
from ipipdiag.trace.model import Trace
from ipipdiag.trace.places import Place
from ipipdiag.trace.routes import RoutePlan, plan_routes
from ipipdiag.trace.timeline import Timeline, machine_of
from ipipdiag.trace.workspace import Workspace, pair_of_each

Int64 = npt.NDArray[np.int64]
Index = npt.NDArray[np.intp]


class Fate(StrEnum):
    """What is known of a packet at the place behind the last one that saw it."""

    LOST = "lost"  # sent while that place was captured, and not there
    REFUSED = "refused"  # too big, and its sender was told
    ANSWERED = "answered"  # not there, but answered: that capture lacks it
    UNKNOWN = "unknown"  # sent outside the time of that capture, or its order among the places is not known
    END = "end"  # no place behind it was captured


@dataclass(frozen=True, slots=True)
class Sighting:
    """A packet at one point: in which frames, and how it looked there.

    ``time_ns`` is that of the first frame by the point's own clock, ``common_ns`` by the reference clock, None where
    the two are not comparable. ``size`` are the bytes of the packet that these frames carry, as ``PacketWay.size``
    counts.
    """

    place: Place
    point: Point
    frames: tuple[int, ...]
    time_ns: int
    common_ns: int | None
    source: int
    destination: int
    ttl: int
    is_wrapped: bool
    size: int


@dataclass(frozen=True, slots=True)
class PacketWay:
    """The way of one packet. ``size`` are bytes of sequence space of TCP, of the packet elsewhere.

    ``transmission`` of ``transmissions`` says which sending of the same bytes it is. ``last`` is the last place that
    saw it and ``following`` the one behind, None where that was not captured.
    """

    source: int
    destination: int
    size: int
    transmission: int
    transmissions: int
    sightings: tuple[Sighting, ...]
    last: Place
    following: Place | None
    fate: Fate


def follow_packet(trace: Trace, cluster: Cluster, point: Point, number: int) -> PacketWay | None:
    """The way of the packet in a frame of a point; None where that frame takes no part in matching."""
    workspace, timeline = trace.table, trace.timeline
    if workspace is None or timeline is None:
        return None
    position = next((place for place, known in enumerate(workspace.points) if known is point), None)
    sightings = workspace.everywhere
    asked = np.flatnonzero((sightings.point == position) & (sightings.number == number))
    if position is None or len(asked) == 0:
        return None
    pair = int(pair_of_each(sightings.select(asked[:1]), workspace.pair_of_flow, workspace.moved)[0])
    plans = plan_routes(workspace, cluster)
    plan = next((plan for plan in plans if plan.pair == pair), None)
    if plan is None or not any(point in stop.place.points for stop in plan.stops):
        return None
    search = _Search(workspace, timeline, plan, position, asked)
    rows = search.rows_by_point()
    return search.way(plans, rows)


class _Search:
    """Looks for the packet of some rows of one point at all others."""

    def __init__(self, workspace: Workspace, timeline: Timeline, plan: RoutePlan, position: int, asked: Index) -> None:
        self._workspace, self._timeline, self._plan = workspace, timeline, plan
        self._sightings = workspace.everywhere
        self._units = distinct(self._sightings.unit[asked])
        self._rows = np.flatnonzero(is_among(self._sightings.unit, self._units))
        self._times = corrected_times(self._sightings.select(self._rows), workspace, timeline)
        self._position = position
        self._numbers = {id(point): number for number, point in enumerate(workspace.points)}
        here = self._first_passes(position)
        self._asked = self._as_first_pass(here, np.searchsorted(self._rows, asked))
        self._transmissions = here

    def rows_by_point(self) -> dict[int, Index]:
        """The packet's rows (of all sightings) at each point, by the point's number."""
        own = self._stop_of(self._position)
        found = {}
        for number, stop in enumerate(self._plan.stops):
            for point in stop.place.points:
                position = self._numbers[id(point)]
                chosen = self._asked if position == self._position else self._same_at(position, own, number)
                if self._is_sent_once():  # then what passes again with a lower TTL is this packet as well
                    chosen = np.flatnonzero(self._sightings.point[self._rows] == position)
                if len(chosen):
                    found[position] = self._rows[chosen]
        return found

    def way(self, plans: Sequence[RoutePlan], rows: dict[int, Index]) -> PacketWay:
        """The sightings in the order of the way, and the end of it."""
        seen = [number for number, stop in enumerate(self._plan.stops) if self._is_seen(stop.place, rows)]
        stops = [stop.place for stop in self._plan.stops]
        last = stops[seen[-1]]
        following = stops[seen[-1] + 1] if seen[-1] + 1 < len(stops) else None
        transmission, transmissions = self._count_transmissions()
        return PacketWay(
            source=self._plan.ends.source,
            destination=self._plan.ends.destination,
            size=self._size(self._rows[self._asked]),
            transmission=transmission,
            transmissions=transmissions,
            sightings=tuple(sighting for place in stops for sighting in self._sightings_at(place, rows)),
            last=last,
            following=following,
            fate=Fate.END if following is None else self._fate(plans, last, following, rows),
        )

    def _stop_of(self, position: int) -> int:
        point = self._workspace.points[position]
        return next(number for number, stop in enumerate(self._plan.stops) if point in stop.place.points)

    def _first_passes(self, position: int) -> Index:
        """Rows at a point before anything was forwarded there: of each unit those with the highest TTL."""
        rows = np.flatnonzero(self._sightings.point[self._rows] == position)
        unit, ttl = self._sightings.unit[self._rows[rows]], self._sightings.ttl[self._rows[rows]]
        highest = np.zeros(len(self._units), dtype=np.uint8)
        code = np.searchsorted(self._units, unit)
        np.maximum.at(highest, code, ttl)
        first: Index = rows[ttl == highest[code]]
        return first

    def _as_first_pass(self, here: Index, asked: Index) -> Index:
        """The asked rows, or where they are a later pass of a loop the first pass before them."""
        chosen = []
        unit = self._sightings.unit[self._rows]
        for row in asked.tolist():
            before = here[(unit[here] == unit[row]) & (here <= row)]
            chosen.append(int(before[-1]) if len(before) else row)
        return np.array(chosen, dtype=np.intp)

    def _is_sent_once(self) -> bool:
        unit = self._sightings.unit[self._rows[self._transmissions]]
        return len(distinct(unit)) == len(unit)

    def _count_transmissions(self) -> tuple[int, int]:
        """Which sending of its first unit the packet is, at its point, and how many there are."""
        unit = self._sightings.unit[self._rows]
        same = self._transmissions[unit[self._transmissions] == unit[self._asked[0]]]
        return int(np.flatnonzero(same == self._asked[0])[0]) + 1, len(same)

    def _same_at(self, position: int, own: int, stop: int) -> Index:
        """Rows at another point that are the asked ones, earlier or later on the way."""
        here, there = self._transmissions, self._first_passes(position)
        unit = self._sightings.unit[self._rows]
        places = [self._place_of(self._position), self._place_of(position)]
        tolerance = TOLERANCE_NS + (self._timeline.error_between(*places) or 0)
        if stop >= own:
            matches = match(unit[here], self._times[here], unit[there], self._times[there], tolerance)
            mine, others = here[matches.earlier], there[matches.later]
        else:
            matches = match(unit[there], self._times[there], unit[here], self._times[here], tolerance)
            mine, others = here[matches.later], there[matches.earlier]
        return np.sort(others[np.isin(mine, self._asked)])

    def _place_of(self, position: int) -> Place:
        point = self._workspace.points[position]
        return next(place for place in self._workspace.places if point in place.points)

    def _is_seen(self, place: Place, rows: dict[int, Index]) -> bool:
        return any(self._numbers[id(point)] in rows for point in place.points)

    def _size(self, rows: Index) -> int:
        unit, first = np.unique(self._sightings.unit[rows], return_index=True)
        return int(self._sightings.size[rows[first]].sum()) if len(unit) else 0

    def _sightings_at(self, place: Place, rows: dict[int, Index]) -> list[Sighting]:
        """What each point of a place saw, a sighting a pass."""
        found = []
        clock = self._timeline.clocks.get(machine_of(place))
        for point in place.points:
            mine = rows.get(self._numbers[id(point)])
            if mine is None:
                continue
            ttls = self._sightings.ttl[mine]
            for ttl in sorted(set(ttls.tolist()), reverse=True):
                members = mine[ttls == ttl]
                first = self._sightings.select(members[:1])
                flow = int(first.flow[0])
                common = None if clock is None else int(clock.corrected(first.time_ns)[0])
                found.append(
                    Sighting(
                        place=place,
                        point=point,
                        frames=tuple(sorted(set(self._sightings.number[members].tolist()))),
                        time_ns=int(first.time_ns[0]),
                        common_ns=common,
                        source=int(self._workspace.flows.source[flow]),
                        destination=int(self._workspace.flows.destination[flow]),
                        ttl=ttl,
                        is_wrapped=bool(first.is_wrapped[0]),
                        size=self._size(members),
                    )
                )
        return found

    def _fate(self, plans: Sequence[RoutePlan], last: Place, following: Place, rows: dict[int, Index]) -> Fate:
        """What became of the packet behind the last place that saw it, as the hop was counted."""
        stops = {stop.place: stop for stop in self._plan.stops}
        if not stops[last].is_order_known or not stops[following].is_order_known:
            return Fate.UNKNOWN
        counted = count_hop(self._workspace, plans, self._timeline, last, following)
        kept = self._workspace.sightings
        mine = np.zeros(len(counted.rows), dtype=np.bool_)
        for position, members in rows.items():
            if self._workspace.points[position] in last.points:
                frames = self._sightings.number[members]
                mine |= (kept.point[counted.rows] == position) & np.isin(kept.number[counted.rows], frames)
        mine &= is_among(kept.unit[counted.rows], self._units)
        for fate, mask in (
            (Fate.LOST, counted.lost), (Fate.REFUSED, counted.refused), (Fate.ANSWERED, counted.missed),
        ):  # fmt: skip
            if bool((mine & mask).any()):
                return fate
        return Fate.UNKNOWN
