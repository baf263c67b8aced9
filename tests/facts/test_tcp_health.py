"""What becomes of TCP segments at one point: sent again or seen twice, delivered or missing, whatever the numbering."""

from __future__ import annotations

from collections import Counter

import pytest

from ipipdiag.facts.flows import flow_groups
from ipipdiag.facts.tcp_health import TcpFacts, TcpFold
from ipipdiag.facts.tcp_streams import StreamBook
from ipipdiag.kinds import TcpEvent
from tests.builders.captures import decode_frames
from tests.checks.connections import FULL, HEADERS, Connection
from tests.checks.world import Timed


def facts_of(frames: list[Timed]) -> TcpFacts:
    fold = TcpFold()
    packets = decode_frames([(time, frame, len(frame)) for time, frame in sorted(frames)]).packets
    fold.step(packets, flow_groups(packets))
    return fold.finish()


def events_of(frames: list[Timed]) -> Counter[TcpEvent]:
    found: Counter[TcpEvent] = Counter()
    for event, packets in facts_of(frames).events.rows("event", "packets"):
        found[TcpEvent(event)] += packets
    return found


@pytest.mark.parametrize("start", [1000, (1 << 32) - 3 * FULL, (1 << 31) - FULL], ids=["low", "wraps", "half"])
def test_numbers_that_wrap_change_nothing(start: int) -> None:
    one = Connection()
    one.sequence[True] = start
    one.open()
    one.exchange(FULL, times=4)
    again = one.send(FULL)
    one.again(FULL, again % (1 << 32))
    one.acknowledge(acknowledgement=one.sequence[True] % (1 << 32))
    assert events_of(one.frames) == {TcpEvent.SENT_AGAIN: 1}


def test_pieces_of_a_super_packet_are_sent_again() -> None:
    one = Connection()
    one.open()
    start = one.send(5 * FULL)
    one.number[True] += 4  # it uses up an identification for each of its segments
    one.again(FULL, start + 2 * FULL)
    one.acknowledge()
    facts = facts_of(one.frames)
    assert facts.repeats.length.tolist() == [FULL + HEADERS]
    assert facts.repeats.acknowledged.tolist() == [1]
    # what was delivered of it in the first place is not known
    assert max(facts.deliveries.length_max.tolist()) < FULL


def test_a_packet_is_delivered_once_it_is_acknowledged() -> None:
    one = Connection()
    one.open()
    one.exchange(200)
    one.send(300)
    facts = facts_of(one.frames)
    sizes = sorted(facts.deliveries.rows("length_max", "packets"))
    assert sizes == [(56, 1), (56, 1), (200 + HEADERS, 1)]  # both SYNs, and what B acknowledged


def test_a_packet_that_was_sent_again_after_its_acknowledgement_was_delivered() -> None:
    one = Connection()
    one.open()
    start = one.send(FULL)
    one.acknowledge()
    one.again(FULL, start)
    facts = facts_of(one.frames)
    assert facts.events.event.tolist() == [TcpEvent.SENT_AGAIN]
    assert FULL + HEADERS in facts.deliveries.length_max.tolist()


def test_a_gap_counts_where_neither_point_nor_receiver_saw_the_bytes() -> None:
    for acknowledged, gaps in ((True, []), (False, [FULL])):
        one = Connection()
        one.open()
        one.exchange(100)
        before = one.sequence[True]
        one.sequence[True] += FULL
        one.send(100)
        one.acknowledge(**({} if acknowledged else {"acknowledgement": before}))
        assert facts_of(one.frames).gaps.bytes.tolist() == gaps


def test_each_direction_counts_for_itself() -> None:
    one = Connection()
    one.open()
    start = one.send(100, to_b=False)
    one.again(100, start, to_b=False)
    (row,) = facts_of(one.frames).events.rows("source_port", "destination_port", "packets")
    assert row == (80, one.port, 1)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_conversations_beyond_the_limit_are_counted_whatever_the_batches(size: int) -> None:
    frames = []
    for port in range(40000, 40006):
        one = Connection(port=port, time=port - 39990)
        one.exchange(100, times=2)
        frames += one.frames
    packets = decode_frames([frame for _, frame in sorted(frames)]).packets
    book = StreamBook(limit=4)
    parts = [packets.select(slice(at, at + size)) for at in range(0, len(packets), size)]
    streams = [book.step(part, flow_groups(part)) for part in parts]
    assert book.left_out == 8
    assert sum(len(batch) for batch in streams if batch is not None) == 16
