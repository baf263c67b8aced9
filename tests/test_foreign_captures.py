"""Captures that have nothing to do with Calico: said so (IPD0010), and nothing Calico-specific is found in them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ipipdiag.checks.catalogue import all_checks
from ipipdiag.checks.model import Status
from ipipdiag.report.model import Report
from ipipdiag.run import RunOptions, analyze
from tests.builders.captures import pcap
from tests.builders.packets import arp, bgp_keepalive, bgp_update, ethernet, icmp_echo, ipip, ipv4, tcp, udp, vxlan
from tests.checks.world import Timed, at

CORPUS = Path(os.environ.get("IPIPDIAG_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))
LOOKS_LIKE_CALICO = {  # and how
    "tests__bug-4571-01__ipv4_over_ipv4.pcap": "IP-in-IP with the outer TTL a copy of a forwarded packet's",
    "agent__resources__test__flow_generator__mqtt__mqtt_pub.pcap": "frames of ee:ee:ee:ee:ee:ee",
}
CALICO_SPECIFIC = {check.code for check in all_checks() if check.is_calico_specific and check.code[3] != "0"}
CLIENT, SERVER, RESOLVER, GATEWAY = "192.0.2.50", "203.0.113.80", "192.0.2.53", "192.0.2.1"
MAC_CLIENT, MAC_GATEWAY, MAC_OTHER = "02:aa:00:00:00:50", "02:aa:00:00:00:01", "02:aa:00:00:00:53"
BROADCAST = "ff:ff:ff:ff:ff:ff"


def out(packet: bytes) -> bytes:
    return ethernet(packet, source=MAC_CLIENT, destination=MAC_GATEWAY)


def back(packet: bytes) -> bytes:
    return ethernet(packet, source=MAC_GATEWAY, destination=MAC_CLIENT)


def web() -> list[Timed]:
    """A name is looked up, a page fetched, another server does not answer, a third refuses."""
    query = udp(b"\x12\x34\x01\0\0\x01" + bytes(20), 40000, 53)
    answer = udp(b"\x12\x34\x81\x80\0\x01" + bytes(40), 53, 40000)
    frames = [
        at(0.1, ethernet(arp(1, MAC_CLIENT, CLIENT, 0, GATEWAY), source=MAC_CLIENT, destination=BROADCAST)),
        at(0.101, ethernet(arp(2, MAC_GATEWAY, GATEWAY, MAC_CLIENT, CLIENT), MAC_GATEWAY, MAC_CLIENT)),
        at(0.2, out(ipv4(query, CLIENT, RESOLVER))),
        at(0.21, back(ipv4(answer, RESOLVER, CLIENT))),
    ]
    for number, (flags, to_server, payload) in enumerate(
        [("S", True, b""), ("SA", False, b""), ("A", True, b""), ("PA", True, b"GET / HTTP/1.1\r\n\r\n"),
         ("PA", False, bytes(1400)), ("FA", False, b""), ("FA", True, b"")]
    ):  # fmt: skip
        ports = (40001, 443) if to_server else (443, 40001)
        ends = (CLIENT, SERVER) if to_server else (SERVER, CLIENT)
        packet = ipv4(tcp(payload, *ports, flags=flags, sequence=number), *ends, ttl=64 if to_server else 51, id=number)
        frames.append(at(0.3 + number / 100, (out if to_server else back)(packet)))
    for number, time in enumerate((1, 2, 4)):
        frames.append(at(time, out(ipv4(tcp(flags="S", source_port=40002), CLIENT, "203.0.113.9", id=50 + number))))
    frames.append(at(5, out(ipv4(tcp(flags="S", source_port=40003), CLIENT, SERVER, id=60))))
    reset = tcp(flags="RA", source_port=80, destination_port=40003)
    return [
        *frames,
        at(5.05, back(ipv4(reset, SERVER, CLIENT, ttl=51))),
        at(9, back(ipv4(icmp_echo(), SERVER, CLIENT))),
    ]


def other_vxlan() -> list[Timed]:
    """An overlay of another system: network identifier 1, both ways, one of the pings unanswered."""
    ends = ("192.0.2.50", "192.0.2.60")
    frames = []
    for number in range(8):
        inner = ethernet(
            ipv4(icmp_echo(sequence=number), "10.42.0.5", "10.42.1.9", ttl=63), MAC_OTHER, "02:bb:00:00:00:02"
        )
        frames.append(at(number, out(ipv4(vxlan(inner, vni=1), *ends))))
        if number != 5:
            answer = ipv4(icmp_echo(False, sequence=number), "10.42.1.9", "10.42.0.5", ttl=63)
            inner = ethernet(answer, "02:bb:00:00:00:02", MAC_OTHER)
            frames.append(at(number + 0.001, back(ipv4(vxlan(inner, vni=1), *ends[::-1]))))
    return frames


def routers_tunnel() -> list[Timed]:
    """IP-in-IP between two routers, whose outer headers begin with a TTL of their own; one way for a while."""
    ends = ("198.51.100.1", "198.51.100.2")
    frames = []
    for number in range(12):
        request = ipv4(icmp_echo(sequence=number), "10.1.0.9", "10.2.0.9", ttl=62, id=number)
        frames.append(at(number, out(ipip(request, *ends, ttl=255, id=number))))
        if number < 8:
            answer = ipv4(icmp_echo(False, sequence=number), "10.2.0.9", "10.1.0.9", ttl=61, id=number)
            frames.append(at(number + 0.01, back(ipip(answer, *ends[::-1], ttl=254, id=number))))
    return frames


def arp_scan() -> list[Timed]:
    """One host asks for every address of its network; three are there."""
    frames = []
    for host in range(1, 255):
        ask = arp(1, MAC_CLIENT, CLIENT, 0, f"192.0.2.{host}")
        frames.append(at(host / 100, ethernet(ask, source=MAC_CLIENT, destination=BROADCAST)))
        if host in (1, 53, 60):
            mac = f"02:aa:00:00:00:{host:02x}"
            answer = arp(2, mac, f"192.0.2.{host}", MAC_CLIENT, CLIENT)
            frames.append(at(host / 100 + 0.001, ethernet(answer, source=mac, destination=MAC_CLIENT)))
    return frames


def routers_bgp() -> list[Timed]:
    """Two routers announce networks and their loopbacks to each other."""
    frames = []
    for number, payload in enumerate(
        [bgp_update(["10.1.0.0/16", "10.1.7.0/24", "10.255.0.1/32"], next_hop=CLIENT), bgp_keepalive(), bgp_keepalive()]
    ):
        segment = tcp(payload, 179, 41000, flags="PA", sequence=1 + number * 1000, acknowledgement=1)
        frames.append(at(number, out(ipv4(segment, CLIENT, GATEWAY, ttl=1, id=number))))
        answer = tcp(flags="A", source_port=41000, destination_port=179, sequence=1, acknowledgement=9)
        frames.append(at(number + 0.1, back(ipv4(answer, GATEWAY, CLIENT, ttl=1, id=number))))
    return frames


BUILDERS = (web, other_vxlan, routers_tunnel, arp_scan, routers_bgp)


def calico_specific(report: Report) -> list[str]:
    """What a report says that only Calico could be judged by; no check may have crashed."""
    assert not [check.error for check in report.checks if check.status is Status.CRASHED]
    return [
        f"{entry.finding.code} {entry.finding.title}"
        for entry in report.findings
        if entry.finding.code in CALICO_SPECIFIC
    ]


def is_called_foreign(report: Report) -> bool:
    return any(check.code == "IPD0010" and check.status is Status.NOTED for check in report.checks)


@pytest.mark.parametrize(
    "build", [web, other_vxlan, routers_tunnel, arp_scan, routers_bgp], ids=lambda build: build.__name__
)
def test_foreign_traffic_is_called_so_and_not_judged(build: Callable[[], list[Timed]], tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(pcap(sorted(build()), nano=True))
    report = analyze(RunOptions((str(path),)))
    assert is_called_foreign(report)
    assert calico_specific(report) == []


def test_foreign_captures_together_are_not_judged(tmp_path: Path) -> None:
    """A run of several compares points: none of these is on the way of another's packets."""
    names = []
    for number, build in enumerate(BUILDERS):
        path = tmp_path / f"x{number}"
        path.write_bytes(pcap(sorted(build()), nano=True))
        names.append(str(path))
    report = analyze(RunOptions(tuple(names)))
    assert is_called_foreign(report)
    assert calico_specific(report) == []


@pytest.mark.skipif(
    not CORPUS.is_dir(), reason=f"no foreign captures in {CORPUS.name} (IPIPDIAG_CORPUS names the folder)"
)
def test_public_captures_are_called_foreign_and_not_judged() -> None:
    examined = 0
    for path in sorted(path for path in CORPUS.rglob("*") if path.is_file() and path.parent != CORPUS):
        report = analyze(RunOptions((str(path),)))
        if any(point.frames for point in report.points):
            assert is_called_foreign(report) or path.name in LOOKS_LIKE_CALICO, path.name
            assert calico_specific(report) == [], path.name
            examined += 1
    assert examined > 100
