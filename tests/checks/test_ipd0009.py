"""IPD0009 CaptureDrops."""

from __future__ import annotations

from ipipdiag.checks.model import Severity, Status
from tests.builders.captures import pcapng
from tests.builders.packets import ipv4, tcp
from tests.checks.world import NODE_A, NODE_B, POD_A, POD_B, Examination, at, bgp, from_a, from_b, syn, wrapped


def with_counters(dropped: int) -> bytes:
    import struct

    counters = struct.pack("<HHQ", 5, 8, dropped) + struct.pack("<HHQ", 7, 8, 0) + struct.pack("<HH", 0, 0)
    body = struct.pack("<III", 0, 0, 0) + counters
    length = struct.pack("<I", 12 + len(body))
    return pcapng(bgp()) + struct.pack("<I", 5) + length + body + length


def download(*missing: int, opened: bool = True, repeated: tuple[int, ...] = ()) -> list[tuple[int, bytes]]:
    """A connection in which pod B sends ten segments of 100 bytes, each acknowledged; some the file does not show."""
    frames = []
    if opened:
        frames.append(at(1, from_a(wrapped(syn()))))
        answer = tcp(flags="SA", source_port=80, destination_port=40000, sequence=4999, acknowledgement=1001)
        frames.append(at(1.001, from_b(wrapped(ipv4(answer, POD_B, POD_A, ttl=63), NODE_B, NODE_A))))
        done = tcp(flags="A", source_port=40000, destination_port=80, sequence=1001, acknowledgement=5000)
        frames.append(at(1.002, from_a(wrapped(ipv4(done, POD_A, POD_B, ttl=63, id=7)))))
    for n in range(10):
        data = tcp(bytes(100), 80, 40000, "PA", sequence=5000 + 100 * n, acknowledgement=1001)
        for copy in range(1 + (n in repeated)):
            if n not in missing:
                packet = ipv4(data, POD_B, POD_A, ttl=63, id=100 + 20 * n + copy)
                frames.append(at(2 + n + 0.3 * copy, from_b(wrapped(packet, NODE_B, NODE_A))))
        seen = tcp(flags="A", source_port=40000, destination_port=80, sequence=1001, acknowledgement=5100 + 100 * n)
        frames.append(at(2.5 + n, from_a(wrapped(ipv4(seen, POD_A, POD_B, ttl=63, id=300 + n)))))
    return frames


def test_connection_captured_whole_passes(examine: Examination) -> None:
    assert examine(download()).status is Status.PASS
    assert examine(download(repeated=(2, 3))).status is Status.PASS


def test_connection_begun_before_the_capture_is_not_judged(examine: Examination) -> None:
    assert not examine(download(0, 1, opened=False)).findings


def test_acknowledged_bytes_that_are_not_there_are_a_warning(examine: Examination) -> None:
    finding = examine(download(3, 7)).finding
    assert finding.severity is Severity.WARNING
    assert "bytes in 1 direction" in finding.observed
    assert 190 <= finding.count <= 200


def test_file_without_counters_is_not_judged(examine: Examination) -> None:
    assert examine(bgp()).status is Status.NOT_APPLICABLE


def test_no_drops_pass(examine: Examination) -> None:
    assert examine(with_counters(0)).status is Status.PASS


def test_drops_are_a_warning(examine: Examination) -> None:
    finding = examine(with_counters(37)).finding
    assert finding.severity is Severity.WARNING
    assert finding.count == 37
