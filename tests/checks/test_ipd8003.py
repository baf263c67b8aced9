"""IPD8003 Retransmissions."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.connections import FULL, Connection
from tests.checks.world import Examination, Timed, bgp, from_a, from_b, pings


def lossy(lost: int, sent: int = 200, *, payload: int = FULL, beyond: bool = True, **kind: object) -> list[Timed]:
    """Of so many segments some are sent again, after they had passed the point or without."""
    one = Connection(**kind)  # type: ignore[arg-type]
    one.open()
    for number in range(sent):
        if number < lost:
            start = one.sequence[True]
            if beyond:
                one.send(payload)
            else:
                one.packet(payload)  # takes up an identification and is not seen
                one.sequence[True] += payload
            one.send(payload)
            one.again(payload, start)
        else:
            one.send(payload)
        one.acknowledge()
    return [*bgp(), *one.frames]


# what must not be reported


def test_segments_sent_once_pass(examine: Examination) -> None:
    assert examine(lossy(0)).status is Status.PASS


@pytest.mark.parametrize(("lost", "sent"), [(9, 60), (10, 900)], ids=["nine", "below two percent"])
def test_a_few_are_not_reported(examine: Examination, lost: int, sent: int) -> None:
    assert not examine(lossy(lost, sent)).findings


@pytest.mark.parametrize("has_stamps", [True, False])
def test_second_sightings_are_no_retransmissions(examine: Examination, has_stamps: bool) -> None:
    """A mirror shows every packet again, too late to be merged as a duplicate."""
    frames = lossy(0, 40, has_stamps=has_stamps)
    assert not examine(sorted([*frames, *((time + 5_000_000, frame) for time, frame in frames)])).findings


def test_packets_that_enter_a_node_and_leave_it_are_seen_twice(examine: Examination) -> None:
    one = Connection()
    one.open()
    for _ in range(40):
        packet = one.packet(FULL)
        one.show(packet)
        one.show(packet[:8] + bytes([packet[8] - 1]) + packet[9:], after=0.0001)
        one.sequence[True] += FULL
        one.acknowledge()
    assert not examine([*bgp(), *one.frames]).findings


def test_keep_alives_and_probes_are_no_retransmissions(examine: Examination) -> None:
    one = Connection()
    one.open()
    one.exchange(100, times=5)
    for payload in (0, 1) * 20:
        one.again(payload, one.sequence[True] - 1, after=1)
        one.acknowledge()
    assert not examine([*bgp(), *one.frames]).findings


def test_a_new_connection_on_the_same_ports_is_not_the_old_one_again(examine: Examination) -> None:
    one = Connection()
    for _ in range(20):
        one.open()
        one.exchange(100, times=3)
        one.sequence = {True: one.sequence[True] - 5000, False: 40}
        one.time += 1
    assert not examine([*bgp(until=40), *one.frames]).findings


def test_syns_sent_again_are_another_question(examine: Examination) -> None:
    one = Connection()
    for number in range(30):
        one.again(0, 1000, flags="S", number=number, after=1)
    assert not examine([*bgp(until=40), *one.frames]).findings


def test_bgp_is_left_to_its_own_checks(examine: Examination) -> None:
    assert not examine(lossy(20, port=179)).findings


# what must be


def test_lost_beyond_the_point(examine: Examination) -> None:
    finding = examine(lossy(20)).finding
    assert (finding.severity, finding.confidence, finding.count) == (Severity.WARNING, Confidence.CONFIRMED, 20)
    assert "20 had passed there before, 0 had not" in finding.observed
    assert "less than 2 % of the bytes, or fewer than 10 segments" in finding.expected
    assert len(finding.evidence[0].frames) == 8


def test_lost_before_the_point(examine: Examination) -> None:
    assert "0 had passed there before, 20 had not" in examine(lossy(20, beyond=False)).finding.observed


def test_identification_tells_where_there_are_no_timestamps(examine: Examination) -> None:
    assert examine(lossy(20, has_stamps=False)).finding.count == 20


def test_an_end_outside_the_cluster_makes_it_a_notice(examine: Examination) -> None:
    def bare(packet: bytes, *, to_b: bool) -> bytes:
        return from_a(packet) if to_b else from_b(packet)

    frames = lossy(20, destination="198.51.100.9", place=bare)
    assert examine(frames).finding.severity is Severity.NOTICE


# what cannot be judged


def test_without_tcp_nothing_can_be_said(examine: Examination) -> None:
    assert examine(pings()).reason is Reason.TOO_FEW_PACKETS
