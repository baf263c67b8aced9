"""Segments that are sent again and again and never acknowledged at their size, beside what gets through meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ipipdiag.checks.thresholds import Thresholds
from ipipdiag.kinds import TcpEvent

if TYPE_CHECKING:
    from ipipdiag.points.model import Point

MILLISECOND = 1_000_000
SEQUENCE_SPACE = 1 << 32
WAITED_NS = 500_000_000  # a segment whose acknowledgement is lost is sent again within less, after a round trip or two
FEWEST_FLOWS = 2
REPEATS_IN_SEVERAL = 2  # of each, where several flows are stuck

Ports = tuple[int, int]


@dataclass(frozen=True, slots=True)
class StuckSegment:
    """One segment; lengths are in bytes of the inner IP packet."""

    ports: Ports
    length: int  # the smallest at which it was sent and not acknowledged
    repeats: int
    first_ns: int  # of the repeats
    last_ns: int
    got_through: int | None  # the smaller length at which it was acknowledged in the end
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StuckPair:
    """What one address sends another at one point: the segments that are stuck, and what was delivered beside them."""

    point: Point
    source: int
    destination: int
    segments: tuple[StuckSegment, ...]
    delivered: int  # the largest packet below the smallest stuck one that was acknowledged, in bytes
    passes: tuple[str, ...]  # what was seen to get through after the first repeat

    @property
    def smallest(self) -> int:
        """Length of the smallest packet that is stuck."""
        return min(segment.length for segment in self.segments)

    @property
    def repeats(self) -> int:
        """How often any of them was sent again."""
        return sum(segment.repeats for segment in self.segments)

    @property
    def flows(self) -> int:
        """How many connections are concerned."""
        return len({segment.ports for segment in self.segments})


def stuck_pairs(point: Point, thresholds: Thresholds) -> Iterator[StuckPair]:
    """The pairs of addresses of which large packets are stuck while smaller ones get through."""
    by_pair: dict[tuple[int, int], list[StuckSegment]] = defaultdict(list)
    for (source, destination, *_), segment in _heads(point).items():
        if not _waits_for_receiver(point, source, destination, segment):
            by_pair[source, destination].append(segment)
    for (source, destination), all_segments in by_pair.items():
        small = [one for one in all_segments if one.length < thresholds.stuck_bytes]
        if any(one.repeats >= REPEATS_IN_SEVERAL for one in small):
            continue  # small packets are lost as well: that is loss, or a path that is down
        segments = tuple(_long_enough(all_segments, thresholds))
        if not segments:
            continue
        smallest, first_ns = min(one.length for one in segments), min(one.first_ns for one in segments)
        delivered = _delivered(point, source, destination)
        if any(length >= smallest for length, _ in delivered):
            continue
        pieces = [one.got_through for one in segments if one.got_through is not None]
        passes = [f"pieces of {max(pieces)} bytes are acknowledged"] if pieces else []
        passes += _passes_meanwhile(point, source, destination, smallest, first_ns)
        if delivered and passes:
            largest = max(*pieces, *(length for length, _ in delivered), 0)
            yield StuckPair(point, source, destination, segments, largest, tuple(passes))


@dataclass(frozen=True, slots=True)
class _Repeat:
    length: int
    repeats: int
    acknowledged: int
    first_ns: int
    last_ns: int
    frames: tuple[int, ...]


def _repeats(point: Point) -> dict[tuple[int, int, int, int, int], list[_Repeat]]:
    """The lengths at which each segment was sent again, by flow and sequence number."""
    table = point.facts.tcp_repeats
    found: dict[tuple[int, int, int, int, int], list[_Repeat]] = defaultdict(list)
    for position, (*key, length, repeats, acknowledged, first_ns, last_ns) in enumerate(
        table.rows("source", "destination", "source_port", "destination_port", "sequence", "length", "repeats",
                   "acknowledged", "first_ns", "last_ns")
    ):  # fmt: skip
        frames = tuple(number for number in table.frames[position].tolist() if number)
        entry = _Repeat(length, repeats, acknowledged, first_ns, last_ns, frames)
        found[key[0], key[1], key[2], key[3], key[4]].append(entry)
    return found


def _heads(point: Point) -> dict[tuple[int, int, int, int], StuckSegment]:
    """For each flow the first of its segments that is stuck: what lies behind it cannot be acknowledged either."""
    first: dict[tuple[int, int, int, int], tuple[int, StuckSegment]] = {}
    for (*ends, sequence), rows in _repeats(point).items():
        key = (ends[0], ends[1], ends[2], ends[3])
        segment = _stuck((ends[2], ends[3]), rows)
        if segment is None:
            continue
        if key not in first or (first[key][0] - sequence) % SEQUENCE_SPACE < SEQUENCE_SPACE // 2:
            first[key] = sequence, segment
    return {key: segment for key, (_, segment) in first.items()}


def _stuck(ports: Ports, rows: list[_Repeat]) -> StuckSegment | None:
    """A segment none of whose repeats was acknowledged, or only one that was sent smaller than those before."""
    latest = max(rows, key=lambda row: row.last_ns)
    larger = [row for row in rows if row.length > latest.length]
    lost = larger if latest.acknowledged else rows
    if not lost:
        return None
    return StuckSegment(
        ports=ports,
        length=min(row.length for row in lost),
        repeats=sum(row.repeats for row in lost),
        first_ns=min(row.first_ns for row in lost),
        last_ns=max(row.last_ns for row in lost),
        got_through=latest.length if latest.acknowledged else None,
        frames=tuple(sorted(number for row in lost for number in row.frames)),
    )


def _long_enough(segments: list[StuckSegment], thresholds: Thresholds) -> Iterator[StuckSegment]:
    """Those that were sent again often and long enough; less often where several connections are stuck alike."""
    waited = [one for one in segments if one.last_ns - one.first_ns >= thresholds.stuck_ms * MILLISECOND]
    if any(one.repeats >= thresholds.stuck_repeats for one in waited):
        yield from (one for one in waited if one.repeats >= REPEATS_IN_SEVERAL)
        return
    several = [one for one in segments if one.repeats >= REPEATS_IN_SEVERAL]
    if len({one.ports for one in several}) >= FEWEST_FLOWS:
        yield from several


def _waits_for_receiver(point: Point, source: int, destination: int, segment: StuckSegment) -> bool:
    """Whether the receiver had closed its window: then it is the one that does not take more."""
    closed_ns = _closed_windows(point).get((destination, source, *segment.ports[::-1]))
    return closed_ns is not None and closed_ns <= segment.last_ns


@lru_cache(maxsize=64)
def _closed_windows(point: Point) -> dict[tuple[int, ...], int]:
    """The flows that announced a window of 0, and when first."""
    return {
        tuple(ends): first_ns
        for *ends, event, first_ns in point.facts.tcp_events.rows(
            "source", "destination", "source_port", "destination_port", "event", "first_ns"
        )
        if event == TcpEvent.ZERO_WINDOW
    }


@lru_cache(maxsize=64)
def _deliveries(point: Point) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Lengths of packets from one address to another that were acknowledged, and when the last of each passed."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for source, destination, length, last_ns in point.facts.tcp_deliveries.rows(
        "source", "destination", "length_max", "last_ns"
    ):
        found[source, destination].append((length, last_ns))
    return found


def _delivered(point: Point, source: int, destination: int) -> list[tuple[int, int]]:
    return _deliveries(point).get((source, destination), [])


def _passes_meanwhile(point: Point, source: int, destination: int, smallest: int, first_ns: int) -> Iterator[str]:
    """What shows that the way was open to smaller packets after a segment had first been sent again."""
    after = [length for length, last_ns in _delivered(point, source, destination) if last_ns > first_ns]
    if after:
        yield f"packets up to {max(after)} bytes are acknowledged"
    if _acknowledgements_arrive(point, source, destination, first_ns):
        yield "acknowledgements without payload arrive"
    echoes = [
        length
        for length, last_ns in _answered_echoes(point).get((source, destination), ())
        if last_ns > first_ns and length < smallest
    ]
    if echoes:
        yield f"echo requests of {max(echoes)} bytes are answered"


def _acknowledgements_arrive(point: Point, source: int, destination: int, first_ns: int) -> bool:
    """Whether data of the other direction was acknowledged and not sent again, with time enough to do so."""
    end_ns = point.facts.extent.last_ns or 0
    back = [last_ns for _, last_ns in _delivered(point, destination, source) if last_ns > first_ns]
    if not back or end_ns - max(back) < WAITED_NS:
        return False
    last_ns = _last_repeats(point).get((destination, source))
    return last_ns is None or last_ns < max(back)


@lru_cache(maxsize=64)
def _answered_echoes(point: Point) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Lengths of echo requests from one address to another that are answered, and when the last of each passed."""
    flows = point.facts.flows
    found: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    answered = flows.select((flows.echo_requests > 0) & (flows.answers > 0))
    for source, destination, length, last_ns in answered.rows("source", "destination", "length_max", "last_ns"):
        found[source, destination].append((length, last_ns))
    return found


@lru_cache(maxsize=64)
def _last_repeats(point: Point) -> dict[tuple[int, int], int]:
    """When one address last sent another a segment again."""
    found: dict[tuple[int, int], int] = {}
    for source, destination, last_ns in point.facts.tcp_repeats.rows("source", "destination", "last_ns"):
        found[source, destination] = max(found.get((source, destination), last_ns), last_ns)
    return found
