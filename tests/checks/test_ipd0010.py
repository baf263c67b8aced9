"""IPD0010 NoCalicoEvidence."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Status
from tests.builders.packets import ethernet, ipv4, vxlan
from tests.checks.world import (
    NODE_A,
    NODE_B,
    Examination,
    at,
    bgp,
    from_a,
    from_b,
    gateway_arp,
    pings,
    request,
    syn,
    wrapped,
)


def web(source: str = "198.51.100.7", destination: str = "203.0.113.9") -> list[tuple[int, bytes]]:
    return [at(1, from_a(syn(source, destination, mss=1460, ttl=64))), at(2, from_b(request(1, destination, source)))]


@pytest.mark.parametrize("frames", [gateway_arp(), pings(), bgp()], ids=["gateway ARP", "IP-in-IP", "BGP"])
def test_signs_of_calico_pass(examine: Examination, frames: list[tuple[int, bytes]]) -> None:
    assert examine(frames).status is Status.PASS


def test_ordinary_traffic_is_said_to_be_foreign(examine: Examination) -> None:
    assert examine(web()).status is Status.NOTED


def test_tunnel_between_routers_is_foreign(examine: Examination) -> None:
    frames = [at(n, from_a(wrapped(request(n, ttl=57), ttl=255))) for n in range(5)]
    assert examine(frames).status is Status.NOTED


def test_other_vxlan_is_foreign(examine: Examination) -> None:
    frames = [at(1, from_a(ipv4(vxlan(ethernet(request()), 42), NODE_A, NODE_B)))]
    assert examine(frames).status is Status.NOTED


def test_word_of_the_user_counts(examine: Examination) -> None:
    assert examine(web(), mode="Always").status is Status.PASS
