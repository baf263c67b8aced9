"""IPD2008 InnerMalformed."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Severity, Status
from tests.builders.captures import pcap
from tests.builders.packets import fragments, icmp_echo, ipv4
from tests.checks.world import POD_A, POD_B, Examination, at, bgp, from_a, pings, request, wrapped


def test_whole_packets_and_padding_pass(examine: Examination) -> None:
    padded = at(9, from_a(wrapped(request())) + bytes(10))
    assert examine([*bgp(), *pings(), padded]).status is Status.PASS


def test_first_outer_fragment_states_the_whole_length(examine: Examination) -> None:
    whole = wrapped(ipv4(icmp_echo(payload=bytes(1400)), POD_A, POD_B, ttl=63))
    frames = [at(3 + n, from_a(part)) for n, part in enumerate(fragments(whole, 800))]
    assert examine([*bgp(), *pings(), *frames]).status is Status.PASS


def test_bytes_behind_the_inner_packet_pass(examine: Examination) -> None:
    assert examine([*bgp(), at(3, from_a(wrapped(request() + b"trailer")))]).status is Status.PASS


def test_cut_capture_is_not_judged(examine: Examination) -> None:
    frames = [(time, frame[:60], len(frame)) for time, frame in [*bgp(), *pings()]]
    assert examine(pcap(sorted(frames), nano=True)).status is Status.PASS


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        (ipv4(b"x" * 30, POD_A, POD_B, protocol=17, total_length=900), "ends before"),
        (b"\x65" + request()[1:], "not IP version 4"),
        (b"\x42" + request()[1:], "less than 20"),
    ],
)
def test_what_is_no_whole_packet_is_an_error(examine: Examination, inner: bytes, said: str) -> None:
    finding = examine([*bgp(), *pings(), at(9, from_a(wrapped(inner)))]).finding
    assert finding.severity is Severity.ERROR
    assert said in finding.observed
