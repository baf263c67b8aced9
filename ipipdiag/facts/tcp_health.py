"""How TCP fares at one point: what is sent again, what arrives out of order, what was delivered, who makes whom wait.

Nothing is known of what the two ends did beyond what their packets show here. A packet whose sequence numbers were seen
before was *sent again* if it is newer than all before it, by its timestamp or its IP identification; if it is older,
it is a second sighting of the same packet, and counts as nothing. One that fills a gap was *overtaken* if it is older,
and sent again after a loss *before* this point if it is newer. Keep-alives and window probes are neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets
from ipipdiag.facts.groups import Groups
from ipipdiag.facts.tally import Tally, TallyBuilder, frame_numbers, key, largest, smallest, total
from ipipdiag.facts.tcp_streams import APART, NEVER, Bool, Index, Int64, StreamBook, Streams
from ipipdiag.kinds import TcpEvent
from ipipdiag.protocols import FIN, SYN
from ipipdiag.table import Table, is_among

ROW_LIMIT = 200_000
WINDOW_BYTES = 1 << 26  # what lies further back than any window is a connection whose SYN was not captured
REORDERED_WITHIN_NS = 3_000_000  # one packet overtakes another by less; a retransmission takes longer
HOLE_WINDOW = 8_192  # gaps of a point that are remembered
PENDING_WINDOW = 65_536  # TCP packets of a point within which one is acknowledged, or never counts as delivered
SIZE_CLASS = 32  # bytes
NOT_YET = np.iinfo(np.int64).max


class TcpEvents(Tally):
    """A row a directed flow and kind of event. SYNs sent again are left out: they are another question."""

    source: npt.NDArray[np.int64] = key()
    destination: npt.NDArray[np.int64] = key()
    source_port: npt.NDArray[np.int64] = key()
    destination_port: npt.NDArray[np.int64] = key()
    event: npt.NDArray[np.int64] = key()  # TcpEvent
    packets: npt.NDArray[np.int64] = total()
    bytes: npt.NDArray[np.int64] = total()  # of payload, sent again or overtaken
    waited_ns: npt.NDArray[np.int64] = total()  # without a window, up to the next packet of that side
    delay_max_ns: npt.NDArray[np.int64] = largest()  # of one overtaken, behind the first that overtook it
    first_ns: npt.NDArray[np.int64] = smallest()
    last_ns: npt.NDArray[np.int64] = largest()
    closed_ns: npt.NDArray[np.int64] = largest()  # when the last window of 0 was announced; -1 without
    frames: npt.NDArray[np.int64] = frame_numbers()


class Repeats(Tally):
    """Segments sent again, SYNs too, and whether that was acknowledged; a row a sequence number and packet length."""

    source: npt.NDArray[np.int64] = key()
    destination: npt.NDArray[np.int64] = key()
    source_port: npt.NDArray[np.int64] = key()
    destination_port: npt.NDArray[np.int64] = key()
    sequence: npt.NDArray[np.int64] = key()
    length: npt.NDArray[np.int64] = key()  # bytes of the inner IP packet
    repeats: npt.NDArray[np.int64] = total()
    acknowledged: npt.NDArray[np.int64] = total()  # of these, those behind which an acknowledgement got
    first_ns: npt.NDArray[np.int64] = smallest()
    last_ns: npt.NDArray[np.int64] = largest()
    frames: npt.NDArray[np.int64] = frame_numbers()


class Deliveries(Tally):
    """Packets that were acknowledged and not sent again before that; a row a pair of addresses and class of length.

    Times are when the packets passed, not their acknowledgements.
    """

    source: npt.NDArray[np.int64] = key()
    destination: npt.NDArray[np.int64] = key()
    size_class: npt.NDArray[np.int64] = key()  # length in steps of SIZE_CLASS
    packets: npt.NDArray[np.int64] = total()
    length_max: npt.NDArray[np.int64] = largest()  # bytes of the inner IP packet
    first_ns: npt.NDArray[np.int64] = smallest()
    last_ns: npt.NDArray[np.int64] = largest()
    last_frame: npt.NDArray[np.int64] = largest()


class Gaps(Tally):
    """Bytes that a packet skipped, that never came here and that the receiver never acknowledged; a row a gap."""

    source: npt.NDArray[np.int64] = key()
    destination: npt.NDArray[np.int64] = key()
    source_port: npt.NDArray[np.int64] = key()
    destination_port: npt.NDArray[np.int64] = key()
    bytes: npt.NDArray[np.int64] = total()
    length_max: npt.NDArray[np.int64] = largest()  # inner total length of the packet that came nevertheless
    first_ns: npt.NDArray[np.int64] = smallest()  # when that packet came
    last_ns: npt.NDArray[np.int64] = largest()
    frames: npt.NDArray[np.int64] = frame_numbers()


@dataclass(frozen=True, slots=True)
class TcpFacts:
    """All that is kept of the TCP streams of a point."""

    events: TcpEvents
    repeats: Repeats
    deliveries: Deliveries
    gaps: Gaps


class _Segments(Table):
    """Packets that wait to be acknowledged."""

    uid: Int64
    ordinal: Int64
    position: Int64
    end: Int64
    sequence: Int64
    length: Int64
    time_ns: Int64
    number: Int64
    is_repeat: Bool
    is_touched: Bool  # a part of it was sent again since

    @classmethod
    def none(cls) -> _Segments:
        """The table with no rows, its columns of the right types."""
        columns = cls.empty().columns()
        return cls(**columns | {name: columns[name].astype(np.bool_) for name in ("is_repeat", "is_touched")})


class _Holes(Table):
    """Gaps in what a stream has shown, each from where it had got to up to the packet that skipped ahead."""

    uid: Int64
    start: Int64
    end: Int64
    time_ns: Int64
    rank: Int64  # number among the gaps of the point
    length: Int64
    number: Int64
    is_filled: Int64  # 1 once a packet began in it


class TcpFold:
    """Follows the TCP streams of one point over its batches, in order."""

    def __init__(self) -> None:
        self._book = StreamBook()
        self._events = TallyBuilder(TcpEvents, ROW_LIMIT)
        self._repeats = TallyBuilder(Repeats, ROW_LIMIT)
        self._deliveries = TallyBuilder(Deliveries, ROW_LIMIT)
        self._pending = _Segments.none()
        self._holes = _Holes.empty()
        self._gaps = 0

    def step(self, packets: Packets, flows: Groups) -> None:
        """Add a batch, without its duplicates; ``flows`` are the groups of its packets."""
        streams = self._book.step(packets, flows)
        if streams is None:
            return
        kind, behind = self._kinds(streams)
        self._events.add(self._event_rows(streams, kind, behind))
        self._follow(streams, packets, kind)

    def finish(self) -> TcpFacts:
        """The facts of all batches."""
        return TcpFacts(self._events.finish(), self._repeats.finish(), self._deliveries.finish(), self._open_gaps())

    def _open_gaps(self) -> Gaps:
        holes = self._holes
        acknowledged = self._book.acknowledged(holes.uid)
        holes = holes.select((holes.is_filled == 0) & (acknowledged > NEVER) & (acknowledged <= holes.start))
        source, destination, source_port, destination_port = self._book.ends(holes.uid)
        return Gaps(
            source=source,
            destination=destination,
            source_port=source_port,
            destination_port=destination_port,
            bytes=holes.end - holes.start,
            length_max=holes.length,
            first_ns=holes.time_ns,
            last_ns=holes.time_ns,
            frames=holes.number[:, None],
        ).aggregate()

    @property
    def left_out(self) -> int:
        """Packets of conversations, and rows, for which there was no room."""
        builders = (self._events, self._repeats, self._deliveries)
        return self._book.left_out + sum(builder.left_out for builder in builders)

    def _kinds(self, streams: Streams) -> tuple[Int64, Int64]:
        """The TcpEvent of each packet (0: none), of zero windows apart, and how long one was behind its overtaker."""
        position, before = streams.position, streams.before
        kind, behind = np.zeros(len(streams), dtype=np.int64), np.zeros(len(streams), dtype=np.int64)
        back = before - position
        is_data = (streams.span > 0) & (streams.flags & SYN == 0)
        old = is_data & (back > 0) & (back <= WINDOW_BYTES)
        is_probe = (back == 1) & (streams.payload <= 1) & (streams.flags & (SYN | FIN) == 0)
        kind[is_probe] = TcpEvent.PROBE
        rows = np.flatnonzero(old & ~is_probe)
        filled, opened_ns = self._look_into_holes(streams, rows)
        newer, older = streams.is_newer[rows], streams.is_older[rows]
        late = streams.time_ns[rows] - opened_ns
        overtaken = filled & ~newer & (late <= REORDERED_WITHIN_NS)
        kind[rows] = np.select(
            [overtaken, older, filled],
            [int(TcpEvent.OVERTAKEN), 0, int(TcpEvent.SENT_AGAIN_UNSEEN)],
            int(TcpEvent.SENT_AGAIN),
        )
        behind[rows[overtaken]] = late[overtaken]
        return kind, behind

    def _look_into_holes(self, streams: Streams, rows: Index) -> tuple[Bool, Int64]:
        """Which of the rows begin in a gap of their stream, and when that was opened; then remember the new gaps."""
        opens = np.flatnonzero((streams.position > streams.before) & ~streams.is_first)
        opens = opens[np.argsort(streams.ordinal[opens])]
        new = _Holes(
            uid=streams.uid[opens],
            start=streams.before[opens],
            end=streams.position[opens],
            time_ns=streams.time_ns[opens],
            rank=self._gaps + np.arange(len(opens)),
            length=streams.length[opens],
            number=streams.number[opens],
            is_filled=np.zeros(len(opens), dtype=np.int64),
        )
        holes = _Holes.concatenate([self._holes, new])
        gaps = self._gaps + np.searchsorted(streams.ordinal[opens], streams.ordinal[rows])
        self._gaps += len(opens)
        if len(rows) == 0 or len(holes) == 0:
            found, opened_ns = np.zeros(len(rows), dtype=np.bool_), np.zeros(len(rows), dtype=np.int64)
        else:
            # the gaps of a stream rise in both time and position: the last that begins at or before a row is the one
            hole = _last_at_or_before(holes.uid, holes.start, streams.uid[rows], streams.position[rows])
            found = (hole >= 0) & (holes.end[hole] > streams.position[rows])
            found &= (gaps - holes.rank[hole] <= HOLE_WINDOW) & (holes.rank[hole] < gaps)
            opened_ns = np.where(found, holes.time_ns[hole], 0)
            holes.is_filled[hole[found]] = 1
        self._holes = holes.select(slice(max(0, len(holes) - HOLE_WINDOW), None))
        return found, opened_ns

    def _event_rows(self, streams: Streams, kind: Int64, behind: Int64) -> TcpEvents:
        is_zero = (streams.window == 0) & (streams.flags & SYN == 0)
        waiting = np.flatnonzero(is_zero | (streams.previous_zero_ns >= 0))
        happened = np.flatnonzero(kind > 0)
        rows = np.concatenate([happened, waiting])
        is_window = np.arange(len(rows)) >= len(happened)
        order = np.argsort(streams.ordinal[rows], kind="stable")
        rows, is_window = rows[order], is_window[order]
        since = streams.previous_zero_ns[rows]
        waited = np.where(is_window & (since >= 0), np.maximum(streams.time_ns[rows] - since, 0), 0)
        counts = ~is_window | is_zero[rows]
        again = np.minimum(streams.payload[rows], np.maximum(streams.before - streams.position, 0)[rows])
        source, destination, source_port, destination_port = self._book.ends(streams.uid[rows])
        return TcpEvents(
            source=source,
            destination=destination,
            source_port=source_port,
            destination_port=destination_port,
            event=np.where(is_window, int(TcpEvent.ZERO_WINDOW), kind[rows]),
            packets=counts.astype(np.int64),
            bytes=np.where(is_window, 0, again),
            waited_ns=waited,
            delay_max_ns=np.where(is_window, 0, behind[rows]),
            first_ns=streams.time_ns[rows],
            last_ns=streams.time_ns[rows],
            closed_ns=np.where(is_window & is_zero[rows], streams.time_ns[rows], -1),
            frames=np.where(counts, streams.number[rows], 0)[:, None],
        )

    def _follow(self, streams: Streams, packets: Packets, kind: Int64) -> None:
        """Tally what was acknowledged in this batch, and what was sent again; keep what is not acknowledged yet."""
        is_repeat = (kind == TcpEvent.SENT_AGAIN) | (kind == TcpEvent.SENT_AGAIN_UNSEEN)
        is_again = is_repeat | ((streams.flags & SYN != 0) & (streams.position < streams.before))
        is_original = (streams.position >= streams.before) | (kind == TcpEvent.OVERTAKEN)
        rows = np.flatnonzero((streams.span > 0) & (is_original | is_again))
        new = _Segments(
            uid=streams.uid[rows],
            ordinal=streams.ordinal[rows],
            position=streams.position[rows],
            end=(streams.position + streams.span)[rows],
            sequence=packets.tcp_sequence[streams.row[rows]].astype(np.int64),
            length=streams.length[rows],
            time_ns=streams.time_ns[rows],
            number=streams.number[rows],
            is_repeat=is_again[rows],
            is_touched=np.zeros(len(rows), dtype=np.bool_),
        )
        pending = _Segments.concatenate([self._pending, new])
        by = _acknowledged_by(pending, streams, streams.stream[rows])
        repeats = np.flatnonzero(new.is_repeat)
        repeats = repeats[np.argsort(new.ordinal[repeats])]
        touched = _touched(pending, by, new.select(repeats))
        in_time = by - pending.ordinal <= PENDING_WINDOW
        self._repeats.add(self._repeat_rows(new.select(repeats), acknowledged=False))
        arrived = np.flatnonzero((by < NOT_YET) & in_time)
        again = pending.is_repeat[arrived]
        repeated = arrived[again]
        repeated = repeated[np.lexsort((pending.ordinal[repeated], by[repeated]))]  # whatever the batches
        self._repeats.add(self._repeat_rows(pending.select(repeated), acknowledged=True))
        self._deliveries.add(self._delivered(pending, arrived[~again & ~touched[arrived]], by))
        last = int(streams.ordinal.max())
        waits = (by == NOT_YET) & (last - pending.ordinal < PENDING_WINDOW) & self._book.is_current(pending.uid)
        self._pending = pending.with_columns(is_touched=touched).select(waits)

    def _repeat_rows(self, segments: _Segments, *, acknowledged: bool) -> Repeats:
        source, destination, source_port, destination_port = self._book.ends(segments.uid)
        count = np.full(len(segments), 1, dtype=np.int64)
        return Repeats(
            source=source,
            destination=destination,
            source_port=source_port,
            destination_port=destination_port,
            sequence=segments.sequence,
            length=segments.length,
            repeats=count * (not acknowledged),
            acknowledged=count * acknowledged,
            first_ns=segments.time_ns,
            last_ns=segments.time_ns,
            frames=segments.number[:, None],
        )

    def _delivered(self, pending: _Segments, rows: Index, by: Int64) -> Deliveries:
        """Some of the segments by stream and class of length, in the order in which the first was acknowledged."""
        uid, length, time_ns = pending.uid[rows], pending.length[rows], pending.time_ns[rows]
        groups = Groups.of([uid, length // SIZE_CLASS])
        source, destination, _, _ = self._book.ends(uid[groups.first])
        deliveries = Deliveries.unmerged(
            source=source[groups.codes],
            destination=destination[groups.codes],
            size_class=length // SIZE_CLASS,
            packets=np.ones(len(rows), dtype=np.bool_),
            length_max=length,
            first_ns=time_ns,
            last_ns=time_ns,
            last_frame=pending.number[rows],
        ).aggregate(groups)
        # by rises and then the ordinal, whatever the batches: they are no further apart than the window
        rank = by[rows] * (PENDING_WINDOW + 1) + (pending.ordinal[rows] - by[rows])
        return deliveries.select(np.argsort(groups.smallest(rank)))


def _acknowledged_by(pending: _Segments, streams: Streams, new: Int64) -> Int64:
    """The ordinal of the packet that first acknowledges all of each segment; its own where that was done before.

    NOT_YET where no packet of this batch does. ``new`` is the stream of the segments that are of this batch, which
    come last.
    """
    uid = streams.uid[streams.starts]
    carried = pending.uid[: len(pending) - len(new)]
    own = np.concatenate([_find(uid, carried), new])
    acknowledging = np.concatenate([_find(uid, carried ^ 1), streams.opposite[new]])
    was = (own >= 0) & (streams.acknowledged_before[own] >= pending.end)
    reached = np.searchsorted(streams.acknowledged + streams.stream * APART, pending.end + acknowledging * APART)
    found = (acknowledging >= 0) & (reached < streams.stops[acknowledging])
    ordinal = streams.ordinal[np.minimum(reached, len(streams) - 1)]
    by = np.where(found, np.maximum(ordinal, pending.ordinal), NOT_YET)
    return np.where(was, pending.ordinal, by)


def _touched(pending: _Segments, by: Int64, again: _Segments) -> Bool:
    """Which segments hold the beginning of one that was sent again after them and before they were acknowledged."""
    touched = pending.is_touched.copy()
    if len(again) == 0:
        return touched
    originals = np.flatnonzero(~pending.is_repeat & is_among(pending.uid, again.uid))
    if len(originals) == 0:
        return touched
    held = _last_at_or_before(pending.uid[originals], pending.position[originals], again.uid, again.position)
    at = originals[held]
    holds = (held >= 0) & (pending.end[at] > again.position)
    holds &= (again.ordinal > pending.ordinal[at]) & (again.ordinal <= by[at])
    touched[at[holds]] = True
    return touched


def _find(values: Int64, wanted: Int64) -> Int64:
    """The position of each wanted value among distinct values; -1 where it is not there."""
    order = np.argsort(values)
    at = order[np.minimum(np.searchsorted(values, wanted, sorter=order), len(values) - 1)]
    return np.where(values[at] == wanted, at, -1)


def _last_at_or_before(uid: Int64, position: Int64, wanted_uid: Int64, wanted_position: Int64) -> Int64:
    """For each wanted place of a stream the row that begins last at or before it in that stream; -1 without one."""
    count = len(uid)
    uids = np.concatenate([uid, wanted_uid])
    order = np.lexsort((np.arange(len(uids)) >= count, np.concatenate([position, wanted_position]), uids))
    latest = np.maximum.accumulate(np.where(order < count, np.arange(len(order)), -1))
    found = np.empty(len(order), dtype=np.int64)
    found[order] = np.where(latest >= 0, order[latest], -1)
    found = found[count:]
    return np.where((found >= 0) & (uid[found] == wanted_uid), found, -1)
