"""The ladder as a drawing: a line down for each place, a packet a row, time running down but not to scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from ipipdiag.points.model import Role
from ipipdiag.report.drawing import SMALL, Drawing, Label, Line, Mark, Shape
from ipipdiag.report.exhibits.ladder import Ladder, Rung
from ipipdiag.report.exhibits.transmissions import Transmission
from ipipdiag.report.units import format_count, format_duration
from ipipdiag.trace.model import Hop, Stop
from ipipdiag.trace.places import Place

WIDTH = 960
LEFT, RIGHT = 250, 44  # of the first lifeline, and beyond the last
HEAD = 76
ROW = 27
_PLACES = {Role.NODE: "NIC", Role.POD: "pod eth0", Role.CALI: "cali", Role.FABRIC: "network"}


def draw_ladder(ladder: Ladder, words: Mapping[Transmission, str], names: Mapping[int, str]) -> Drawing:
    """Shapes of the whole drawing. ``words`` say what each packet is, ``names`` what nodes and pods are called."""
    stops = ladder.route.stops
    step = (WIDTH - LEFT - RIGHT) / max(len(stops) - 1, 1)
    columns = {stop.place.number: LEFT + step * position for position, stop in enumerate(stops)}
    shapes: list[Shape] = []
    height = HEAD + sum(ROW + (16 if rung.skipped else 0) for rung in ladder.rungs) + 14
    for stop in stops:
        shapes += _head(stop, columns[stop.place.number], step, height, names)
    for hop in ladder.route.hops:
        shapes += _hop(hop, (columns[hop.start.number] + columns[hop.end.number]) / 2, step)
    start_ns = ladder.rungs[0].packet.sightings[0].time_ns if ladder.rungs else 0
    y = float(HEAD)
    for rung in ladder.rungs:
        if rung.skipped:
            shapes.append(Label(8, y + 12, f"{format_count(rung.skipped, 'packet')} not drawn", "quiet", SMALL))
            y += 16
        shapes += _rung(rung, y + ROW / 2, start_ns, columns, words)
        y += ROW
    title = f"Packets of {ladder.ends[0]} and {ladder.ends[1]}, place by place"
    return Drawing(title, describe(ladder), WIDTH, height, tuple(shapes))


def describe(ladder: Ladder) -> str:
    """The drawing in words."""
    stops = "; ".join(f"{stop.packets:,} at {stop.place.label}" for stop in ladder.route.stops)
    lost = [
        f"{hop.lost:,} of {hop.sent:,} lost between {hop.start.label} and {hop.end.label}"
        for hop in ladder.route.hops
        if hop.lost
    ]
    drawn = f"{len(ladder.rungs):,} of {format_count(ladder.total, 'packet')} of both directions are drawn"
    return f"From {ladder.ends[0]} to {ladder.ends[1]}: {stops}. {'; '.join(lost) or 'Nothing was lost'}. {drawn}."


def _head(stop: Stop, x: float, step: float, height: float, names: Mapping[int, str]) -> Iterator[Shape]:
    room = max(step - 6, 60)
    what = _PLACES.get(stop.place.role, stop.place.role.value)
    yield Label(x, 14, f"{stop.place.lead.id} {what}", "strong", SMALL, "middle", room=room)
    yield Label(x, 28, _owner(stop.place, names), "quiet", SMALL, "middle", room=room)
    yield Label(x, 44, f"{stop.packets:,} seen", "plain" if stop.packets else "fault", SMALL, "middle", room=room)
    yield Line(((x, 52), (x, height - 4)), "lifeline")


def _owner(place: Place, names: Mapping[int, str]) -> str:
    if place.pods:
        return names.get(place.pods[0], place.lead.pod or "pod").rpartition("/")[2]
    if place.node is not None:
        return names.get(place.node, place.lead.node or "node")
    return "" if place.role is Role.FABRIC else "node not known"


def _hop(hop: Hop, x: float, step: float) -> Iterator[Shape]:
    """What became of packets between two places, above the rows."""
    if hop.lost:
        yield Label(x, 66, f"✕ {hop.lost:,} lost", "fault", SMALL, "middle", room=max(step, 60))
    elif hop.delay_median_ns is not None:
        text = format_duration(max(hop.delay_median_ns, 0))
        yield Label(x, 66, text, "quiet", SMALL, "middle", room=step - 4)


def _rung(
    rung: Rung, y: float, start_ns: int, columns: Mapping[int, float], words: Mapping[Transmission, str]
) -> Iterator[Shape]:
    packet = rung.packet
    seen = [(sighting, columns[sighting.place]) for sighting in packet.sightings if sighting.place in columns]
    after = format_duration(packet.sightings[0].time_ns - start_ns)
    yield Label(66, y + 4, f"+{after}", "quiet", SMALL, "end")
    yield Label(76, y + 4, words.get(packet, "packet"), "plain", SMALL, room=LEFT - 76 - 12)
    if not seen:
        return
    xs = [x for _, x in seen]
    is_lost = packet.lost_after in columns
    for (one, start), (other, end) in pairwise(seen):
        if one.is_wrapped and other.is_wrapped:
            yield Line(((start, y), (end, y)), "tunnel")
    if len(xs) > 1:
        yield Line(((xs[0], y), (xs[-1], y)), "core-bare", has_arrow=not is_lost)
    if is_lost:
        beyond = _next_column(xs[-1], columns, is_forward=rung.is_forward)
        middle = (xs[-1] + beyond) / 2
        yield Line(((xs[-1], y), (middle, y)), "gone")
        yield Mark(middle, y, "lost", "lost here")
    for sighting, x in seen if is_lost or len(seen) == 1 else seen[:-1]:
        yield Mark(x, y, "seen", f"frame {sighting.number} of {sighting.input}")


def _next_column(x: float, columns: Mapping[int, float], *, is_forward: bool) -> float:
    others: Sequence[float] = [other for other in columns.values() if (other > x if is_forward else other < x)]
    return min(others, key=lambda other: abs(other - x), default=x + (40 if is_forward else -40))
