"""IPD5005 FragmentationNeededIgnored."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from ipipdiag.points.model import Role
from tests.builders.packets import icmp_error, ipv4, udp
from tests.checks.connections import FULL, Connection
from tests.checks.world import NODE_A, POD_A, POD_B, Examination, Timed, at, from_pod, gateway_arp, pings, to_pod


def told(about: bytes, time: float, mtu: int = 1380, receiver: str = POD_A) -> Timed:
    """The pod's node says that a packet is too large."""
    return at(time, to_pod(ipv4(icmp_error(3, 4, about, next_hop_mtu=mtu), NODE_A, receiver, id=round(time * 100))))


def on_pod_link(packet: bytes, *, to_b: bool) -> bytes:
    return from_pod(packet) if to_b else to_pod(packet)


def ignored(messages: int, pause: float = 0.4, mtu: int = 1380) -> list[Timed]:
    """A segment is sent again at its size, and each time the node answers."""
    one = Connection(place=on_pod_link)
    one.open()
    start = one.sequence[True]
    frames = []
    for _ in range(messages):
        one.again(FULL, start, after=pause)
        frames.append(told(one.packet(FULL, sequence=start), one.time + 0.0001, mtu))
    return [*gateway_arp(), *one.frames, *frames, *gateway_arp(first=one.time + 2)]


# what must not be reported


def test_one_message_that_is_obeyed_passes(examine: Examination) -> None:
    assert examine(ignored(1)).status is Status.PASS


def test_two_messages_are_not_reported(examine: Examination) -> None:
    assert not examine(ignored(2)).findings


def test_messages_about_packets_under_way_count_once(examine: Examination) -> None:
    assert not examine(ignored(12, pause=0.01)).findings


def test_a_path_that_shrinks_step_by_step_is_obeyed(examine: Examination) -> None:
    one = Connection(place=on_pod_link)
    one.open()
    frames = []
    for payload, mtu in ((1428, 1400), (1348, 1300), (1248, 1200), (1148, 1100)):
        one.send(payload, after=0.5)
        frames.append(told(one.packet(payload), one.time, mtu))
    assert not examine([*gateway_arp(), *one.frames, *frames]).findings


def test_probes_by_udp_ask_for_the_message(examine: Examination) -> None:
    probe = ipv4(udp(bytes(1440)), POD_A, POD_B, dont_fragment=True)
    frames = [at(time, from_pod(probe)) for time in range(2, 9)] + [told(probe, time) for time in range(2, 9)]
    assert not examine([*gateway_arp(), *frames]).findings


# what must be


@pytest.mark.parametrize("role", [Role.POD, Role.CALI])
def test_sender_that_does_not_shrink(examine: Examination, role: Role) -> None:
    finding = examine(ignored(4), role=role, pods=("172.20.0.0/16",)).finding
    assert (finding.severity, finding.confidence, finding.count) == (Severity.ERROR, Confidence.LIKELY, 4)
    assert "must not exceed 1380 bytes, and goes on" in finding.title
    assert "the last about a packet of 1480 bytes" in finding.observed


def test_an_end_that_is_not_known_makes_it_a_warning(examine: Examination) -> None:
    assert examine(ignored(4), role=Role.POD).finding.severity is Severity.WARNING


# what cannot be judged


def test_a_node_does_not_show_what_a_pod_hears(examine: Examination) -> None:
    answer = examine(pings())
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.WRONG_POINT)
    assert answer.enable


def test_without_such_messages_there_is_nothing_to_ignore(examine: Examination) -> None:
    assert examine(gateway_arp()).status is Status.NOT_APPLICABLE
