"""What happened over time at a few points: packets, loss, what was sent again, round trips, and BGP, on one axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.checks.bgp_sessions import Connection
from ipipdiag.cluster.model import Cluster
from ipipdiag.facts.over_time import NO_TRIP
from ipipdiag.kinds import BgpMessage
from ipipdiag.points.model import Point
from ipipdiag.protocols import RST, SYN
from ipipdiag.report.model import Report
from ipipdiag.report.topology import best_sessions
from ipipdiag.report.wording import root_of
from ipipdiag.trace.model import Trace

Int64 = npt.NDArray[np.int64]

MOST_COLUMNS = 160
MOST_POINTS = 3
MOST_EVENTS = 16


@dataclass(frozen=True, slots=True)
class Series:
    """A count a column; ``wrapped`` is the part of it in IP-in-IP."""

    title: str
    kind: str  # packets, lost, again
    counts: tuple[int, ...]
    wrapped: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trips:
    """Shortest and longest round trip of each column in nanoseconds; None where nothing was answered."""

    title: str
    ranges: tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something of BGP at a time."""

    time_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Columns of one width from ``start_ns`` on. ``span`` is when the finding that leads was seen."""

    start_ns: int
    width_ns: int
    columns: int
    packets: tuple[Series, ...]
    lost: Series | None
    again: Series | None
    trips: Trips | None
    events: tuple[Event, ...]
    more_events: int
    span: tuple[int, int] | None
    finding: str

    @property
    def end_ns(self) -> int:
        """Where the last column ends."""
        return self.start_ns + self.columns * self.width_ns


def find_timeline(report: Report, points: Sequence[Point], cluster: Cluster, trace: Trace) -> Timeline | None:
    """What is plotted; None where no point has a packet in a bucket."""
    chosen = _points(report, points)
    if not chosen:
        return None
    first = min(int(point.facts.buckets.start_ns[0]) for point in chosen)
    last = max(int(point.facts.buckets.start_ns[-1]) + point.facts.bucket_width_ns for point in chosen)
    width = max(point.facts.bucket_width_ns for point in chosen)
    while last // width - first // width + 1 > MOST_COLUMNS:
        width *= 2
    start = first // width * width
    columns = -(-(last - start) // width)
    grid = _Grid(start, width, columns)
    again = next(filter(None, (_again(point, grid) for point in chosen)), None)
    events = [event for event in _events(points, cluster) if start <= event.time_ns <= start + columns * width]
    root = root_of(report)
    span = (root.first_ns, root.last_ns) if root and root.first_ns is not None and root.last_ns is not None else None
    return Timeline(
        start_ns=start,
        width_ns=width,
        columns=columns,
        packets=tuple(_packets(point, grid) for point in chosen),
        lost=_lost(trace, grid),
        again=again,
        trips=next(filter(None, (_trips(point, grid) for point in chosen)), None),
        events=tuple(events[:MOST_EVENTS]),
        more_events=max(len(events) - MOST_EVENTS, 0),
        span=span,
        finding=report.verdict.finding or "",
    )


def _points(report: Report, points: Sequence[Point]) -> list[Point]:
    """The points that the finding that leads is about, else the busiest."""
    with_packets = [point for point in points if len(point.facts.buckets)]
    root = root_of(report)
    named = [point for point in with_packets if root is not None and point.id in root.points]
    busiest = sorted(with_packets, key=lambda point: -point.facts.extent.frames)
    return (named or busiest[:2])[:MOST_POINTS]


@dataclass(frozen=True, slots=True)
class _Grid:
    start_ns: int
    width_ns: int
    columns: int

    def add_up(self, starts_ns: Int64, counts: Int64) -> tuple[int, ...]:
        """Counts of buckets as counts of columns; what lies outside is left out."""
        column = (starts_ns - self.start_ns) // self.width_ns
        inside = (column >= 0) & (column < self.columns)
        summed = np.bincount(column[inside], weights=counts[inside], minlength=self.columns)
        return tuple(summed.astype(np.int64).tolist())


def _packets(point: Point, grid: _Grid) -> Series:
    buckets = point.facts.buckets
    return Series(
        f"Packets at {point.id}, {point.label}",
        "packets",
        grid.add_up(buckets.start_ns, buckets.packets),
        grid.add_up(buckets.start_ns, buckets.wrapped),
    )


def _lost(trace: Trace, grid: _Grid) -> Series | None:
    """What was lost on any hop; None where nothing could be compared."""
    hops = [hop for route in trace.routes for hop in route.hops if hop.sent]
    if not hops:
        return None
    pairs = np.array([pair for hop in hops for pair in hop.lost_over_time], dtype=np.int64).reshape(-1, 2)
    counts = grid.add_up(pairs[:, 0], pairs[:, 1])
    return Series("Packets lost between capture points", "lost", counts, (0,) * grid.columns)


def _again(point: Point, grid: _Grid) -> Series | None:
    buckets = point.facts.buckets
    counts = grid.add_up(buckets.start_ns, buckets.sent_again)
    has_tcp = bool((point.facts.flows.data_packets > 0).any() or (point.facts.flows.syns > 0).any())
    title = f"TCP segments sent again, or out of order, at {point.id}"
    return Series(title, "again", counts, (0,) * grid.columns) if has_tcp else None


def _trips(point: Point, grid: _Grid) -> Trips | None:
    buckets = point.facts.buckets
    with_trips = buckets.select(buckets.round_trip_min_ns < NO_TRIP)
    ranges: list[tuple[int, int] | None] = [None] * grid.columns
    for start, shortest, longest in with_trips.rows("start_ns", "round_trip_min_ns", "round_trip_max_ns"):
        column = (start - grid.start_ns) // grid.width_ns
        known = ranges[column]
        ranges[column] = (min(shortest, known[0]), max(longest, known[1])) if known else (shortest, longest)
    return Trips(f"Time to the answer, seen from {point.id}", tuple(ranges)) if len(with_trips) else None


def _events(points: Sequence[Point], cluster: Cluster) -> list[Event]:
    """What opens and ends BGP sessions, and withdrawals; keepalives and announcements are no events."""
    events = []
    for (low, high), session in best_sessions(points).items():
        names = {address: cluster.node_text(address) for address in (low, high)}
        for connection in session.connections:
            events += list(_of_connection(connection, names))
    return sorted(events, key=lambda event: (event.time_ns, event.text))


def _of_connection(connection: Connection, names: dict[int, str]) -> Iterator[Event]:
    client, server = names[connection.client], names[connection.server]
    for control in connection.syns()[:1]:
        again = len(connection.syns()) - 1
        text = f"{client} opens a BGP connection to {server}" + (f", SYN sent again {again} times" if again else "")
        yield Event(control.time_ns, text)
    for message in connection.messages:
        speaker = names.get(message.speaker, client)
        if message.type == BgpMessage.NOTIFICATION:
            yield Event(message.time_ns, f"{speaker} ends it: NOTIFICATION {message.code}/{message.subcode}")
        elif message.type == BgpMessage.UPDATE and message.withdrawn > 0:
            yield Event(message.time_ns, f"{speaker} withdraws {message.withdrawn} prefixes")
    for control in connection.controls:
        if control.flags & RST and not control.flags & SYN:
            yield Event(control.time_ns, f"{names.get(control.sender, client)} resets it")
            break
