"""IPD1002 GatewayMacUnexpected."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import arp, ethernet
from tests.checks.files_world import BLOCKS, NODES, collected, pod, pool
from tests.checks.world import (
    GATEWAY,
    HOST_MAC,
    POD_A,
    POD_MAC,
    Examination,
    at,
    bgp,
    from_pod,
    gateway_arp,
    reply,
    request,
    to_pod,
)

ODD = "ee:4b:5f:01:02:03"


def test_six_bytes_of_ee_pass(examine: Examination) -> None:
    assert examine(gateway_arp()).status is Status.PASS


def test_other_mac_is_a_warning_where_traffic_works(examine: Examination) -> None:
    talk = [at(1, ethernet(request(ttl=64), source=POD_MAC, destination=ODD)), at(1.1, to_pod(reply(), ODD))]
    finding = examine([*gateway_arp(mac=ODD), *talk]).finding
    assert finding.severity is Severity.WARNING
    assert ODD in finding.title
    assert finding.worked


def test_pod_that_sends_to_a_mac_the_host_gave_up_is_critical(examine: Examination) -> None:
    before = [*gateway_arp(), at(1, from_pod(request(1, ttl=64))), at(1.01, to_pod(reply(1)))]
    moved = at(5, ethernet(b"\x60" + bytes(47), source=ODD, destination="33:33:00:00:00:02", ether_type=0x86DD))
    lost = [at(6 + n, from_pod(request(2 + n, ttl=64))) for n in range(4)]
    finding = examine([*before, moved, *lost]).finding
    assert finding.severity is Severity.CRITICAL
    assert HOST_MAC in finding.title


def test_without_replies_nothing_is_said(examine: Examination) -> None:
    answer = examine(bgp())
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.WRONG_POINT)


INTERFACE = "cali0123456789a"
PLACED = NODES + BLOCKS + pool() + pod("web", "alpha", POD_A)
ASKED = at(0.1, ethernet(arp(1, POD_MAC, POD_A, 0, GATEWAY), source=POD_MAC, destination="ff:ff:ff:ff:ff:ff"))
SENT = [at(1 + n, from_pod(request(1 + n, ttl=64))) for n in range(4)]


def told(mac: str) -> dict[str, str]:
    """``ip link`` of alpha, and its route that says whose interface it is."""
    link = f"7: {INTERFACE}@if4: <BROADCAST,UP> mtu 1480\n    link/ether {mac} brd ff:ff:ff:ff:ff:ff\n"
    return collected(PLACED, more={"nodes/alpha/links.txt": f"{link}{POD_A} dev {INTERFACE} scope link\n"})


def test_requests_to_the_mac_that_a_file_tells_are_not_reported(examine: Examination) -> None:
    assert not examine([ASKED, *SENT], files=told(HOST_MAC)).findings


def test_a_mac_that_sends_is_in_use_whatever_a_file_says(examine: Examination) -> None:
    alive = at(9, ethernet(b"\x60" + bytes(47), source=HOST_MAC, destination="33:33:00:00:00:02", ether_type=0x86DD))
    assert not examine([ASKED, *SENT, alive], files=told(ODD)).findings


def test_answered_requests_are_not_reported(examine: Examination) -> None:
    talk = [*SENT, *(at(1.001 + n, to_pod(reply(1 + n), ODD)) for n in range(4))]
    assert not examine([ASKED, *talk], files=told(ODD)).findings


def test_requests_to_a_mac_that_the_host_does_not_have_by_its_ip_link_are_critical(examine: Examination) -> None:
    finding = examine([ASKED, *SENT], files=told(ODD)).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.LIKELY)
    assert f"the host side has {ODD} (config: nodes/alpha/links.txt" in finding.observed
