"""The folds: duplicates within one point, and packets that pass again with a lower TTL."""

from __future__ import annotations

import pytest

from ipipdiag.facts.sightings import DuplicateFold, LoopFold, Loops, telling_hashes
from tests.builders.captures import START_NS, Frame, decode_frames
from tests.builders.packets import ethernet, icmp_echo, ipip, ipv4, tcp, tcp_options, udp

MS = 1_000_000
A, B = "172.20.0.1", "172.20.4.2"


def duplicates(frames: list[Frame]) -> list[int]:
    """Positions of the frames that the fold calls duplicates, fed one by one."""
    packets = decode_frames(frames).packets
    fold, hashes = DuplicateFold(), telling_hashes(packets)
    each = [slice(place, place + 1) for place in range(len(packets))]
    found = [place for place, row in enumerate(each) if fold.step(packets.select(row), hashes[row]).any()]
    assert found == DuplicateFold().step(packets, hashes).nonzero()[0].tolist()
    return found


def loops(frames: list[Frame]) -> Loops:
    packets = decode_frames(frames).packets
    return LoopFold().step(packets, telling_hashes(packets)).aggregate()


def ping(ttl: int = 64, id: int = 7, sequence: int = 1) -> bytes:
    return ipv4(icmp_echo(sequence=sequence), A, B, ttl=ttl, id=id)


def test_retransmission_is_no_duplicate() -> None:
    segment = ethernet(ipv4(tcp(b"data", flags="PA"), A, B, id=7))
    assert duplicates([(START_NS, segment), (START_NS + 200 * MS, segment)]) == []


def test_next_hop_of_a_packet_is_no_duplicate() -> None:
    assert duplicates([(START_NS, ethernet(ping(64))), (START_NS + 10_000, ethernet(ping(63)))]) == []


def test_acknowledgements_that_nothing_tells_apart_are_not_judged() -> None:
    acknowledgement = ethernet(ipv4(tcp(flags="A"), A, B, id=0))
    assert duplicates([(START_NS, acknowledgement), (START_NS + 10_000, acknowledgement)]) == []


def test_answers_without_identification_may_be_alike() -> None:
    """SYN-ACK and RST have identification 0; asked twice within a millisecond, a host sends the very same twice."""
    options = tcp_options(mss=1440, timestamps=(77, 0))
    answer = ethernet(ipv4(tcp(flags="SA", options=options), B, A, id=0, dont_fragment=True))
    assert duplicates([(START_NS, answer), (START_NS + 90_000, answer)]) == []


def test_wrapped_and_bare_are_two_sightings_not_duplicates() -> None:
    frames = [ethernet(ping(63)), ethernet(ipip(ping(63), "192.0.2.1", "192.0.2.2", ttl=63))]
    assert duplicates([(START_NS + n, frame) for n, frame in enumerate(frames)]) == []


def test_mirrored_packets_are_duplicates() -> None:
    frame = ethernet(ping())
    other_macs = ethernet(ping(), source="02:00:00:00:00:99")
    assert duplicates([(START_NS, frame), (START_NS + 5_000, frame), (START_NS + 9_000, other_macs)]) == [1, 2]


def test_packet_that_passes_three_times_is_a_loop() -> None:
    found = loops([(START_NS + n * MS, ethernet(ping(63 - 2 * n))) for n in range(5)])
    assert (int(found.packets[0]), int(found.sightings_max[0])) == (1, 5)
    assert (int(found.ttl_first[0]), int(found.ttl_last[0])) == (63, 55)
    assert found.frames[0].tolist()[:4] == [1, 3, 4, 5]


def test_twice_is_no_loop_yet() -> None:
    assert len(loops([(START_NS, ethernet(ping(63))), (START_NS + MS, ethernet(ping(61)))])) == 0


def test_both_directions_on_one_wire_are_two_tracks() -> None:
    """A packet seen on its way to a router and back again is not a loop after one round."""
    there = ethernet(ping(63), source="02:00:00:00:00:01", destination="02:00:00:00:00:02")
    back = ethernet(ping(62), source="02:00:00:00:00:02", destination="02:00:00:00:00:01")
    assert len(loops([(START_NS, there), (START_NS + MS, back)])) == 0


def test_traceroute_is_no_loop() -> None:
    probes = [ipv4(udp(b"probe", destination_port=33434 + ttl), A, B, ttl=ttl, id=ttl) for ttl in range(10, 0, -1)]
    assert len(loops([(START_NS + n * MS, ethernet(probe)) for n, probe in enumerate(probes)])) == 0


@pytest.mark.parametrize("pause", [0, 1_000])
def test_equal_ttl_is_no_further_round(pause: int) -> None:
    assert len(loops([(START_NS + n * pause * MS, ethernet(ping(63))) for n in range(9)])) == 0


def test_sightings_far_apart_are_not_one_round() -> None:
    assert len(loops([(START_NS + n * 2_000 * MS, ethernet(ping(63 - n))) for n in range(5)])) == 0
