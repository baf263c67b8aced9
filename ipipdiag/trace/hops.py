"""Hop by hop: what was sent, what of it was seen, lost and delayed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ipipdiag.facts.messages import IcmpReports
from ipipdiag.facts.over_time import count_over_time
from ipipdiag.facts.sightings import DUPLICATE_WINDOW_NS
from ipipdiag.protocols import BGP_PORT, DNS_PORT, FRAGMENTATION_NEEDED, ICMP, TCP, TIME_EXCEEDED, UDP, UNREACHABLE
from ipipdiag.table import distinct, is_among
from ipipdiag.trace.flow_counts import count_answers, highest
from ipipdiag.trace.matching import match
from ipipdiag.trace.model import FlowLoss, Hop
from ipipdiag.trace.places import Place
from ipipdiag.trace.routes import RoutePlan
from ipipdiag.trace.timeline import Timeline, machine_of
from ipipdiag.trace.units import Sightings
from ipipdiag.trace.workspace import Workspace

Int64 = npt.NDArray[np.int64]
Index = npt.NDArray[np.intp]

TOLERANCE_NS = 1_000_000  # stamps of one clock may be out of order: capture on several CPUs
GRACE_NS = 50_000_000  # a packet sent less than this before the next place's last frame may still be under way
RAGGED_NS = 3_000_000_000  # by which captures of one node may begin or end apart
QUIET_PAUSES = 5  # of a place's frames, on average, that it may be silent beyond its first and last
OVERTAKEN_BY = 3  # packets sent later and seen: then that one was not under way any more
REPORT_WITHIN_NS = 1_000_000_000  # a node that refuses a packet says so at once, but not more often than its rate limit
OUTER_HEADER = 20  # bytes that a tunnel takes from the MTU of the node network
PROBE_TTL = 30  # below what is left of any usual initial TTL (64, 128, 255) after any usual way: sent so on purpose
LOST_FRAMES = 8
FLOWS_SHOWN = 64  # of each hop, those that lost most


@dataclass(frozen=True, slots=True)
class Window:
    """When a place was captured, on the common timeline; ``is_assumed``: as other places of its node were."""

    first_ns: int
    last_ns: int
    own_first_ns: int
    own_last_ns: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of the sightings of some pairs at the start of a hop; rows of the workspace, and masks over them."""

    rows: Index
    seen: npt.NDArray[np.bool_]
    missed: npt.NDArray[np.bool_]
    refused: npt.NDArray[np.bool_]
    lost: npt.NDArray[np.bool_]
    delay: Int64  # of those seen; 0 elsewhere
    assumed: npt.NDArray[np.bool_]


def measure_hops(workspace: Workspace, plans: Sequence[RoutePlan], timeline: Timeline) -> dict[int, tuple[Hop, ...]]:
    """The hops of every pair, between the places on its way that lie next to each other."""
    times = corrected_times(workspace.sightings, workspace, timeline)
    windows = _windows(workspace, timeline)
    by_hop: dict[tuple[int, int], list[RoutePlan]] = defaultdict(list)
    for plan in plans:
        for one, other in pairwise(plan.stops):
            by_hop[one.place.number, other.place.number].append(plan)
    found: dict[tuple[int, int], dict[int, Hop]] = {}
    for (first, second), here in by_hop.items():
        start, end = workspace.places[first], workspace.places[second]
        counted = _count(workspace, times, timeline, start, end, here, windows)
        found[first, second] = _hops_by_pair(workspace, times, timeline, start, end, counted)
    return {
        plan.pair: tuple(
            found[one.place.number, other.place.number].get(plan.pair, _nothing(one.place, other.place))
            for one, other in pairwise(plan.stops)
        )
        for plan in plans
    }


def count_hop(
    workspace: Workspace, plans: Sequence[RoutePlan], timeline: Timeline, start: Place, end: Place
) -> Counted:
    """What became, on one hop, of each sighting at its start."""
    here = [plan for plan in plans if (start, end) in pairwise(stop.place for stop in plan.stops)]
    times = corrected_times(workspace.sightings, workspace, timeline)
    return _count(workspace, times, timeline, start, end, here, _windows(workspace, timeline))


