"""The clocks of the machines that were captured, and captures that do not overlap in time, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ipipdiag.cluster.model import Cluster
from ipipdiag.report.naming import name_addresses
from ipipdiag.report.units import format_duration, format_time
from ipipdiag.trace.hops import extent
from ipipdiag.trace.model import Trace
from ipipdiag.trace.places import Place
from ipipdiag.trace.timeline import Machine, MachineClock, Timeline, machine_of

MOST_SENTENCES = 10


@dataclass(frozen=True, slots=True)
class ClockReport:
    """The clock of one machine, against that of the reference.

    ``offset_ns`` is how far it is ahead at its first frame; None where it cannot be compared, and 0 of the reference.
    ``error_ns`` is None as well where packets of one direction alone were seen: then the fastest is taken to need no
    time.
    """

    id: str
    label: str
    is_reference: bool
    offset_ns: int | None
    error_ns: int | None
    drift_ppm: float | None
    packets: int  # that were compared
    text: str


@dataclass(frozen=True, slots=True)
class Window:
    """When a place was captured, by the reference clock where its own can be compared (``is_common``)."""

    first_ns: int
    last_ns: int
    is_common: bool

    def overlaps(self, other: Window) -> bool:
        """Whether some moment is in both."""
        return self.first_ns <= other.last_ns and other.first_ns <= self.last_ns


def window_of(place: Place, timeline: Timeline | None) -> Window | None:
    """When a place was captured; None where it has no frame."""
    times = [
        time_ns
        for point in place.points
        for time_ns in (point.facts.extent.first_ns, point.facts.extent.last_ns)
        if time_ns is not None
    ]
    if not times:
        return None
    bounds = extent(place, timeline) if timeline is not None else None
    is_common = timeline is not None and machine_of(place) in timeline.clocks
    return Window(*(bounds or (min(times), max(times))), is_common)


def machines_of(trace: Trace) -> dict[Machine, list[Place]]:
    """The places of each machine, in their order."""
    found: dict[Machine, list[Place]] = {}
    for place in trace.places:
        found.setdefault(machine_of(place), []).append(place)
    return found


def machine_text(places: Iterable[Place], cluster: Cluster) -> str:
    """How a report names a machine: by its node, else by its place."""
    first = next(iter(places))
    if first.node is not None:
        return f"node {cluster.node_text(first.node)}"
    return name_addresses(first.label, cluster)


def clock_reports(trace: Trace, cluster: Cluster) -> tuple[ClockReport, ...]:
    """The clock of each machine, the reference first."""
    timeline = trace.timeline
    if timeline is None:
        return ()
    machines = machines_of(trace)
    ordered = sorted(machines, key=lambda machine: machine != timeline.reference)
    names = {machine: machine_text(machines[machine], cluster) for machine in machines}
    return tuple(
        _clock(f"m{number}", machine, machines[machine], timeline, names)
        for number, machine in enumerate(ordered, start=1)
    )


def _clock(
    number: str, machine: Machine, places: list[Place], timeline: Timeline, names: dict[Machine, str]
) -> ClockReport:
    name, reference = names[machine], names.get(timeline.reference, "")
    if machine == timeline.reference:
        return ClockReport(number, name, True, 0, 0, 0.0, 0, f"{name}: the reference")
    clock = timeline.clocks.get(machine)
    if clock is None:
        text = f"{name}: not comparable with {reference}, no packet was seen at both"
        return ClockReport(number, name, False, None, None, None, 0, text)
    times = _times(places)
    offset, drift = _offset(clock, times), _drift(clock, times)
    packets = clock.steps[0].packets if clock.steps else 0
    text = f"{name}: {_compared(offset, clock, drift, packets, reference)}"
    return ClockReport(number, name, False, offset, clock.error_ns, drift, packets, text)


def _times(places: list[Place]) -> tuple[int, int]:
    """First and last frame of a machine by its own clock; zeros where it has none."""
    times = [
        time_ns
        for place in places
        for point in place.points
        for time_ns in (point.facts.extent.first_ns, point.facts.extent.last_ns)
        if time_ns is not None
    ]
    return (min(times), max(times)) if times else (0, 0)


def _offset(clock: MachineClock, times: tuple[int, int]) -> int:
    return times[0] - int(clock.corrected(np.array(times[:1], dtype=np.int64))[0])


def _drift(clock: MachineClock, times: tuple[int, int]) -> float:
    """By how many millionths the clock is faster than the reference."""
    one, other = clock.corrected(np.array(times, dtype=np.int64)).tolist()
    if other <= one or all(step.drift == 0 for step in clock.steps):
        return 0.0
    return round(float((times[1] - times[0]) - (other - one)) / float(other - one) * 1e6, 3)


def _compared(offset: int, clock: MachineClock, drift: float, packets: int, reference: str) -> str:
    """How a clock differs from that of the reference."""
    ahead = f"{format_duration(abs(offset))} {'ahead of' if offset > 0 else 'behind'} {reference}"
    if clock.error_ns is None:
        return f"{ahead}, if the fastest of {packets} packets needed no time: they were seen one way alone"
    drifting = f", gaining {drift:.1f} ppm" if drift > 0 else f", losing {-drift:.1f} ppm" if drift else ""
    if abs(offset) <= clock.error_ns and not drifting:
        return f"agrees with {reference} to within {format_duration(clock.error_ns + abs(offset))} ({packets} packets)"
    return f"{ahead}, ± {format_duration(clock.error_ns)}{drifting} ({packets} packets)"


def captured_apart(trace: Trace, cluster: Cluster) -> tuple[str, ...]:
    """What was captured at different times, machine by machine, else place by place; each a sentence."""
    sentences = []
    machines = machines_of(trace)
    windows = {place: window for place in trace.places if (window := window_of(place, trace.timeline))}
    starts, ends = ([getattr(one, bound) for one in windows.values()] for bound in ("first_ns", "last_ns"))
    if max(starts, default=0) <= min(ends, default=0):
        return ()  # some moment is in all of them
    for one, other in combinations(machines, 2):
        pairs = [
            (first, second)
            for first in machines[one]
            for second in machines[other]
            if first in windows and second in windows
        ]
        apart = [pair for pair in pairs if not windows[pair[0]].overlaps(windows[pair[1]])]
        if apart and len(apart) == len(pairs):
            sides = [machines[one], machines[other]]
            names = [machine_text(side, cluster) for side in sides]
            spans = [_joined([windows[place] for place in side if place in windows]) for side in sides]
            sentences.append(_sentence(names, spans))
        else:
            sentences += [_apart(first, second, windows, cluster) for first, second in apart]
    for places in machines.values():
        for first, second in combinations([place for place in places if place in windows], 2):
            if not windows[first].overlaps(windows[second]):
                sentences.append(_apart(first, second, windows, cluster))
    if len(sentences) > MOST_SENTENCES:
        more = len(sentences) - MOST_SENTENCES
        return (*sentences[:MOST_SENTENCES], f"{more} more pairs of places were captured at different times")
    return tuple(sentences)


def _joined(windows: list[Window]) -> Window:
    return Window(
        min(window.first_ns for window in windows),
        max(window.last_ns for window in windows),
        all(window.is_common for window in windows),
    )


def _apart(first: Place, second: Place, windows: dict[Place, Window], cluster: Cluster) -> str:
    names = [name_addresses(place.label, cluster) for place in (first, second)]
    return _sentence(names, [windows[first], windows[second]])


def _sentence(names: list[str], windows: list[Window]) -> str:
    spans = [f"{name} ({_time(window.first_ns)} to {_time(window.last_ns)})" for name, window in zip(
        names, windows, strict=True)]  # fmt: skip
    clocks = "" if all(window.is_common for window in windows) else ", by clocks that cannot be compared"
    return f"{spans[0]} and {spans[1]} were captured at different times{clocks}: no packet can be followed between them"


def _time(time_ns: int) -> str:
    return format_time(time_ns)[11:].removesuffix(" UTC")
