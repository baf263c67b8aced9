"""TCP packets of one point put in order stream by stream, with sequence numbers that no longer wrap.

A stream is one direction of one connection. A SYN with another sequence number begins a connection anew on the same
addresses and ports. Positions count bytes from the first sequence number that was seen of a stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets
from ipipdiag.facts.groups import Groups
from ipipdiag.protocols import ACK, FIN, RST, SYN

CONVERSATION_LIMIT = 200_000  # of one point; packets of those that appear later are counted and left out
RUN_BITS = 24  # of a stream's number: which connection of its addresses and ports
APART = 1 << 45  # more than any two positions of a stream differ by
NEVER = -(1 << 44)  # a position before every other
TYPICAL_SEGMENT = 1_448  # bytes; a super-packet uses up one IP identification for each

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Streams:
    """The TCP packets of a batch, resets left out, sorted by stream and within a stream in the order of the frames.

    ``stream`` numbers the streams of the batch from 0; ``starts`` and ``stops`` bound their packets. ``before`` is how
    far the stream had got before a packet, ``is_newer`` and ``is_older`` say whether the packet was sent after or
    before all that the stream showed until then, by its timestamp or else its IP identification (neither: not known).
    ``acknowledged`` is how far the packet and those before it acknowledge the opposite stream.
    """

    row: Index  # in the packet table
    ordinal: Int64  # number among the TCP packets of the point
    time_ns: Int64
    number: Int64  # of the frame
    conversation: Int64
    direction: Int64
    uid: Int64  # of the stream, over all batches
    stream: Int64
    starts: Index
    stops: Index
    opposite: Int64  # for each stream of the batch the one of the other direction, -1 where it has no packet here
    position: Int64
    span: Int64  # sequence numbers taken up: payload, SYN, FIN
    before: Int64
    is_first: Bool  # the first of its stream: nothing is known before it
    payload: Int64
    length: Int64  # inner total length
    flags: Int64
    window: Int64
    is_newer: Bool
    is_older: Bool
    previous_zero_ns: Int64  # time of the packet before in its stream, where that announced no window; -1 elsewhere
    acknowledged: Int64  # NEVER where nothing is known to be
    acknowledged_before: Int64  # for each stream, how far it had been acknowledged before this batch

    def __len__(self) -> int:
        return len(self.row)


class StreamBook:
    """Knows the conversations of one point, and where each of their streams stands."""

    def __init__(self, limit: int = CONVERSATION_LIMIT) -> None:
        self._limit = limit
        self._low = np.zeros(0, dtype=np.int64)
        self._high = np.zeros(0, dtype=np.int64)
        self._run = np.zeros(0, dtype=np.int64)
        self._syn_sequence = np.zeros(0, dtype=np.int64)
        self._state: dict[str, Int64] = {name: np.zeros((0, 2), dtype=np.int64) for name in _STATE}
        self._ordinal = 0
        self.left_out = 0

    def ends(self, uid: Int64) -> tuple[Int64, Int64, Int64, Int64]:
        """Source, destination and ports of streams by their number."""
        conversation, forward = uid >> (RUN_BITS + 1), (uid & 1) == 0
        low, high = self._low[conversation], self._high[conversation]
        one, other = np.where(forward, low, high), np.where(forward, high, low)
        return one >> 16, other >> 16, one & 0xFFFF, other & 0xFFFF

    def is_current(self, uid: Int64) -> Bool:
        """Which streams belong to the connection that their addresses and ports had last."""
        current: Bool = ((uid >> 1) & ((1 << RUN_BITS) - 1)) == self._run[uid >> (RUN_BITS + 1)] % (1 << RUN_BITS)
        return current

    def acknowledged(self, uid: Int64) -> Int64:
        """How far streams are acknowledged so far; NEVER for those of a connection that another has followed."""
        held = self._state["acknowledged"][uid >> (RUN_BITS + 1), uid & 1]
        return np.where(self.is_current(uid), held, NEVER)

    def step(self, packets: Packets, flows: Groups) -> Streams | None:
        """The TCP packets of a batch as streams; None where it has none. ``flows`` are the groups of its packets."""
        judged = (packets.tcp_header_length > 0) & (packets.payload_length >= 0) & (packets.tcp_flags & RST == 0)
        judged &= ~packets.inner_more_fragments
        rows, conversation, direction = self._conversations(packets, np.flatnonzero(judged), flows.select(judged))
        if len(rows) == 0:
            return None
        ordinal = self._ordinal + np.arange(len(rows))
        self._ordinal += len(rows)
        flags = packets.tcp_flags[rows].astype(np.int64)
        sequence = packets.tcp_sequence[rows].astype(np.int64)
        later_run = self._runs(conversation, flags, sequence)
        keys = (conversation * (int(later_run.max()) + 1) + later_run) * 2 + direction
        order = _stable_order(keys)
        keys = keys[order]
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        stops = np.append(starts[1:], len(keys))
        batch = _Sorted(
            rows[order], ordinal[order], conversation[order], direction[order], later_run[order], flags[order],
            sequence[order], starts, stops, np.repeat(np.arange(len(starts)), stops - starts), keys[starts],
        )  # fmt: skip
        return self._placed(packets, batch)

    def _conversations(self, packets: Packets, rows: Index, flows: Groups) -> tuple[Index, Int64, Int64]:
        """The conversation and direction of each row; rows for which there is no room are left out."""
        firsts = rows[flows.first]  # what is the same in all packets of a flow is worked out once
        source = packets.inner_source[firsts].astype(np.int64) << 16 | packets.source_port[firsts]
        destination = packets.inner_destination[firsts].astype(np.int64) << 16 | packets.destination_port[firsts]
        low, high = np.minimum(source, destination), np.maximum(source, destination)
        direction = (source > destination).astype(np.int64)
        known = len(self._low)
        groups = Groups.of([np.concatenate([self._low, low]), np.concatenate([self._high, high])])
        conversation = groups.codes[known:].astype(np.int64)
        new = groups.first[known : self._limit] - known
        self._low, self._high = np.concatenate([self._low, low[new]]), np.concatenate([self._high, high[new]])
        self._run = np.concatenate([self._run, np.zeros(len(new), dtype=np.int64)])
        self._syn_sequence = np.concatenate([self._syn_sequence, np.full(len(new), -1)])
        for name, initial in _STATE.items():
            self._state[name] = np.concatenate([self._state[name], np.full((len(new), 2), initial)])
        conversation, direction = conversation[flows.codes], direction[flows.codes]
        room = conversation < self._limit
        if not room.all():
            self.left_out += int((~room).sum())
            return rows[room], conversation[room], direction[room]
        return rows, conversation, direction

    def _runs(self, conversation: Int64, flags: Int64, sequence: Int64) -> Int64:
        """How many connections of its conversation have begun in this batch up to each row."""
        count = len(conversation)
        syns = np.flatnonzero(flags & (SYN | ACK) == SYN)
        syns = syns[np.argsort(conversation[syns], kind="stable")]
        of, number = conversation[syns], sequence[syns]
        is_first = np.diff(of, prepend=-1) != 0
        begins = number != np.where(is_first, self._syn_sequence[of], np.roll(number, 1))
        is_last = np.diff(of, append=-1) != 0
        self._syn_sequence[of[is_last]] = number[is_last]
        if not begins.any():
            return np.zeros(count, dtype=np.int64)
        order = _stable_order(conversation)
        sorted_conversation = conversation[order]
        begun = np.zeros(count, dtype=np.int64)
        begun[syns[begins]] = 1
        begun = begun[order]
        until = np.cumsum(begun)
        starts = np.flatnonzero(np.diff(sorted_conversation, prepend=-1))
        before = np.repeat((until - begun)[starts], np.diff(starts, append=count))
        later_run = np.empty(count, dtype=np.int64)
        later_run[order] = until - before
        return later_run

    def _placed(self, packets: Packets, batch: _Sorted) -> Streams:
        """The rows with their positions; the state is moved to the end of the batch."""
        heads = batch.conversation[batch.starts], batch.direction[batch.starts]
        goes_on = (batch.later_run[batch.starts] == 0) & (self._state["is_known"][heads] > 0)
        was = {name: np.where(goes_on, self._state[name][heads], initial) for name, initial in _STATE.items()}
        rows = batch.row
        payload = packets.payload_length[rows].astype(np.int64)
        span = payload + (batch.flags & SYN != 0) + (batch.flags & FIN != 0)
        position = _unwrap(batch.sequence, 32, batch, was["sequence"], was["position"], goes_on)
        first = position[batch.starts]
        before = _running_maximum(position + span, batch, np.where(goes_on, was["end"], first))
        window = packets.tcp_window[rows].astype(np.int64)
        time_ns = packets.time_ns[rows]
        zero = np.where((window == 0) & (batch.flags & SYN == 0), time_ns, -1)
        stamp, identification = packets.tcp_timestamp[rows], packets.inner_id[rows].astype(np.int64)
        by_stamp = _order_sent(stamp, stamp >= 0, 32, batch, was, "stamp", np.zeros_like(stamp), same_is_older=False)
        by_id = _order_sent(
            identification, identification > 0, 16, batch, was, "id", payload // TYPICAL_SEGMENT, same_is_older=True
        )
        # one moment stamps many packets; an identification that is no newer is that of a packet seen before
        sent = np.where(by_stamp.order != 0, by_stamp.order, by_id.order)
        last = batch.stops - 1
        now = was | by_stamp.state | by_id.state | {
            "is_known": np.ones(len(last), dtype=np.int64),
            "sequence": batch.sequence[last],
            "position": position[last],
            "end": np.maximum(before[last], (position + span)[last]),
            "zero_ns": zero[last],
            "first_ordinal": np.where(goes_on, was["first_ordinal"], batch.ordinal[batch.starts]),
        }  # fmt: skip
        opposite = np.searchsorted(batch.keys, batch.keys ^ 1)
        opposite[(opposite == len(last)) | (batch.keys[np.minimum(opposite, len(last) - 1)] != batch.keys ^ 1)] = -1
        other = self._of_opposite(batch, heads, now, opposite)
        acknowledged = _acknowledged(packets.tcp_acknowledgement[rows].astype(np.int64), batch, other)
        run = self._run[batch.conversation] + batch.later_run
        acknowledged_before = was["acknowledged"]
        self._keep(batch, heads, now, opposite, acknowledged[last])
        return Streams(
            row=rows, ordinal=batch.ordinal, time_ns=time_ns, number=packets.number[rows],
            conversation=batch.conversation, direction=batch.direction,
            uid=(batch.conversation << RUN_BITS | run % (1 << RUN_BITS)) << 1 | batch.direction,
            stream=batch.stream, starts=batch.starts, stops=batch.stops, opposite=opposite.astype(np.int64),
            position=position, span=span, before=before, is_first=_is_first(batch, goes_on), payload=payload,
            length=packets.inner_total_length[rows].astype(np.int64), flags=batch.flags, window=window,
            is_newer=sent > 0, is_older=sent < 0, previous_zero_ns=_shifted(zero, batch, was["zero_ns"]),
            acknowledged=acknowledged, acknowledged_before=acknowledged_before,
        )  # fmt: skip

    def _of_opposite(
        self, batch: _Sorted, heads: tuple[Int64, Int64], now: dict[str, Int64], opposite: Index
    ) -> dict[str, Int64]:
        """Where the opposite stream of each stream stands, from this batch or from those before."""
        conversation, direction = heads
        goes_on = batch.later_run[batch.starts] == 0
        held: dict[str, Int64] = {}
        for name in ("is_known", "sequence", "position", "end", "first_ordinal", "acknowledged"):
            earlier = np.where(goes_on, self._state[name][conversation, 1 - direction], _STATE[name])
            held[name] = np.where(opposite >= 0, now[name][opposite], earlier)
        return held

    def _keep(
        self, batch: _Sorted, heads: tuple[Int64, Int64], now: dict[str, Int64], opposite: Index, acknowledged: Int64
    ) -> None:
        """Store the state of the last connection of each conversation, and forget that of those before."""
        conversation, direction = heads
        later_run = batch.later_run[batch.starts]
        most = np.zeros(len(self._run), dtype=np.int64)
        np.maximum.at(most, conversation, later_run)
        self._run += most
        renewed = np.flatnonzero(most)
        for name, initial in _STATE.items():
            self._state[name][renewed] = initial
        is_last = later_run == most[conversation]
        # what a stream acknowledges belongs to the opposite one, whose own row must not overwrite it
        now["acknowledged"] = np.where(opposite >= 0, acknowledged[opposite], now["acknowledged"])
        for name in _STATE:
            self._state[name][conversation[is_last], direction[is_last]] = now[name][is_last]
        alone = is_last & (opposite < 0)
        self._state["acknowledged"][conversation[alone], 1 - direction[alone]] = acknowledged[alone]


# what is known of each direction of a conversation between batches, and its value before its first packet
_STATE: dict[str, int] = {
    "is_known": 0,
    "sequence": 0,
    "position": 0,
    "end": NEVER,
    "zero_ns": -1,
    "first_ordinal": np.iinfo(np.int64).max,
    "acknowledged": NEVER,
    "stamp_known": 0,
    "stamp": 0,
    "stamp_position": 0,
    "stamp_most": 0,
    "id_known": 0,
    "id": 0,
    "id_position": 0,
    "id_most": 0,
}


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Rows sorted by stream: what all steps need."""

    row: Index
    ordinal: Int64
    conversation: Int64
    direction: Int64
    later_run: Int64
    flags: Int64
    sequence: Int64
    starts: Index
    stops: Index
    stream: Int64
    keys: Int64  # of the streams, rising; those of the two directions differ in the lowest bit


