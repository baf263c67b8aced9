"""IPD5002 PmtuBlackhole."""

from __future__ import annotations

from collections.abc import Iterable

from ipipdiag.checks.model import Confidence, Finding, Reason, Severity, Status
from ipipdiag.points.model import Role
from tests.builders.packets import icmp_error, ipv4
from tests.checks.connections import FULL, HEADERS, Connection
from tests.checks.world import (
    NODE_A,
    POD_A,
    POD_B,
    Examination,
    Timed,
    at,
    bgp,
    from_pod,
    gateway_arp,
    pings,
    to_pod,
)


def on_pod_link(packet: bytes, *, to_b: bool) -> bytes:
    return from_pod(packet) if to_b else to_pod(packet)


def black_hole(
    port: int = 40000, time: float = 2.0, repeats: int = 6, source: str = POD_A, destination: str = POD_B
) -> list[Timed]:
    """Small segments are acknowledged, then a full one is stuck; B's last bytes are acknowledged meanwhile."""
    one = Connection(time=time, port=port, source=source, destination=destination)
    one.open()
    one.exchange(400)
    start = one.stuck(repeats=repeats)
    one.send(20, to_b=False, flags="FA", acknowledgement=start, after=0.1)
    one.acknowledge(to_b=True)
    return one.frames


def quiet_end(frames: list[Timed], seconds: float = 3) -> list[Timed]:
    """The capture goes on for a while, without the addresses of the story."""
    last = (max(time for time, _ in frames) - at(0, b"")[0]) / 1e9
    return [*bgp(until=last + seconds), *frames]


# what must not be reported


def test_large_segments_that_are_acknowledged_pass(examine: Examination) -> None:
    one = Connection()
    one.open()
    one.exchange(FULL, times=20)
    assert examine(quiet_end(one.frames)).status is Status.PASS


def test_loss_of_large_segments_among_others_is_not_reported(examine: Examination) -> None:
    one = Connection()
    one.open()
    for _ in range(10):
        one.exchange(FULL, times=3)
        start = one.send(FULL)
        one.again(FULL, start)
        one.acknowledge()
    assert not examine(quiet_end(one.frames)).findings


def test_small_segments_lost_as_well_are_loss(examine: Examination) -> None:
    two = Connection(port=40001)
    two.open()
    two.stuck(100, repeats=3)
    assert not examine(quiet_end([*black_hole(), *two.frames])).findings


def test_path_that_went_down_is_not_reported(examine: Examination) -> None:
    one = Connection()
    one.open()
    one.exchange(400)
    one.stuck()
    assert not examine(quiet_end(one.frames)).findings


def test_icmp_about_the_packets_is_path_mtu_discovery(examine: Examination) -> None:
    one = Connection()
    quoted = one.packet(FULL)
    message = ipv4(icmp_error(3, 4, quoted, next_hop_mtu=1380), NODE_A, POD_A, id=77)
    frames = quiet_end([*black_hole(), at(3, to_pod(message))])
    assert not examine(frames).findings


def test_closed_window_is_the_receivers_doing(examine: Examination) -> None:
    one = Connection()
    one.open()
    one.exchange(400)
    one.acknowledge(window=0)
    start = one.stuck()
    one.send(20, to_b=False, flags="FA", acknowledgement=start, window=0, after=0.1)
    one.acknowledge(to_b=True)
    assert not examine(quiet_end(one.frames)).findings


def test_repeats_of_a_mirror_are_the_same_packets(examine: Examination) -> None:
    one = Connection()
    one.open()
    one.exchange(400)
    start = one.send(FULL, number=5000, stamp=77)
    for _ in range(6):
        one.again(FULL, start, number=5000, stamp=77)
    one.send(20, to_b=False, flags="FA", acknowledgement=start, after=0.1)
    one.acknowledge(to_b=True)
    assert not examine(quiet_end(one.frames)).findings


def test_stuck_request_of_middle_size_is_no_matter_of_mtu(examine: Examination) -> None:
    one = Connection()
    one.open()
    one.exchange(100)
    start = one.stuck(500)
    one.send(20, to_b=False, flags="FA", acknowledgement=start, after=0.1)
    one.acknowledge(to_b=True)
    assert not examine(quiet_end(one.frames)).findings


def test_large_segments_that_passed_before_speak_against_it(examine: Examination) -> None:
    one = Connection(port=40001)
    one.open()
    one.exchange(FULL)
    assert not examine(quiet_end([*one.frames, *black_hole(time=4)])).findings


# what must be


