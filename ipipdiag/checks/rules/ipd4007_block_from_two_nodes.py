"""BlockFromTwoNodes: two nodes announce the same block at the same time.

Expected
    One node has a block and announces it; an address borrowed from it is announced as a /32 by
    the borrower.

How it is observed
    UPDATEs with two next hops for one prefix longer than none and shorter than /32, neither of
    them withdrawn before the other came.

What can mislead
    A block that moves is withdrawn by one node and then announced by the other. Prefixes of
    services are announced by every node; only prefixes that hold pods are judged.

What to do
    ``calicoctl ipam check --show-problem-ips`` and the block's affinity: which node does IPAM
    know?
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import BGP, first_limit
from ipipdiag.checks.announcements import holds_pods
from ipipdiag.checks.bgp_sessions import no_bgp
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Evidence,
    Finding,
    Outcome,
    Severity,
    Subject,
    SubjectKind,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network

    from ipipdiag.cluster.model import Cluster, Route
    from ipipdiag.facts.bgp import BgpRoutes
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], bgp_routes: Mapping[Point, BgpRoutes], cluster: Cluster) -> Outcome:
    """A finding for each block that two nodes announce."""
    if more := first_limit(bgp_routes, BGP[:1]):  # that one of them was withdrawn would be missed
        return Outcome(missing=more)
    by_network: dict[IPv4Network, list[Route]] = {}
    for route in cluster.announced:
        if route.network.prefixlen < 32 and holds_pods(route.network, cluster):
            by_network.setdefault(route.network, []).append(route)
    findings = [
        _finding(one, other, bgp_routes, cluster)
        for routes in by_network.values()
        for one, other in combinations(sorted(routes, key=lambda route: (route.first_ns, route.node)), 2)
        if one.node != other.node and (one.withdrawn_ns is None or one.withdrawn_ns > other.first_ns)
    ]
    return Outcome(len(by_network), tuple(findings), None if by_network else no_bgp(points))


def _finding(one: Route, other: Route, bgp_routes: Mapping[Point, BgpRoutes], cluster: Cluster) -> Finding:
    here, there = cluster.node_text(one.node), cluster.node_text(other.node)
    prefix = int(one.network.network_address)
    evidence, ids = [], []
    for point, routes in bgp_routes.items():
        frames = routes.number[(routes.prefix == prefix) & (routes.prefix_length == one.network.prefixlen)].tolist()
        if frames:
            evidence.append(
                Evidence(point.input, tuple(sorted(set(frames))[:8]), display_filters.announcements_of(prefix))
            )
            ids.append(point.id)
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.BLOCK, str(one.network), nodes=(format_address(one.node), format_address(other.node))
        ),
        title=f"block {one.network} is announced by two nodes at once: {here} and {there}",
        expected="one node has a block and announces it",
        observed=f"UPDATEs for {one.network} with next hop {format_address(one.node)} and {format_address(other.node)}",
        count=2,
        first_ns=other.first_ns,
        last_ns=max(one.last_ns, other.last_ns),
        evidence=tuple(evidence),
        component=Component.IPAM,
        confirm=(
            "calicoctl ipam check --show-problem-ips",
            "kubectl get blockaffinities.crd.projectcalico.org -o wide",
        ),
        fix=("remove the affinity of the node that IPAM does not give the block to",),
        alternatives=("one node has released the block and the other taken it, while both announcements stood",),
        points=tuple(ids),
    )


CHECK = Check(
    code="IPD4007",
    name="BlockFromTwoNodes",
    severity=Severity.ERROR,
    summary="two nodes announce the same block at the same time",
    points="node NIC, fabric",
    examine=examine,
)
