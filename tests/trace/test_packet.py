"""The way of one packet: its frames at every point, which sending of the same bytes it is, and where it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipipdiag.points.model import PointOption, Role
from ipipdiag.report.trace.model import PacketReport, TraceReport, WayState
from ipipdiag.run import RunOptions, TraceOptions, trace
from ipipdiag.trace.query import FrameOption
from tests.builders.packets import ipv4, tcp
from tests.checks.two_points import Packet, Ways
from tests.checks.world import POD_A, POD_B
from tests.scenarios import captures, folder
from tests.trace.asking import ask

ALL = ("pod_a", "cali_a", "tunl_a", "nic_a", "nic_b", "tunl_b", "cali_b", "pod_b")


def segment(sequence: int, size: int, number: int) -> Packet:
    """TCP data, for each TTL."""
    data = tcp(b"x" * size, flags="PA", source_port=40000, destination_port=80, sequence=sequence)
    return lambda ttl: ipv4(data, POD_A, POD_B, ttl=ttl, id=number)


def files(ways: Ways, *places: str, shift: dict[str, float] | None = None) -> dict[str, bytes]:
    """A file of each place, named after it."""
    return dict(zip(places, ways.captures(*places, shift=shift), strict=True))


def packet_of(report: TraceReport) -> PacketReport:
    assert report.packet is not None
    return report.packet


def frame_number(capture: bytes, position: int, per_frame: bytes) -> int:
    """Number of the frame of a pcap file that holds some bytes for the so-manieth time."""
    offset, number, met = 24, 0, 0
    while offset < len(capture):
        size = int.from_bytes(capture[offset + 8 : offset + 12], "little")
        data = capture[offset + 16 : offset + 16 + size]
        number, offset = number + 1, offset + 16 + size
        if per_frame in data:
            met += 1
            if met == position:
                return number
    raise AssertionError("no such frame")


def asked_echo(ways: Ways, sequence: int, at: str, tmp_path: Path, *places: str) -> TraceReport:
    """The answer about an echo request, by its frame at one of the places."""
    named = files(ways, *places)
    marker = ipv4(b"", POD_A, POD_B, ttl=64, id=1000 + sequence + 700)[4:6]
    roles = {"pod_a": Role.POD, "cali_a": Role.CALI, "cali_b": Role.CALI, "pod_b": Role.POD}
    points = tuple(PointOption(place, roles[place]) for place in places if place in roles)
    return ask(tmp_path, named, frame=(at, frame_number(named[at], 1, marker + b"\x00\x00")), points=points)


@pytest.mark.parametrize("at", ALL)
def test_it_is_found_from_every_place_at_every_place(at: str, tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(5)
    report = asked_echo(ways, 3, at, tmp_path, *ALL)
    assert report.answer.state is WayState.ARRIVES
    sightings = packet_of(report).sightings
    assert [sighting.input_name.rpartition("/")[2] for sighting in sightings] == list(ALL)
    assert [sighting.header.ttl_max for sighting in sightings] == [64, 64, 63, 63, 63, 63, 62, 62]
    assert [sighting.is_wrapped for sighting in sightings] == [False] * 3 + [True] * 2 + [False] * 3
    assert {sighting.delta_ns for sighting in sightings[1:] if sighting.clock_error_ns == 0} == {20_000}
    assert all(len(sighting.frames) == 1 for sighting in sightings)


def test_its_outer_header_is_read_from_its_own_frame(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(5)
    report = asked_echo(ways, 2, "nic_a", tmp_path, "nic_a", "nic_b")
    header = packet_of(report).sightings[0].header
    assert (header.tunnel, header.outer_ttl_max) == ("IP-in-IP", 63)
    assert packet_of(report).text.startswith("ICMP echo request id 7 sequence 2, ")


def test_a_lost_one_ends_where_it_was_last_seen(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(8, lost_after="nic_a", lost=(4,))
    report = asked_echo(ways, 4, "pod_a", tmp_path, *ALL)
    assert report.answer.state is WayState.LOST
    packet = packet_of(report)
    assert packet.sightings[-1].input_name.endswith("nic_a")
    assert packet.missing is not None and packet.missing.startswith("NIC of node")
    assert packet.between is not None and "the network between nodes" in packet.between


def test_beside_a_lost_one_the_others_arrive(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(8, lost_after="nic_a", lost=(4,))
    assert asked_echo(ways, 5, "pod_a", tmp_path, *ALL).answer.state is WayState.ARRIVES


def ended_capture(ways: Ways, tmp_path: Path) -> TraceReport:
    """The answer about the last of eight echo requests, the capture of the far NIC having ended long before."""
    named = files(ways, "pod_a", "nic_a")
    last = ways.frames["pod_a"][8][0]
    ways.frames["nic_b"] = [entry for entry in ways.frames["nic_b"] if entry[0] < last]
    (named["nic_b"],) = ways.captures("nic_b", until=4)
    marker = ipv4(b"", POD_A, POD_B, ttl=64, id=1000 + 8 + 700)[4:6]
    return ask(tmp_path, named, frame=("pod_a", frame_number(named["pod_a"], 1, marker + b"\x00\x00")))


def test_a_capture_that_ended_proves_no_loss(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(8, lost_after="nic_a", lost=(6, 7, 8))
    answer = ended_capture(ways, tmp_path).answer
    assert answer.state is WayState.UNSEEN
    assert "was not captured at that time" in answer.headline


def test_what_is_answered_was_not_lost(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(8)
    answer = ended_capture(ways, tmp_path).answer
    assert answer.state is WayState.UNSEEN
    assert "whose capture lacks it: it is answered" in answer.headline


def test_without_a_place_behind_it_is_followed_as_far_as_captures_reach(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(5)
    report = asked_echo(ways, 3, "pod_a", tmp_path, "pod_a", "nic_a")
    assert report.answer.state is WayState.FOLLOWED
    assert packet_of(report).missing is None


@pytest.mark.parametrize("sending", [1, 2, 3])
def test_retransmissions_are_told_apart(sending: int, tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(3)
    for number in range(3):
        ways.send(10 + number, segment(1000, 100, 500 + number))
    named = files(ways, *ALL)
    asked = frame_number(named["nic_b"], sending, b"x" * 100)
    packet = packet_of(ask(tmp_path, named, frame=("nic_b", asked)))
    assert (packet.transmission, packet.transmissions) == (sending, 3)
    for sighting in packet.sightings:
        name = sighting.input_name.rpartition("/")[2]
        assert sighting.frames == (frame_number(named[name], sending, b"x" * 100),)


def test_a_large_packet_is_several_frames_elsewhere(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(3)
    ways.send(10, segment(1000, 3000, 500), until="tunl_a")
    for part in range(3):
        ways.send(
            10 + part / 100_000, segment(1000 + part * 1000, 1000, 501 + part), skip=("pod_a", "cali_a", "tunl_a")
        )
    named = files(ways, *ALL)
    packet = packet_of(ask(tmp_path, named, frame=("pod_a", frame_number(named["pod_a"], 1, b"x" * 3000))))
    frames = {sighting.input_name.rpartition("/")[2]: sighting.frames for sighting in packet.sightings}
    assert [len(frames[place]) for place in ALL] == [1, 1, 1, 3, 3, 3, 3, 3]
    assert packet.size == 3000


def test_a_part_of_a_large_packet_is_the_whole_elsewhere(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(3)
    ways.send(10, segment(1000, 2000, 500), until="tunl_a")
    for part in range(2):
        ways.send(
            10 + part / 100_000, segment(1000 + part * 1000, 1000, 501 + part), skip=("pod_a", "cali_a", "tunl_a")
        )
    named = files(ways, *ALL)
    packet = packet_of(ask(tmp_path, named, frame=("nic_b", frame_number(named["nic_b"], 2, b"x" * 1000))))
    assert [len(sighting.frames) for sighting in packet.sightings] == [1] * 8
    assert {sighting.size for sighting in packet.sightings} == {1000}


def test_what_is_no_ipv4_is_named_for_what_it_is(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(3)
    report = ask(tmp_path, files(ways, "pod_a", "nic_a"), frame=("pod_a", 1))
    assert report.answer.state is WayState.NOT_TRACED
    assert report.answer.also == ("it is an ARP message",)
    assert report.packet is None


def test_round_a_circle_every_pass_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder("10"))
    names = tuple(path.name for path in captures("10"))
    report = trace(RunOptions(names), TraceOptions(frame=FrameOption("pod-a1-eth0.pcap", 3)))
    assert report.answer.state is WayState.LOOP
    passes = [sighting for sighting in packet_of(report).sightings if sighting.input_name == "c-eth0.pcap"]
    ttls = [sighting.header.ttl_max for sighting in passes]
    assert len(ttls) > 20
    assert ttls == sorted(ttls, reverse=True)


def test_all_captures_of_one_place_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder("01"))
    names = tuple(path.name for path in captures("01"))
    report = trace(RunOptions(names), TraceOptions(frame=FrameOption("a-eth0-snap96.pcap", 56)))
    sightings = packet_of(report).sightings
    same = {sighting.input_name: sighting.frames for sighting in sightings if sighting.label.startswith("NIC of node")}
    assert {
        "a-eth0-nano.pcap",
        "a-eth0-snap96.pcap",
        "a-eth0.pcap",
        "a-multi.pcapng",
        "b-any.pcap",
        "b-eth0.pcap.gz",
    } == (set(same))
    assert same["a-eth0.pcap"] == same["a-eth0-nano.pcap"] == (56,)
    assert {sighting.input_name for sighting in sightings} == set(names)
