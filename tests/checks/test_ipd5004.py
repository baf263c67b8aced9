"""IPD5004 MssAboveTunnelMtu."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Reason, Severity, Status
from tests.builders.packets import ethernet, icmp_echo, icmp_error, ipv4, tcp, tcp_options
from tests.checks.world import (
    MAC_NODE_A,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    POD_A,
    POD_B,
    ROUTER,
    TUNNEL_A,
    Examination,
    Timed,
    at,
    bgp,
    from_a,
    from_b,
    from_pod,
    gateway_arp,
    pings,
    syn,
    to_pod,
    wrapped,
)


def tunnel_syn(mss: int) -> tuple[int, bytes]:
    """The node's own SYN through tunl0, which tells the tunnel's MTU."""
    return at(3, from_a(wrapped(syn(TUNNEL_A, POD_B, mss=mss, ttl=64), ttl=64)))


@pytest.mark.parametrize("mtu", [1480, 8980, 1430])
def test_segments_that_fit_pass(examine: Examination, mtu: int) -> None:
    frames = [*bgp(), tunnel_syn(mtu - 40), at(4, from_a(wrapped(syn(mss=mtu - 40))))]
    assert examine(frames).status is Status.PASS


def test_clients_outside_are_not_judged(examine: Examination) -> None:
    """A NodePort connection comes through the tunnel with the address of tunl0."""
    assert not examine(
        [*bgp(), *pings(), tunnel_syn(1440), at(4, from_a(wrapped(syn(TUNNEL_A, mss=1440, ttl=64), ttl=64)))]
    ).findings


def test_tunnel_mtu_that_nobody_knows_is_no_expectation(examine: Examination) -> None:
    assert examine([*bgp(), at(4, from_a(wrapped(syn(mss=1460))))]).reason is Reason.NO_CONFIG


def told_to_pod(mtu: int) -> list[Timed]:
    """Pod A's link: it opens a connection, and its node says what a later packet may have at most."""
    large = ipv4(icmp_echo(payload=bytes(1452)), POD_A, POD_B, ttl=64, dont_fragment=True)
    told = ipv4(icmp_error(3, 4, large, next_hop_mtu=mtu), NODE_A, POD_A, ttl=64)
    opened = [at(2, from_pod(syn(mss=1440, ttl=64))), at(2.01, to_pod(answered_syn(mss=1440, ttl=62)))]
    return [*gateway_arp(), *opened, at(5, from_pod(large)), at(5.0001, to_pod(told))]


def answered_syn(mss: int, ttl: int = 63) -> bytes:
    segment = tcp(flags="SA", source_port=80, destination_port=40000, options=tcp_options(mss=mss))
    return ipv4(segment, POD_B, POD_A, ttl=ttl)


def test_pods_of_another_node_are_not_judged_by_what_is_inferred_of_one(examine: Examination) -> None:
    """Nodes with other NICs have other tunnels."""
    other = [at(4, from_a(wrapped(syn(mss=1440)))), at(4.01, from_b(wrapped(answered_syn(1460), NODE_B, NODE_A)))]
    assert examine([*bgp(), *pings(), tunnel_syn(1440), *other]).status is Status.PASS


def test_mtu_of_a_path_is_not_the_tunnel_s(examine: Examination) -> None:
    """A router told the node of 1400 bytes for outer packets; the node passes that on, less its own header."""
    outer = wrapped(ipv4(icmp_echo(payload=bytes(1452)), POD_A, POD_B, ttl=63, dont_fragment=True))
    router = ipv4(icmp_error(3, 4, outer, next_hop_mtu=1400), ROUTER, NODE_A)
    told = at(4.9, ethernet(router, source=MAC_ROUTER, destination=MAC_NODE_A))
    answer = examine([*bgp(), *pings(), told], told_to_pod(1380))
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)


def test_pod_that_its_node_told_is_the_only_one_judged_by_it(examine: Examination) -> None:
    """Not the one at the other end, which announces as much."""
    finding = examine(told_to_pod(1380)).finding
    assert finding.subject.text == POD_A
    assert "more than fit into the 1380 bytes that its node passes on" in finding.title
    assert "IPD5007" in finding.alternatives[1]


def test_segments_that_do_not_fit_are_a_warning(examine: Examination) -> None:
    finding = examine([*bgp(), tunnel_syn(1440), at(4, from_a(wrapped(syn(mss=1460))))]).finding
    assert finding.severity is Severity.WARNING
    assert "1460" in finding.title and "1480" in finding.title


def test_without_handshake_it_is_not_judged(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).reason is Reason.NO_HANDSHAKE