def _nothing(start: Place, end: Place) -> Hop:
    return Hop(start, end, 0, 0, 0, 0, 0, 0, False, 0, None, None, None, None, None, (), (), (), 0, 0, 0)


def corrected_times(sightings: Sightings, workspace: Workspace, timeline: Timeline) -> Int64:
    """The times of sightings as the reference clock would have given them."""
    times = sightings.time_ns.copy()
    number = {id(point): position for position, point in enumerate(workspace.points)}
    for place in workspace.places:
        clock = timeline.clocks.get(machine_of(place))
        if clock is not None and clock.steps:
            rows = np.flatnonzero(np.isin(sightings.point, [number[id(point)] for point in place.points]))
            times[rows] = clock.corrected(times[rows])
    return times


def _windows(workspace: Workspace, timeline: Timeline) -> dict[int, Window | None]:
    """When each place was captured, by its number."""
    return {place.number: _window(place, workspace, timeline) for place in workspace.places}


def _window(place: Place, workspace: Workspace, timeline: Timeline) -> Window | None:
    """When the place was captured; None where it has no frame, and no other of its node has.

    Captures are started and ended by hand, one after the other, so beyond a place's own frames little is taken for
    granted: as much as some of its usual pauses, well within the time of another capture of its node. A place without
    any frame was captured as others of its node were, but for their beginning and end.
    """
    own = extent(place, timeline)
    siblings = [other for other in workspace.places if other.node is not None and other.node == place.node]
    extents = [bounds for other in siblings if (bounds := extent(other, timeline))]
    if own is None:
        if not extents:
            return None
        first, last = min(first for first, _ in extents), max(last for _, last in extents)
        return Window(first + RAGGED_NS, last - RAGGED_NS, first, first - 1)
    beside = [own, *(other for other in extents if other[0] <= own[1] and own[0] <= other[1])]
    first, last = min(first for first, _ in beside) + RAGGED_NS, max(last for _, last in beside) - RAGGED_NS
    frames = sum(point.facts.extent.frames for point in place.points)
    pauses = QUIET_PAUSES * (own[1] - own[0]) // (frames - 1) if frames > 1 else last - first
    return Window(min(own[0], max(first, own[0] - pauses)), max(own[1], min(last, own[1] + pauses)), *own)


def extent(place: Place, timeline: Timeline) -> tuple[int, int] | None:
    """First and last frame of a place by the reference clock; None where it has none."""
    bounds = [
        (point.facts.extent.first_ns, point.facts.extent.last_ns)
        for point in place.points
        if point.facts.extent.first_ns is not None and point.facts.extent.last_ns is not None
    ]
    if not bounds:
        return None
    clock = timeline.clocks.get(machine_of(place))
    ends = np.array([min(first for first, _ in bounds), max(last for _, last in bounds)], dtype=np.int64)
    ends = clock.corrected(ends) if clock else ends
    return int(ends[0]), int(ends[1])


