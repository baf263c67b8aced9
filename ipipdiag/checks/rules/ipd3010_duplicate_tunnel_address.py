"""DuplicateTunnelAddress: two nodes, or a node and a pod, have one tunl0 address.

Expected
    Each tunl0 address belongs to one node, and no pod has it.

How it is observed
    At a node's NIC: packets that the nodes themselves made (with an initial TTL) leave with one
    inner source and two outer sources, by turns. At a pod's link: a pod asks for its gateway with
    an address that is a node's tunl0 address.

What can mislead
    A node that is replaced takes its address along: later, not by turns.

What to do
    ``calicoctl get node -o yaml`` (ipv4IPIPTunnelAddr) on all nodes; ``calicoctl ipam show
    --ip``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Evidence,
    Finding,
    Missing,
    Outcome,
    Reason,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import evidence_of
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import INITIAL_TTLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster) -> Outcome:
    """A finding for each tunl0 address that somebody else has as well."""
    examined, findings = 0, []
    for point, table in flows.items():
        if point.role not in (Role.NODE, Role.FABRIC):
            continue
        spans: dict[int, dict[int, tuple[int, int]]] = {}
        for source, node, ttl, outer_ttl, tunnel, first, last in table.rows(
            "source", "outer_source", "ttl_max", "outer_ttl_max", "tunnel", "first_ns", "last_ns"
        ):
            if tunnel == Tunnel.IPIP and ttl in INITIAL_TTLS and outer_ttl <= ttl:
                old = spans.setdefault(source, {}).get(node, (first, last))
                spans[source][node] = (min(old[0], first), max(old[1], last))
        examined += len(spans)
        for address, by_node in spans.items():
            (one, one_span), *others = by_node.items()
            for other, span in others:
                if max(one_span[0], span[0]) <= min(one_span[1], span[1]):
                    findings.append(_of_two_nodes(point, table, address, one, other, span, cluster))
    for point in points:
        if point.is_pod_link:
            examined += len(point.pods)
            findings += [
                _of_pod(point, flows[point], address, cluster)
                for address in point.pods
                if address in cluster.tunnel_addresses
            ]
    missing = None
    if not examined:
        missing = Missing(Reason.TOO_FEW_PACKETS, "no node's own packet went through the tunnel",
                          capture_command(Role.NODE))  # fmt: skip
    return Outcome(examined, tuple(findings), missing)


def _of_two_nodes(
    point: Point, table: Flows, address: int, one: int, other: int, span: tuple[int, int], cluster: Cluster
) -> Finding:
    own = table.select((table.tunnel == Tunnel.IPIP) & (table.source == address))
    here, there = cluster.node_text(one), cluster.node_text(other)
    return _finding(
        address,
        (one, other),
        f"tunl0 address {format_address(address)} is in use on two nodes: {here} and {there}",
        f"the nodes' own packets leave with outer source {format_address(one)} and {format_address(other)}",
        int(own.packets.sum()),
        span,
        evidence_of(point, own.frames, display_filters.tunnelled_from(address)),
        point,
    )


def _of_pod(point: Point, table: Flows, address: int, cluster: Cluster) -> Finding:
    node = cluster.tunnel_addresses[address]
    own = table.select(table.source == address)
    first, last = point.facts.extent.first_ns or 0, point.facts.extent.last_ns or 0
    return _finding(
        address,
        (node,),
        f"a pod has the tunl0 address {format_address(address)} of node {cluster.node_text(node)}",
        f"{format_address(address)} is used at {point.label}; the node answers for it instead of the pod",
        len(own),
        (first, last),
        evidence_of(point, own.frames, display_filters.arp_about(address)),
        point,
    )


def _finding(
    address: int,
    nodes: tuple[int, ...],
    title: str,
    observed: str,
    count: int,
    span: tuple[int, int],
    evidence: Evidence,
    point: Point,
) -> Finding:
    text = format_address(address)
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.NODE, f"tunl0 address {text}", nodes=tuple(map(format_address, nodes)), addresses=(text,)
        ),
        title=title,
        expected="each tunl0 address belongs to one node, and no pod has it",
        observed=observed,
        count=count,
        first_ns=span[0],
        last_ns=span[1],
        evidence=(evidence,),
        component=Component.IPAM,
        confirm=(f"calicoctl ipam show --ip={text}", "calicoctl get node -o yaml | grep -i ipv4IPIPTunnelAddr"),
        fix=("release the address of the wrong owner, and restart calico-node (or delete the pod) there",),
        alternatives=("a node was replaced, and its old tunnel address was given away again",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD3010",
    name="DuplicateTunnelAddress",
    severity=Severity.ERROR,
    summary="two nodes, or a node and a pod, have one tunl0 address",
    points="node NIC, pod eth0, cali",
    examine=examine,
)
