"""IPD8001 PacketLoss."""

from __future__ import annotations

from functools import partial

import pytest

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from ipipdiag.trace import hops
from tests.builders.captures import START_NS
from tests.builders.packets import icmp_error, ipv4, tcp, udp
from tests.checks.two_points import Ways
from tests.checks.world import NODE_A, NODE_B, POD_A, POD_B, Examination, at, from_b, wrapped


def test_no_loss_passes(examine: Examination) -> None:
    ways = Ways()
    ways.ping(12)
    assert examine(*ways.captures("nic_a", "nic_b")).status is Status.PASS


def test_few_lost_packets_are_not_reported(examine: Examination) -> None:
    ways = Ways()
    ways.ping(15, lost_after="nic_a", lost=(3, 6, 9, 12))
    assert not examine(*ways.captures("nic_a", "nic_b")).findings


def test_packets_that_a_capture_misses_are_not_lost(examine: Examination) -> None:
    ways = Ways()
    ways.ping(15)
    ways.frames["nic_b"] = ways.frames["nic_b"][::3]
    assert not examine(*ways.captures("nic_a", "nic_b", "tunl_b")).findings
    assert not examine(*ways.captures("nic_a", "nic_b")).findings  # all were answered


def too_long(number: int, length: int) -> bytes:
    """Node B tells pod A that a datagram of so many bytes is too long for 1300."""
    quoted = ipv4(udp(bytes(length - 28)), POD_A, POD_B, ttl=63, id=number, dont_fragment=True)
    return from_b(wrapped(ipv4(icmp_error(3, 4, quoted, next_hop_mtu=1300), NODE_B, POD_A, id=number), NODE_B, NODE_A))


def test_packets_that_are_refused_as_too_long_are_not_lost(examine: Examination) -> None:
    ways = Ways()
    ways.ping(3)
    for number in range(1, 9):
        datagram = partial(_packet, udp(bytes(1380), source_port=5000), POD_A, POD_B, number)
        ways.send(5 + number, datagram, until="nic_a")
        ways.frames["nic_a"].append(at(5.001 + number, too_long(number, 1408)))
    assert examine(*ways.captures("nic_a", "nic_b")).status is Status.PASS


def refusals(ways: Ways, count: int = 12, lost: range = range(0)) -> None:
    """SYNs of pod A, each refused by pod B with an RST that has no IP identification, as the kernel makes it."""
    for number in range(count):
        ask = tcp(flags="S", source_port=40000 + number, sequence=5 * number)
        answer = tcp(flags="RA", source_port=80, destination_port=40000 + number, acknowledgement=5 * number + 1)
        ways.send(2 + number, partial(_packet, ask, POD_A, POD_B, 7 + number))
        until = "tunl_a" if number in lost else None
        ways.send(2.001 + number, partial(_packet, answer, POD_B, POD_A, 0), back=True, until=until)


def _packet(segment: bytes, source: str, destination: str, number: int, ttl: int) -> bytes:
    return ipv4(segment, source, destination, ttl=ttl, id=number, dont_fragment=True)


@pytest.mark.parametrize("place", ["tunl_a", "cali_a"])
def test_resets_that_a_capture_shows_twice_are_not_lost(place: str, examine: Examination) -> None:
    """Nothing tells the second sighting of such an RST from another RST."""
    ways = Ways()
    refusals(ways)
    ways.frames[place] += [(time + 300_000, frame) for time, frame in ways.frames[place]]
    assert examine(*ways.captures("nic_a", "tunl_a", "cali_a")).status is Status.PASS


def test_resets_that_are_lost_are(examine: Examination) -> None:
    ways = Ways()
    refusals(ways, lost=range(3, 9))
    assert examine(*ways.captures("nic_a", "tunl_a", "cali_a")).finding.count == 6


def test_short_packets_are_lost_though_longer_ones_between_the_same_pods_are_refused(examine: Examination) -> None:
    ways = Ways()
    ways.ping(16, lost_after="nic_a", lost=range(3, 11))
    ways.frames["nic_a"] += [at(2.5 + number, too_long(number, 1408)) for number in range(3, 11)]
    assert examine(*ways.captures("nic_a", "nic_b")).finding.count == 8


def test_one_point_is_not_enough(examine: Examination) -> None:
    ways = Ways()
    ways.ping(15, lost_after="nic_a", lost=range(3, 9))
    assert examine(*ways.captures("nic_a")).reason is Reason.SINGLE_POINT


def test_loss_names_the_hop_and_its_share(examine: Examination) -> None:
    ways = Ways()
    ways.ping(16, lost_after="nic_a", lost=range(3, 11))
    finding = examine(*ways.captures("cali_a", "nic_a", "nic_b", "cali_b")).finding
    assert (finding.severity, finding.confidence, finding.count) == (Severity.ERROR, Confidence.CONFIRMED, 8)
    assert finding.title.startswith("50.0 % of the packets")
    assert "between NIC of node" in finding.title
    assert finding.worked == ("of 8 packets of the other direction 0 are lost there",)


def metrics(ways: Ways, count: int = 40, first: float = 2) -> None:
    """One-way datagrams, ten a second."""
    for number in range(count):
        datagram = udp(b"gauge", 40000, 8125)
        ways.send(first + number / 10, partial(_as_sent, datagram, number))


def _as_sent(datagram: bytes, number: int, ttl: int) -> bytes:
    return ipv4(datagram, POD_A, POD_B, ttl=ttl, id=1 + number)


@pytest.mark.parametrize(
    ("shown", "pings_from"), [(slice(12, None), 9), (slice(-12), 0)], ids=["begun late", "ended early"]
)
def test_what_is_sent_before_or_after_a_capture_is_not_lost(
    shown: slice, pings_from: float, examine: Examination
) -> None:
    """Captures of one node begin and end a second apart; another of its points was captured meanwhile."""
    ways = Ways()
    metrics(ways)
    ways.frames["tunl_b"] = ways.frames["tunl_b"][shown]
    ways.ping(1, first=pings_from)
    assert not examine(*ways.captures("nic_a", "nic_b", "tunl_b")).findings


def test_hole_in_the_middle_is_a_loss(examine: Examination) -> None:
    ways = Ways()
    metrics(ways)
    for place in ("nic_b", "tunl_b"):
        del ways.frames[place][12:24]
    assert examine(*ways.captures("nic_a", "nic_b", "tunl_b")).finding.count == 12


def test_captures_begun_and_ended_apart_lose_nothing(examine: Examination) -> None:
    """Each capture is started by hand: what one records before the next runs, or after it ended, is not lost."""
    ways = Ways()
    ways.ping(60, first=0.5)
    for place, first, last in (("cali_a", 0, 60), ("tunl_a", 1.1, 58), ("nic_a", 2.3, 57), ("nic_b", 2.9, 59)):
        frames = ways.frames[place]
        ways.frames[place] = [(time, frame) for time, frame in frames if first <= (time - START_NS) / 1e9 <= last]
    for places in (("cali_a", "tunl_a"), ("tunl_a", "nic_a"), ("cali_a", "tunl_a", "nic_a", "nic_b")):
        assert not examine(*ways.captures(*places, until=61)).findings


@pytest.mark.parametrize("shown", [2, 64])
def test_loss_of_many_flows_counts_all_of_them(
    shown: int, examine: Examination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hops, "FLOWS_SHOWN", shown)
    ways = Ways()
    for identifier in range(1, 7):
        ways.ping(5, identifier=identifier, lost_after="nic_a", lost=(3,))
    assert examine(*ways.captures("nic_a", "nic_b")).finding.count == 6