@dataclass(frozen=True, slots=True)
class _Sent:
    """1 where a packet was sent after all before it, -1 where before one of them, 0 where that is not known."""

    order: Int64
    state: dict[str, Int64]


def _stable_order(keys: Int64) -> Index:
    """The order that sorts the keys, equal ones as they are; small keys are sorted by radix."""
    return np.argsort(keys.astype(np.uint16) if int(keys.max()) < 1 << 16 else keys, kind="stable")


def _shifted(values: Int64, batch: _Sorted, initial: Int64) -> Int64:
    """Each row's predecessor in its stream; ``initial`` (a value a stream) for the first rows."""
    shifted = np.empty_like(values)
    shifted[1:] = values[:-1]
    shifted[batch.starts] = initial
    return shifted


def _running_maximum(values: Int64, batch: _Sorted, initial: Int64) -> Int64:
    """For each row the largest value of the rows before it in its stream, and of ``initial``."""
    apart = batch.stream * APART
    return np.maximum.accumulate(_shifted(values, batch, initial) + apart) - apart


def _running_sum(values: Int64, batch: _Sorted) -> Int64:
    """The sum of each row and those before it in its stream."""
    total = np.cumsum(values)
    return total - (total[batch.starts] - values[batch.starts])[batch.stream]


def _signed(difference: Int64, bits: int) -> Int64:
    """A difference of numbers that wrap, as the nearest of the values it may stand for."""
    half = 1 << (bits - 1)
    return ((difference + half) & ((1 << bits) - 1)) - half