def test_black_hole_names_both_sizes(examine: Examination) -> None:
    finding = examine(quiet_end(black_hole())).finding
    assert (finding.severity, finding.confidence, finding.count) == (Severity.CRITICAL, Confidence.LIKELY, 6)
    assert f"packets of {FULL + HEADERS} bytes from {POD_A}" in finding.title
    assert "smallest lost 1480 bytes, largest delivered 452" in finding.observed
    assert "announced segment sizes 1440 and 1440" in finding.observed
    assert "acknowledgements without payload arrive" in finding.worked
    assert "at least 452, less than 1480 bytes" in finding.fix[0]
    assert len(finding.evidence[0].frames) == 6


def test_several_connections_make_it_sure(examine: Examination) -> None:
    frames = [*black_hole(repeats=2), *black_hole(port=40001, time=6, repeats=2)]
    finding = examine(quiet_end(frames)).finding
    assert (finding.confidence, finding.count) == (Confidence.CONFIRMED, 4)
    ports = [one.display_filter.split("tcp.srcport == ")[1].split()[0] for one in finding.evidence]
    assert ports == ["40000", "40001"]  # each connection under a filter of its own


def test_each_of_many_pairs_is_judged_as_if_it_were_alone(examine: Examination) -> None:
    pairs = [("10.244.65.2", "10.244.23.2"), ("10.244.65.2", "10.244.23.3"), ("10.244.65.3", "10.244.23.2")]
    stories = [
        black_hole(time=2 + 0.1 * number, repeats=5 + number, source=source, destination=destination)
        for number, (source, destination) in enumerate(pairs)
    ]
    stories[0] += pings(count=12)
    alone = [finding for story in stories for finding in examine(quiet_end(story)).findings]
    together = examine(quiet_end([frame for story in stories for frame in story])).findings
    assert len(alone) == len(pairs)

    def told(findings: Iterable[Finding]) -> list[tuple[object, ...]]:
        return sorted((one.subject.text, one.title, one.observed, one.worked, one.count) for one in findings)

    assert told(together) == told(alone)


def test_pings_show_that_small_packets_pass(examine: Examination) -> None:
    one = Connection()
    one.open()
    one.exchange(400)
    one.stuck()
    finding = examine(quiet_end([*one.frames, *pings(count=12)])).finding
    assert finding.worked == ("echo requests of 36 bytes are answered",)


def test_smaller_pieces_that_pass_at_last_are_a_black_hole(examine: Examination) -> None:
    """A sender that probes (tcp_mtu_probing) recovers after seconds."""
    one = Connection()
    one.open()
    one.exchange(400)
    start = one.stuck()
    one.again(1000, start)
    one.acknowledge(acknowledgement=start + 1000)
    finding = examine(quiet_end(one.frames)).finding
    assert finding.worked[0] == "pieces of 1052 bytes are acknowledged"
    assert "largest delivered 1052" in finding.observed


def test_last_segment_sent_again_as_a_probe_does_not_hide_it(examine: Examination) -> None:
    """Behind a stuck segment nothing can be acknowledged: the tail loss probe says nothing of small packets."""
    one = Connection()
    one.open()
    one.exchange(400)
    start = one.send(FULL)
    tail = one.send(60)
    one.again(60, tail, after=0.02)
    one.again(60, tail, after=0.02)
    for count in range(5):
        one.again(FULL, start, after=0.2 * 2**count)
    one.send(20, to_b=False, flags="FA", acknowledgement=start, after=0.1)
    one.acknowledge(to_b=True)
    assert examine(quiet_end(one.frames)).finding.count == 5


def test_an_end_that_is_not_known_as_a_pod_makes_it_a_warning(examine: Examination) -> None:
    one = Connection(place=on_pod_link)
    one.open()
    one.exchange(400)
    start = one.stuck()
    one.send(20, to_b=False, flags="FA", acknowledgement=start, after=0.1)
    one.acknowledge(to_b=True)
    frames = [*gateway_arp(), *one.frames, *gateway_arp(first=one.time + 2)]
    finding = examine(frames, role=Role.POD).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)


def test_behind_the_loss_missing_bytes_are_a_weak_sign(examine: Examination) -> None:
    one = Connection()
    one.open()
    one.exchange(400)
    acknowledged = one.sequence[True]
    one.sequence[True] += 10 * FULL
    one.send(20, to_b=False, flags="FA", acknowledgement=acknowledged, after=5)
    one.acknowledge(to_b=True)
    finding = examine(quiet_end(one.frames)).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.POSSIBLE)
    assert finding.title.startswith("14280 bytes from")


# what cannot be judged


def test_without_tcp_nothing_can_be_said(examine: Examination) -> None:
    answer = examine(pings())
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.TOO_FEW_PACKETS)
    assert answer.enable
