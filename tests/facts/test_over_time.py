"""What happens over time: a bounded number of buckets, what is sent again, and how long answers take."""

from __future__ import annotations

import numpy as np
import pytest

from ipipdiag.facts.exchanges import RoundTripFold, SentAgainFold
from ipipdiag.facts.over_time import NARROWEST_NS, NO_TRIP, Buckets, BucketsFold, count_over_time
from tests.builders.captures import START_NS, decode_frames
from tests.builders.packets import ethernet, icmp_echo, ipip, ipv4, tcp, tcp_options, udp

POD, PEER = "172.20.0.1", "172.20.4.1"
Frames = list[tuple[int, bytes]]


def packet(payload: bytes, *, back: bool = False, number: int = 1) -> bytes:
    source, destination = (PEER, POD) if back else (POD, PEER)
    return ethernet(ipv4(payload, source, destination, id=number))


def segment(sequence: int, data: bytes = b"data", flags: str = "PA") -> bytes:
    return packet(tcp(data, flags=flags, sequence=sequence % (1 << 32)))


def sent_again(frames: list[bytes], batch: int = 100) -> list[bool]:
    fold = SentAgainFold()
    parts = [fold.step(decode_frames(frames[start : start + batch]).packets) for start in range(0, len(frames), batch)]
    return [bool(value) for part in parts for value in part]


def trips(frames: Frames, batch: int = 100) -> list[int]:
    fold = RoundTripFold()
    parts = [fold.step(decode_frames(frames[start : start + batch]).packets) for start in range(0, len(frames), batch)]
    return [int(value) for part in parts for value in part]


def test_what_goes_on_is_not_sent_again() -> None:
    frames = [segment(99, b"", "S"), segment(100), segment(104), packet(tcp(flags="A")), segment(108, b"", "FA")]
    assert not any(sent_again(frames))


def test_one_flow_does_not_count_for_another() -> None:
    frames = [segment(100), packet(tcp(b"data", flags="PA", sequence=100), back=True)]
    assert sent_again(frames) == [False, False]


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_a_segment_that_ends_within_what_was_sent_is_sent_again(batch: int) -> None:
    frames = [segment(100, b"", "S"), segment(100, b"", "S"), segment(101), segment(101, b"da"), segment(103, b"tail")]
    assert sent_again(frames, batch) == [False, True, False, True, False]


@pytest.mark.parametrize("batch", [1, 100])
def test_sequence_numbers_run_on_beyond_their_end(batch: int) -> None:
    frames = [segment((1 << 32) - 4), segment(0), segment(4), segment((1 << 32) - 4), segment(8)]
    assert sent_again(frames, batch) == [False, False, False, True, False]


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_what_began_below_a_flows_first_segment_is_followed_as_well(batch: int) -> None:
    frames = [segment(0), segment((1 << 32) - 12), segment((1 << 32) - 8), segment(4)]
    assert sent_again(frames, batch) == [False, True, True, False]


@pytest.mark.parametrize("batch", [1, 100])
def test_an_echo_a_query_and_a_syn_are_answered(batch: int) -> None:
    frames = [
        (START_NS, packet(icmp_echo(sequence=1))),
        (START_NS + 300, packet(icmp_echo(request=False, sequence=1), back=True)),
        (START_NS + 1000, packet(udp(b"\x12\x34query", destination_port=53))),
        (START_NS + 1500, packet(udp(b"\x12\x34reply", source_port=53, destination_port=40000), back=True)),
        (START_NS + 2000, packet(tcp(flags="S", sequence=7))),
        (
            START_NS + 2700,
            packet(tcp(flags="SA", sequence=70, acknowledgement=8, source_port=80, destination_port=40000), back=True),
        ),
    ]
    assert trips(frames, batch) == [-1, 300, -1, 500, -1, 700]


def test_an_answer_to_something_else_is_none() -> None:
    frames = [
        (START_NS, packet(icmp_echo(sequence=1))),
        (START_NS + 300, packet(icmp_echo(request=False, sequence=2), back=True)),
        (START_NS + 400, packet(icmp_echo(request=False, sequence=1))),
    ]
    assert trips(frames) == [-1, -1, -1]


def test_a_timestamp_is_answered_by_its_echo_once() -> None:
    asks, answers = tcp_options(timestamps=(5, 0)), tcp_options(timestamps=(9, 5))
    ports = {"source_port": 80, "destination_port": 40000}
    frames = [
        (START_NS, packet(tcp(b"data", flags="PA", sequence=100, options=asks))),
        (START_NS + 250, packet(tcp(flags="A", options=answers, **ports), back=True)),
        (START_NS + 900, packet(tcp(flags="A", options=answers, **ports), back=True)),
    ]
    assert trips(frames) == [-1, 250, -1]


def test_buckets_tell_what_falls_into_them() -> None:
    inner = ipv4(icmp_echo(request=False, sequence=1), PEER, POD)
    frames = [
        (START_NS, packet(icmp_echo(sequence=1))),
        (START_NS + 300, ethernet(ipip(inner, "192.0.2.2", "192.0.2.1"))),
        (START_NS + 5 * NARROWEST_NS, packet(icmp_echo(sequence=2))),
    ]
    fold = BucketsFold()
    fold.step(decode_frames(frames).packets)
    buckets = fold.finish()
    assert fold.width_ns == NARROWEST_NS
    assert buckets.packets.tolist() == [2, 1]
    assert buckets.wrapped.tolist() == [1, 0]
    assert buckets.round_trip_min_ns.tolist() == [300, NO_TRIP]
    assert buckets.round_trip_max_ns.tolist() == [300, -1]
    assert int(buckets.bytes.sum()) == sum(len(frame) for _, frame in frames)


@pytest.mark.parametrize("batch", [1, 7, 200])
def test_the_width_doubles_until_the_buckets_fit(batch: int) -> None:
    frames = [(START_NS + position * 3_000_000, packet(udp(), number=position)) for position in range(200)]
    fold = BucketsFold(most=16)
    for start in range(0, len(frames), batch):
        fold.step(decode_frames(frames[start : start + batch]).packets)
    buckets = fold.finish()
    assert fold.width_ns == 64_000_000
    assert len(buckets) <= 16
    assert not (buckets.start_ns % fold.width_ns).any()
    assert int(buckets.packets.sum()) == 200
    assert np.all(np.diff(buckets.start_ns) > 0)


def test_an_empty_point_has_no_bucket() -> None:
    assert len(BucketsFold().finish()) == len(Buckets.empty()) == 0


def test_times_are_counted_in_as_few_buckets_as_asked_for() -> None:
    times = np.arange(1000, dtype=np.int64) * NARROWEST_NS + START_NS
    counted = count_over_time(times, most=100)
    assert len(counted) <= 100
    assert sum(count for _, count in counted) == 1000
