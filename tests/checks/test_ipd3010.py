"""IPD3010 DuplicateTunnelAddress."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.world import (
    NODE_A,
    NODE_B,
    POD_A,
    TUNNEL_A,
    Examination,
    Timed,
    at,
    bgp,
    from_a,
    from_b,
    gateway_arp,
    pings,
    request,
    wrapped,
)


def own(node: str, other: str, first: float) -> list[Timed]:
    """A node's own packets from the tunl0 address TUNNEL_A."""
    wrap = from_a if node == NODE_A else from_b
    packets = (request(n, source=TUNNEL_A, destination="172.20.50.2", ttl=64) for n in range(1, 5))
    return [at(first + n, wrap(wrapped(packet, node, other, ttl=64))) for n, packet in enumerate(packets)]


def test_one_node_passes(examine: Examination) -> None:
    assert examine([*bgp(), *own(NODE_A, NODE_B, 3)]).status is Status.PASS


def test_node_that_is_replaced_takes_it_along(examine: Examination) -> None:
    assert not examine([*bgp(), *own(NODE_A, NODE_B, 3), *own(NODE_B, NODE_A, 10)]).findings


def test_two_nodes_by_turns_are_an_error(examine: Examination) -> None:
    finding = examine([*bgp(), *own(NODE_A, NODE_B, 3), *own(NODE_B, NODE_A, 3.5)]).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.CONFIRMED)
    assert TUNNEL_A in finding.title


def test_pod_with_a_tunnel_address_is_an_error(examine: Examination) -> None:
    node = """
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: gamma}
spec: {bgp: {ipv4Address: 192.0.2.13/24, ipv4IPIPTunnelAddr: 172.20.1.5}}
"""
    finding = examine(gateway_arp(), files={"node.yaml": node}).finding
    assert POD_A in finding.title
    assert "gamma" in finding.title


def test_no_own_packet_is_not_judged(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).reason is Reason.TOO_FEW_PACKETS