def _unwrap(values: Int64, bits: int, batch: _Sorted, last: Int64, position: Int64, goes_on: Bool) -> Int64:
    """Numbers that wrap as positions on an endless line: of the first row of a stream 0, or on from the state."""
    steps = _signed(values - _shifted(values, batch, last), bits)
    steps[batch.starts] = np.where(goes_on, position + steps[batch.starts], 0)
    return _running_sum(steps, batch)


def _order_sent(
    values: Int64,
    valid: Bool,
    bits: int,
    batch: _Sorted,
    was: dict[str, Int64],
    name: str,
    extra: Int64,
    *,
    same_is_older: bool,
) -> _Sent:
    """The order of sending by a number that rises from packet to packet; rows without one say nothing.

    A packet uses up ``extra`` numbers beside its own.
    """
    known = was[f"{name}_known"] > 0
    if not valid.any():
        kept = {key: was[key] for key in (f"{name}_known", name, f"{name}_position", f"{name}_most")}
        return _Sent(np.zeros(len(values), dtype=np.int64), kept)
    filled, has_own = (values, valid) if valid.all() else _filled(values, valid, batch, known, was[name])
    position = _unwrap(filled, bits, batch, was[name], was[f"{name}_position"], known)
    reached = np.where(has_own | known[batch.stream], position + extra, NEVER)
    most = _running_maximum(reached, batch, np.where(known, was[f"{name}_most"], NEVER))
    order = np.where(valid & (most > NEVER), np.sign(2 * (position - most) - same_is_older), 0)
    last = batch.stops - 1
    now_known = known | has_own[last]
    state = {
        f"{name}_known": now_known.astype(np.int64),
        name: np.where(now_known, filled[last], 0),
        f"{name}_position": np.where(now_known, position[last], 0),
        f"{name}_most": np.where(now_known, np.maximum(most[last], reached[last]), 0),
    }
    return _Sent(order, state)


