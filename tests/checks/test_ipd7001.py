"""IPD7001 PodTrafficTranslated."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import icmp_echo, ipv4
from tests.checks.two_points import MACS, Packet, Ways
from tests.checks.world import HOST_MAC, POD_A, POD_B, TUNNEL_A, Examination

SERVICE = "10.99.0.10"


def message(sequence: int, source: str, destination: str, *, request: bool = True) -> Packet:
    echo = icmp_echo(request=request, id=70, sequence=sequence)
    return lambda ttl: ipv4(echo, source, destination, ttl=ttl, id=3000 + sequence + (0 if request else 500))


def translated(source: str = TUNNEL_A, near: str = POD_B) -> Ways:
    """The pod's packets have another source from tunl0 on; ``near`` is the destination that the pod knows."""
    ways = Ways()
    pods, rest = ("pod_a", "cali_a"), ("tunl_a", "nic_a", "nic_b", "tunl_b", "cali_b", "pod_b")
    for n in range(1, 6):
        ways.send(1 + n, message(n, POD_A, near), skip=rest)
        ways.send(1 + n, message(n, source, POD_B), skip=pods)
        ways.send(1.01 + n, message(n, POD_B, source, request=False), back=True, skip=pods)
        ways.send(1.01 + n, message(n, near, POD_A, request=False), back=True, skip=rest)
    return ways


def test_source_that_stays_passes(examine: Examination) -> None:
    ways = Ways()
    ways.ping(5)
    assert examine(*ways.captures("cali_a", "nic_a")).status is Status.PASS


def test_service_whose_replies_get_its_address_back_is_right(examine: Examination) -> None:
    assert not examine(*translated(source=POD_A, near=SERVICE).captures("cali_a", "tunl_a", "nic_a", "cali_b")).findings


def test_one_point_shows_no_translation(examine: Examination) -> None:
    assert examine(*translated().captures("nic_a")).reason is Reason.SINGLE_POINT


def test_source_that_becomes_the_tunnel_address_is_an_error(examine: Examination) -> None:
    finding = examine(*translated().captures("cali_a", "tunl_a", "nic_a", "cali_b")).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert f"from pod {POD_A} to pod {POD_B}: they arrive from {TUNNEL_A}" in finding.title
    assert MACS["cali_a"] != HOST_MAC