def _count(
    workspace: Workspace,
    times: Int64,
    timeline: Timeline,
    start: Place,
    end: Place,
    plans: Sequence[RoutePlan],
    windows: Mapping[int, Window | None],
) -> Counted:
    pairs = np.array([plan.pair for plan in plans], dtype=np.int64)
    rows, ends = workspace.at(start.number, pairs), workspace.at(end.number, pairs)
    sightings = workspace.sightings
    error = timeline.error_between(start, end)
    tolerance = TOLERANCE_NS + (error or 0)
    matches = match(sightings.unit[rows], times[rows], sightings.unit[ends], times[ends], tolerance)
    seen = np.zeros(len(rows), dtype=np.bool_)
    seen[matches.earlier] = True
    delay = np.zeros(len(rows), dtype=np.int64)
    delay[matches.earlier] = times[ends[matches.later]] - times[rows[matches.earlier]]
    missed = _seen_beyond(workspace, times, end, plans, rows, ~seen, tolerance)
    covered = np.zeros(len(rows), dtype=np.bool_)
    assumed = np.zeros(len(rows), dtype=np.bool_)
    window = windows[end.number]
    if window is not None and timeline.is_shared(start, end):
        at = times[rows]
        overtaken = at < _overtaken_until(at[seen])
        in_time = at <= window.last_ns - GRACE_NS - (error or 0)
        covered = (at >= window.first_ns + (error or 0)) & (in_time | overtaken)
        late = ~overtaken & (at > window.own_last_ns - GRACE_NS)
        assumed = covered & ((at < window.own_first_ns) | late)
        works = _is_of_working_flow(workspace, start, rows, seen, assumed & ~seen & ~missed)
        beyond = _covered_beyond(workspace, at, end, plans, rows, windows, error or 0)
        covered = (covered & ~(assumed & works)) | beyond
        assumed = (assumed & ~works) | (beyond & ((at < window.own_first_ns) | late))
    missed |= _answered(workspace, start, rows, ~seen & ~missed)
    refused = _refused(workspace, start, rows, ~seen & ~missed)
    unseen = ~seen & ~missed & ~refused
    covered &= ~_seen_twice(sightings, rows, seen, unseen)
    return Counted(rows, seen, missed, refused, unseen & covered, delay, assumed)


