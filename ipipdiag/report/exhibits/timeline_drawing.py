"""The timeline as a drawing: one panel below the other, all on the same axis of time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ipipdiag.report.drawing import SMALL, Box, Drawing, Label, Line, Mark, Shape
from ipipdiag.report.exhibits.timeline import Event, Series, Timeline, Trips
from ipipdiag.report.units import format_duration, format_time

WIDTH = 960
LEFT = 64  # of the axis
TITLE, PANEL, GAP = 18, 52, 14
EVENTS = 32
EVENT_ROOM = 44  # of the label below one event or several
TICKS = 6
_STEPS = (1, 2, 5)


def draw_timeline(timeline: Timeline) -> Drawing:
    """Shapes of the whole drawing."""
    panels: list[Series | Trips] = [*timeline.packets]
    panels += [panel for panel in (timeline.lost, timeline.again, timeline.trips) if panel is not None]
    bottom = len(panels) * (TITLE + PANEL + GAP) + (TITLE + EVENTS if timeline.events else 0)
    shapes: list[Shape] = []
    if timeline.span:
        shapes += _span(timeline, bottom)
    shapes += _axis(timeline, bottom)
    y = 0.0
    for panel in panels:
        shapes.append(Label(LEFT, y + 12, panel.title, "strong", SMALL, room=WIDTH - LEFT))
        draw = _bars(panel, y + TITLE) if isinstance(panel, Series) else _trips(panel, y + TITLE)
        shapes += draw
        y += TITLE + PANEL + GAP
    if timeline.events:
        shapes.append(Label(LEFT, y + 12, "BGP, by the numbers below", "strong", SMALL))
        shapes += _events(timeline, y + TITLE)
    return Drawing("Packets, loss and BGP over time", describe(timeline), WIDTH, bottom + 30, tuple(shapes))


def describe(timeline: Timeline) -> str:
    """The drawing in words."""
    span = f"From {format_time(timeline.start_ns)} on, {format_duration(timeline.columns * timeline.width_ns)}"
    said = [f"{span}, in steps of {format_duration(timeline.width_ns)}."]
    for series in (*timeline.packets, timeline.lost, timeline.again):
        if series is not None:
            most = max(series.counts)
            said.append(f"{series.title}: {sum(series.counts):,} in all, at most {most:,} in one step.")
    if timeline.trips is not None:
        known = [trip for trip in timeline.trips.ranges if trip]
        low, high = min(trip[0] for trip in known), max(trip[1] for trip in known)
        said.append(f"{timeline.trips.title}: {format_duration(low)} to {format_duration(high)}.")
    said += [f"BGP: {len(timeline.events)} events."] if timeline.events else []
    return " ".join(said)


def event_lines(events: Sequence[Event]) -> list[str]:
    """What the numbers of the events mean."""
    return [f"{number}: {format_time(event.time_ns)} {event.text}" for number, event in enumerate(events, start=1)]


def _x(timeline: Timeline, time_ns: int) -> float:
    share = (time_ns - timeline.start_ns) / (timeline.columns * timeline.width_ns)
    return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT)


def _span(timeline: Timeline, bottom: float) -> Iterator[Shape]:
    """A field behind the panels for the time of the finding that leads."""
    first, last = timeline.span or (0, 0)
    left, right = _x(timeline, first), _x(timeline, last)
    width = max(right - left, 2.0)
    yield Box(left, 0, width, bottom, "span")
    yield Line(((left, 0), (left, bottom)), "event")
    is_late = left > WIDTH * 0.8
    yield Label(left + (-4 if is_late else 4), bottom + 26, f"{timeline.finding} first seen", "fault", SMALL,
                "end" if is_late else "start")  # fmt: skip


def _axis(timeline: Timeline, bottom: float) -> Iterator[Shape]:
    yield Line(((LEFT, bottom), (WIDTH, bottom)), "axis")
    length = timeline.columns * timeline.width_ns
    step = _nice(length / TICKS)
    time_ns = -(-timeline.start_ns // step) * step
    digits = 0 if step >= 1_000_000_000 else 3 if step >= 1_000_000 else 6
    while time_ns <= timeline.end_ns:
        x = _x(timeline, time_ns)
        yield Line(((x, 0), (x, bottom + 4)), "grid")
        text = format_time(time_ns, digits or 1)[11:].removesuffix(" UTC")
        text = text if digits else text.partition(".")[0]
        anchor = "end" if x > WIDTH - 30 else "start" if x < LEFT + 20 else "middle"
        yield Label(x, bottom + 15, text, "quiet", SMALL, anchor)
        time_ns += step
    yield Label(LEFT - 6, bottom + 15, "UTC", "quiet", SMALL, "end")


def _nice(length_ns: float) -> int:
    """The next round length of time: 1, 2 or 5 times a power of ten nanoseconds, or of whole minutes and hours."""
    for step in (60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400):
        if length_ns > 30_000_000_000 and step * 1_000_000_000 >= length_ns:
            return step * 1_000_000_000
    power = 1
    while True:
        for factor in _STEPS:
            if factor * power >= length_ns:
                return factor * power
        power *= 10


def _bars(series: Series, top: float) -> Iterator[Shape]:
    """A bar a column, upwards; of packets those in IP-in-IP downwards, on the same scale."""
    down = series.wrapped
    up = [count - below for count, below in zip(series.counts, down, strict=True)]
    most_up, most_down = max(up), max(down)
    if most_up + most_down == 0:
        yield Line(((LEFT, top + PANEL), (WIDTH, top + PANEL)), "axis")
        yield Label(LEFT + 4, top + PANEL - 6, "none", "quiet", SMALL)
        return
    scale = PANEL / (most_up + most_down)
    base = top + most_up * scale
    yield Line(((LEFT, base), (WIDTH, base)), "axis")
    if most_up:
        yield Label(LEFT - 6, top + 9, f"{most_up:,}", "quiet", SMALL, "end")
    if most_down:
        yield Label(LEFT - 6, top + PANEL, f"{most_down:,} IPIP", "quiet", SMALL, "end")
    width = (WIDTH - LEFT) / len(series.counts)
    drawn = max(width - 0.6, 0.6)
    kind = {"packets": "bare", "lost": "lost", "again": "again"}[series.kind]
    for column, (above, below) in enumerate(zip(up, down, strict=True)):
        x = LEFT + column * width
        if above:
            height = max(above * scale, 2)
            yield Box(x, base - height, drawn, height, kind)
        if below:
            yield Box(x, base, drawn, max(below * scale, 2), "wrapped")


def _trips(trips: Trips, top: float) -> Iterator[Shape]:
    """From the shortest to the longest of each column, on a logarithmic scale of whole powers of ten."""
    known = [trip for trip in trips.ranges if trip]
    low = math.floor(math.log10(max(min(shortest for shortest, _ in known), 1)))
    high = max(math.ceil(math.log10(max(longest for _, longest in known) or 1)), low + 1)
    base = top + PANEL
    yield Line(((LEFT, base), (WIDTH, base)), "axis")
    for power in (low, high):
        y = base - PANEL * (power - low) / (high - low)
        yield Label(LEFT - 6, y if power == low else y + 9, format_duration(10**power), "quiet", SMALL, "end")
    for power in range(low + 1, high):
        y = base - PANEL * (power - low) / (high - low)
        yield Line(((LEFT, y), (WIDTH, y)), "grid")
    width = (WIDTH - LEFT) / len(trips.ranges)
    for column, trip in enumerate(trips.ranges):
        if trip is None:
            continue
        x = LEFT + (column + 0.5) * width
        lower, upper = (base - PANEL * (math.log10(max(value, 1)) - low) / (high - low) for value in trip)
        yield Line(((x, lower + 1.5), (x, upper - 1.5)), "trip")


def _events(timeline: Timeline, top: float) -> Iterator[Shape]:
    """A diamond each; those close together share a label with the first and last of their numbers."""
    groups: list[list[tuple[int, float]]] = []
    for number, event in enumerate(timeline.events, start=1):
        x = _x(timeline, event.time_ns)
        yield Line(((x, 0), (x, top + 7)), "event")
        yield Mark(x, top + 7, "event", event.text)
        if groups and x - groups[-1][0][1] < EVENT_ROOM:
            groups[-1].append((number, x))
        else:
            groups.append([(number, x)])
    for group in groups:
        (first, left), (last, right) = group[0], group[-1]
        x = (left + right) / 2
        anchor = "end" if x > WIDTH - 20 else "middle"
        yield Label(x, top + 24, str(first) if first == last else f"{first}–{last}", "plain", SMALL, anchor)