def _filled(values: Int64, valid: Bool, batch: _Sorted, known: Bool, held: Int64) -> tuple[Int64, Bool]:
    """Each row's number, or the latest before it in its stream, and whether its stream had one up to it.

    Rows before the first number of a stream take the state's, or that of the first row that has one.
    """
    positions = np.arange(len(values))
    latest = np.maximum.accumulate(np.where(valid, positions, -1))
    has_own = latest >= batch.starts[batch.stream]
    lead = np.minimum.reduceat(np.where(valid, positions, len(values)), batch.starts)
    lead = np.minimum(lead, len(values) - 1)
    return np.where(has_own, values[latest], np.where(known, held, values[lead])[batch.stream]), has_own


def _is_first(batch: _Sorted, goes_on: Bool) -> Bool:
    is_first = np.zeros(len(batch.row), dtype=np.bool_)
    is_first[batch.starts] = ~goes_on
    return is_first


def _acknowledged(numbers: Int64, batch: _Sorted, other: dict[str, Any]) -> Int64:
    """How far each packet and those before it acknowledge the opposite stream, in that stream's positions."""
    end, stream = other["end"], batch.stream
    base = other["sequence"] - other["position"]
    position = end[stream] + _signed(numbers - (base + end)[stream], 32)
    counts = (batch.flags & ACK != 0) & (other["is_known"] > 0)[stream]
    counts &= batch.ordinal > other["first_ordinal"][stream]
    position = np.where(counts, position, NEVER)
    return np.maximum(_running_maximum(position, batch, other["acknowledged"]), position)