def _seen_twice(
    sightings: Sightings, rows: Index, seen: npt.NDArray[np.bool_], unseen: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Which of the sightings that the next place lacks may be a second look at a packet it has, of packets that nothing
    tells apart: a mirror port, or a capture merged with itself, shows them twice within DUPLICATE_WINDOW_NS.
    """
    twice = np.zeros(len(rows), dtype=np.bool_)
    asked = np.flatnonzero(unseen & sightings.is_anonymous[rows])
    if len(asked) == 0:
        return twice
    both = np.concatenate([asked, np.flatnonzero(seen & sightings.is_anonymous[rows])])
    units, times = sightings.unit[rows[both]], sightings.time_ns[rows[both]]
    order = np.lexsort((times, units))
    both, units, times = both[order], units[order], times[order]
    place, is_seen = np.arange(len(both)), seen[both]
    before = np.maximum.accumulate(np.where(is_seen, place, -1))
    after = np.minimum.accumulate(np.where(is_seen, place, len(both))[::-1])[::-1]
    for nearest in (before, after):
        one = np.flatnonzero(~is_seen & (nearest >= 0) & (nearest < len(both)))
        other = nearest[one]
        near = np.abs(times[one] - times[other]) <= DUPLICATE_WINDOW_NS
        twice[both[one[near & (units[one] == units[other])]]] = True
    return twice


def _is_of_working_flow(
    workspace: Workspace, start: Place, rows: Index, seen: npt.NDArray[np.bool_], assumed: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Which of the sightings that nothing but an assumption covers are of flows that get through, or are answered.

    Of these the next place was more likely not captured yet, or no longer.
    """
    flow = workspace.sightings.flow[rows]
    works = count_answers(start.points, workspace.flows) > 0
    works[flow[seen]] = True
    of_working: npt.NDArray[np.bool_] = assumed & works[flow]
    return of_working


def _answered(workspace: Workspace, start: Place, rows: Index, unseen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which of the requests that the next place lacks were answered: echo requests and DNS queries, reply for request.

    As many of a flow can be lost as have no answer; the last ones are taken to be these.
    """
    table, flow = workspace.flows, workspace.sightings.flow[rows]
    asks = (table.protocol == ICMP) & (table.source_port >= 0)
    asks |= (table.protocol == UDP) & (table.destination_port == DNS_PORT)
    # not echo replies, for what is their other direction answers nothing; the start may have had no room for the flow
    asks &= highest(workspace.points, table, "requests") > 0
    missing = np.flatnonzero(unseen & asks[flow])
    count, lacking = np.bincount(flow, minlength=len(table)), np.bincount(flow[missing], minlength=len(table))
    spare = lacking - np.maximum(count - workspace.answers, 0)
    answered = np.zeros(len(rows), dtype=np.bool_)
    answered[missing[_rank_within(flow[missing]) < spare[flow[missing]]]] = True
    return answered


def _rank_within(group: Int64) -> Int64:
    """The position of each entry among those of its group."""
    order = np.argsort(group, kind="stable")
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = np.diff(group[order]) > 0
    at = np.arange(len(order))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = at - np.maximum.accumulate(np.where(begins, at, 0))
    return rank


def _refused(workspace: Workspace, start: Place, rows: Index, unseen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which of the packets that the next place lacks were turned down aloud.

    By ICMP fragmentation needed (RFC 1191), or, of those sent with a low TTL as traceroute does, by time exceeded.
    """
    refused = np.zeros(len(rows), dtype=np.bool_)
    if not unseen.any():
        return refused
    sightings, table = workspace.sightings, workspace.flows
    # the report need not pass where the packet does: it is the node's own, and goes straight to the pod
    machine = [place for place in workspace.places if machine_of(place) == machine_of(start)]
    reports = IcmpReports.concatenate([point.facts.icmp_reports for place in machine for point in place.points])
    too_long = (reports.type == UNREACHABLE) & (reports.code == FRAGMENTATION_NEEDED)
    flow = sightings.flow[rows]
    about = (table.source << 32) | table.destination
    is_long = _may_be_too_long(highest(start.points, table, "length_max"), about, reports.select(too_long))[flow]
    is_probe = sightings.ttl[rows] <= PROBE_TTL
    for kind, concerned in ((too_long, unseen & is_long), (reports.type == TIME_EXCEEDED, unseen & is_probe)):
        chosen = np.flatnonzero(concerned)
        own = reports.select(kind)
        times = sightings.time_ns[rows[chosen]]
        refused[chosen[_is_reported(about[flow[chosen]], times, _quoted_pair(own), own.time_ns)]] = True
    return refused


def _quoted_pair(reports: IcmpReports) -> Int64:
    return (reports.quoted_source << 32) | reports.quoted_destination


def _may_be_too_long(longest: Int64, about: Int64, reports: IcmpReports) -> npt.NDArray[np.bool_]:
    """Which flows, each with its longest packet and its two addresses in one number, have packets above an MTU that is
    reported about these addresses. A flow without a length, and a report without an MTU (RFC 792), leave it open.
    """
    pairs, of_report = np.unique(_quoted_pair(reports), return_inverse=True)
    if len(pairs) == 0:
        return np.zeros(len(longest), dtype=np.bool_)
    is_outer = reports.quoted_outer_protocol > 0
    smallest = np.full(len(pairs), np.iinfo(np.int64).max)
    np.minimum.at(smallest, of_report, reports.next_hop_mtu - np.where(is_outer, OUTER_HEADER, 0))
    place = np.minimum(np.searchsorted(pairs, about), len(pairs) - 1)
    may_be: npt.NDArray[np.bool_] = (longest == 0) | (longest > smallest[place])
    return may_be


def _is_reported(about: Int64, sent_ns: Int64, quoted: Int64, reported_ns: Int64) -> npt.NDArray[np.bool_]:
    """Which packets a report follows in time about the same two addresses: the first one that is not too early."""
    order = np.lexsort((reported_ns, quoted))
    quoted, reported_ns = quoted[order], reported_ns[order]
    pairs, begins, counts = np.unique(quoted, return_index=True, return_counts=True)
    reported = np.zeros(len(about), dtype=np.bool_)
    for members in _groups(about, pairs):
        place = int(np.searchsorted(pairs, about[members[0]]))
        times = reported_ns[begins[place] : begins[place] + counts[place]]
        next_one = np.searchsorted(times, sent_ns[members] - TOLERANCE_NS)
        delay = np.append(times, np.iinfo(np.int64).max)[next_one] - sent_ns[members]
        reported[members] = delay <= REPORT_WITHIN_NS
    return reported


def _groups(values: Int64, wanted: Int64) -> list[Index]:
    """The positions of each value that is wanted, value by value."""
    rows = np.flatnonzero(is_among(values, wanted))
    order = rows[np.argsort(values[rows], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(values[order])) + 1) if len(order) else []


def _overtaken_until(seen_times: Int64) -> int:
    """Until when packets were sent of which OVERTAKEN_BY later ones were seen at the next place."""
    if len(seen_times) < OVERTAKEN_BY:
        return int(np.iinfo(np.int64).min)
    return int(np.sort(seen_times)[-OVERTAKEN_BY])


def _seen_beyond(
    workspace: Workspace,
    times: Int64,
    end: Place,
    plans: Sequence[RoutePlan],
    rows: Index,
    unseen: npt.NDArray[np.bool_],
    tolerance: int,
) -> npt.NDArray[np.bool_]:
    """Which of the sightings that the next place lacks a later one has: then that capture lacks them, not the way."""
    beyond = np.zeros(len(rows), dtype=np.bool_)
    for number, pairs in _later_places(end, plans).items():
        open_rows = np.flatnonzero(unseen & ~beyond)
        if len(open_rows) == 0:
            break
        units = distinct(workspace.sightings.unit[rows[open_rows]])
        candidates = np.flatnonzero(is_among(workspace.sightings.unit[rows], units))
        others = workspace.at(number, np.array(pairs, dtype=np.int64))
        others = others[is_among(workspace.sightings.unit[others], units)]
        if len(others) == 0:
            continue
        unit = workspace.sightings.unit
        matches = match(
            unit[rows[candidates]], times[rows[candidates]], unit[others], times[others], tolerance + GRACE_NS
        )
        beyond[candidates[matches.earlier]] = True
    return beyond & unseen


def _later_places(end: Place, plans: Sequence[RoutePlan]) -> dict[int, list[int]]:
    """The places behind the end of a hop, each with the pairs on whose way it is."""
    later: dict[int, list[int]] = defaultdict(list)
    for plan in plans:
        numbers = [stop.place.number for stop in plan.stops]
        for number in numbers[numbers.index(end.number) + 1 :]:
            later[number].append(plan.pair)
    return later


def _covered_beyond(
    workspace: Workspace,
    at: Int64,
    end: Place,
    plans: Sequence[RoutePlan],
    rows: Index,
    windows: Mapping[int, Window | None],
    error: int,
) -> npt.NDArray[np.bool_]:
    """Which times a later place of the same node covers for sure: what it lacks did not get through that node."""
    covered = np.zeros(len(rows), dtype=np.bool_)
    for number, pairs in _later_places(end, plans).items():
        window = windows[number]
        if window is None or machine_of(workspace.places[number]) != machine_of(end):
            continue
        within = (at >= window.own_first_ns + error) & (at <= window.own_last_ns - GRACE_NS - error)
        covered |= within & np.isin(workspace.pair[rows], np.array(pairs, dtype=np.int64))
    return covered


def _hops_by_pair(
    workspace: Workspace, times: Int64, timeline: Timeline, start: Place, end: Place, counted: Counted
) -> dict[int, Hop]:
    pair = workspace.pair[counted.rows]
    order = np.argsort(pair, kind="stable")
    begins = np.flatnonzero(np.concatenate([[True], np.diff(pair[order]) > 0])) if len(order) else order
    hops = {}
    for members in np.split(order, begins[1:]) if len(order) else []:
        hops[int(pair[members[0]])] = _hop(workspace, times, timeline, start, end, counted, members)
    return hops


def _hop(
    workspace: Workspace,
    times: Int64,
    timeline: Timeline,
    start: Place,
    end: Place,
    counted: Counted,
    members: Index,
) -> Hop:
    seen, missed, lost = counted.seen[members], counted.missed[members], counted.lost[members]
    refused = counted.refused[members]
    arrived = int(seen.sum())
    error = timeline.error_between(start, end)
    delays = counted.delay[members[seen]] if arrived and error is not None else None
    lost_rows = counted.rows[members[lost]]
    sightings = workspace.sightings
    lost_times = times[lost_rows]
    return Hop(
        start=start,
        end=end,
        sent=arrived + int(missed.sum()) + int(refused.sum()) + int(lost.sum()),
        seen=arrived,
        lost=int(lost.sum()),
        missed=int(missed.sum()),
        refused=int(refused.sum()),
        uncovered=int((~seen & ~missed & ~refused & ~lost).sum()),
        is_assumed=bool(counted.assumed[members[lost]].any()),
        lost_bytes=int(sightings.size[lost_rows].sum()),
        delay_median_ns=None if delays is None else round(float(np.median(delays))),
        delay_p99_ns=None if delays is None else round(float(np.percentile(delays, 99))),
        error_ns=error,
        first_lost_ns=int(lost_times.min()) if len(lost_times) else None,
        last_lost_ns=int(lost_times.max()) if len(lost_times) else None,
        lost_frames=_frames(workspace, lost_rows),
        lost_over_time=count_over_time(lost_times),
        **_by_flow(workspace, counted, members)._asdict(),
        is_one_clock=machine_of(start) == machine_of(end),
    )


def _frames(workspace: Workspace, rows: Index) -> tuple[tuple[str, int], ...]:
    """Input and number of the first few frames."""
    sightings = workspace.sightings
    frames = dict.fromkeys(
        (workspace.points[point].input, number)
        for point, number in zip(
            sightings.point[rows[: LOST_FRAMES * 64]].tolist(), sightings.number[rows[: LOST_FRAMES * 64]].tolist(),
            strict=True,
        )
    )  # fmt: skip
    return tuple(frames)[:LOST_FRAMES]


class _ByFlow(NamedTuple):
    """What a hop lost flow by flow, as :class:`Hop` tells it."""

    flows: tuple[FlowLoss, ...] = ()
    more_flows: int = 0
    lost_whole: int = 0
    lost_in_part: int = 0


def _by_flow(workspace: Workspace, counted: Counted, members: Index) -> _ByFlow:
    """The flows that lost most on a hop, and what all flows lost."""
    flow = workspace.sightings.flow[counted.rows[members]]
    lost = counted.lost[members]
    if not lost.any():
        return _ByFlow()
    rows, inverse = np.unique(flow, return_inverse=True)
    judged = counted.seen[members] | counted.missed[members] | counted.refused[members] | lost
    table = workspace.flows
    columns = {
        "source": table.source[rows],
        "destination": table.destination[rows],
        "protocol": table.protocol[rows],
        "source_port": table.source_port[rows],
        "destination_port": table.destination_port[rows],
        "sent": np.bincount(inverse, weights=judged).astype(np.int64),
        "lost": np.bincount(inverse, weights=lost).astype(np.int64),
        "answers": workspace.answers[rows],  # at whatever place: what is answered anywhere was delivered
    }
    lost_by_flow = columns["lost"]
    is_whole = (lost_by_flow == columns["sent"]) & (columns["answers"] == 0)
    at_bgp = (columns["source_port"] == BGP_PORT) | (columns["destination_port"] == BGP_PORT)
    is_counted = ~((columns["protocol"] == TCP) & at_bgp)
    chosen = np.lexsort((rows, -lost_by_flow))[: min(FLOWS_SHOWN, np.count_nonzero(lost_by_flow))]
    shown = {name: column[chosen].tolist() for name, column in columns.items()}
    return _ByFlow(
        tuple(FlowLoss(*row) for row in zip(*shown.values(), strict=True)),
        int(np.count_nonzero(lost_by_flow)) - len(chosen),
        int(lost_by_flow[is_counted & is_whole].sum()),
        int(lost_by_flow[is_counted & ~is_whole].sum()),
    )
