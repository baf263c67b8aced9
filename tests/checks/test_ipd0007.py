"""IPD0007 OffloadedPackets."""

from __future__ import annotations

from ipipdiag.checks.model import Severity, Status
from tests.builders.packets import PARTIAL, ipv4, tcp, tcp_options
from tests.checks.world import POD_A, POD_B, Examination, at, from_a, from_b, syn


def large(length: int, partial: bool = False) -> list[tuple[int, bytes]]:
    opening = [
        at(1, from_a(syn())),
        at(
            1.001,
            from_b(
                ipv4(
                    tcp(flags="SA", source_port=80, destination_port=40000, options=tcp_options(mss=1440)),
                    POD_B,
                    POD_A,
                    ttl=63,
                )
            ),
        ),
    ]
    data = ipv4(tcp(bytes(length), flags="PA"), POD_A, POD_B, ttl=63, id=9)
    return [*opening, at(1.002, from_a(data))]


def test_segments_of_the_announced_size_pass(examine: Examination) -> None:
    assert examine(large(1400)).status is Status.PASS


def test_super_packets_are_no_fault(examine: Examination) -> None:
    finding = examine(large(8000)).finding
    assert finding.severity is Severity.NOTICE
    assert "8040 bytes" in finding.observed


def test_checksums_left_to_the_nic_are_no_fault(examine: Examination) -> None:
    segment = tcp(b"data", flags="PA", checksum=PARTIAL)
    finding = examine([at(1, from_a(ipv4(segment, POD_A, POD_B)))]).finding
    assert "left to the NIC" in finding.observed
