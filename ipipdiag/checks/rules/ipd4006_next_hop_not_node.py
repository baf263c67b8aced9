"""NextHopNotNode: a block is announced with a next hop that is no Calico node.

Expected
    The next hop of a block is the Calico address of the node that has it; route reflectors leave it
    as it is.

How it is observed
    An UPDATE for a block of pods whose next hop is none of the nodes that flags or files name.

What can mislead
    Prefixes that hold no pods (services, the node network, a default route) may have any next hop.
    Without a list of nodes it is not judged.

What to do
    Which peer rewrote the next hop: an eBGP peer or route reflector without "next hop keep".
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.announcements import holds_pods
from ipipdiag.checks.bgp_sessions import BGP_ROLES, no_bgp
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.bgp import BgpRoutes
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], bgp_routes: Mapping[Point, BgpRoutes], cluster: Cluster) -> Outcome:
    """A finding for each block and next hop that is no node."""
    announced = [
        (point, *row)
        for point, routes in bgp_routes.items()
        if point.role in BGP_ROLES
        for row in routes.rows("prefix", "prefix_length", "next_hop", "withdrawn", "speaker", "number", "time_ns")
        if not row[3]
    ]
    if not announced:
        return Outcome(missing=no_bgp(points))
    if not cluster.told_nodes:
        text = "which addresses are nodes is not told; the next hops cannot be compared with them"
        return Outcome(missing=Missing(Reason.NO_CONFIG, text, "kubectl get nodes -o yaml  # then: --cluster FILE"))
    examined, findings = 0, []
    for point, prefix, length, hop, _, speaker, number, time_ns in announced:
        network = IPv4Network((prefix, length))
        if not holds_pods(network, cluster):
            continue
        examined += 1
        if hop and not cluster.is_told_node(hop):
            findings.append(_finding(point, network, hop, speaker, number, time_ns, cluster))
    return Outcome(examined, tuple(findings), None if examined else no_bgp(points))


def _finding(
    point: Point, network: IPv4Network, hop: int, speaker: int, number: int, time_ns: int, cluster: Cluster
) -> Finding:
    sender = cluster.node_text(speaker)
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        subject=Subject(
            SubjectKind.BLOCK,
            f"{network} by {format_address(hop)}",
            nodes=(format_address(speaker), format_address(hop)),
        ),
        title=f"block {network} is announced with next hop {format_address(hop)}, which is no Calico node",
        expected="the next hop of a block is the node that has it",
        observed=f"UPDATE from {sender} with next hop {format_address(hop)}",
        count=1,
        first_ns=time_ns,
        last_ns=time_ns,
        evidence=(Evidence(point.input, (number,), display_filters.announcements_of(int(network.network_address))),),
        component=Component.BIRD,
        confirm=(
            "calicoctl get bgppeer -o yaml  # keepOriginalNextHop",
            f"birdcl show route {network} all  # on {sender}",
        ),
        fix=("let the peer that passes the route on keep its next hop",),
        alternatives=("the node was added, or got another address, after the cluster files were made",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD4006",
    name="NextHopNotNode",
    severity=Severity.ERROR,
    summary="a block is announced with a next hop that is no Calico node",
    points="node NIC, fabric",
    examine=examine,
)
