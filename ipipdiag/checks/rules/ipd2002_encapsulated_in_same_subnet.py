"""EncapsulatedInSameSubnet: mode CrossSubnet wraps packets between nodes of one subnet.

Expected
    With ipipMode CrossSubnet, nodes of one subnet send pod packets bare to each other.

How it is observed
    At a node's NIC: wrapped packets to a pool that is told to be CrossSubnet, between nodes that
    are told to share a subnet.

What can mislead
    Each node decides by its own netmask: a /32 node address makes every peer foreign, and is the
    usual cause.

What to do
    ``calicoctl get node -o wide`` shows address and prefix length as Calico sees them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Finding,
    Missing,
    Outcome,
    Reason,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.checks.wrapping import UNKNOWN, PodFlow, pod_flows
from ipipdiag.cluster.model import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(flows: Mapping[Point, Flows], cluster: Cluster) -> Outcome:
    """A finding for each pair of nodes of one subnet that wraps."""
    if (
        not any(pool.mode is Mode.CROSS_SUBNET for pool in cluster.pools)
        and cluster.default_mode is not Mode.CROSS_SUBNET
    ):
        if cluster.default_mode is not None or any(pool.mode for pool in cluster.pools):
            return Outcome()
        return Outcome(missing=_no_mode())
    examined, unknown, findings = 0, 0, []
    for between_pods in pod_flows(flows, cluster):
        judged = between_pods.goes_to(Mode.CROSS_SUBNET, cluster)
        is_known = between_pods.should_wrap != UNKNOWN
        unknown += int((judged & ~is_known).sum())
        examined += int((judged & is_known).sum())
        wrong = judged & between_pods.wrapped & (between_pods.should_wrap == 0)
        findings += [_finding(flow, cluster) for flow in between_pods.select(wrong)]
    missing = None
    if unknown and not examined:
        command = "kubectl get nodes -o yaml  # then: --cluster FILE, or --node NAME=IP/PREFIX for each"
        missing = Missing(Reason.NO_CONFIG, "the nodes' subnets are not known", command)
    return Outcome(examined, tuple(findings), missing)


def _no_mode() -> Missing:
    command = "calicoctl get ippool -o wide  # then: --ipip-mode Always|CrossSubnet|Never"
    return Missing(Reason.NO_CONFIG, "the pool's ipipMode is not known", command)


def _finding(flow: PodFlow, cluster: Cluster) -> Finding:
    row = flow.row
    outer_source, outer_destination = int(row.outer_source[0]), int(row.outer_destination[0])
    one, other = cluster.node_text(outer_source), cluster.node_text(outer_destination)
    count = int(row.packets.sum())
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.NODE_PAIR,
            f"{one} to {other}",
            nodes=(format_address(outer_source), format_address(outer_destination)),
        ),
        title=f"node {one} wraps packets to node {other} though both are in one subnet and the mode is CrossSubnet",
        expected=f"bare packets: {flow.expected.why}",
        observed=f"{several(count, 'packet')} in IP-in-IP",
        count=count,
        first_ns=int(row.first_ns.min()),
        last_ns=int(row.last_ns.max()),
        evidence=(evidence_of(flow.point, row.frames, display_filters.tunnel(outer_source, outer_destination)),),
        component=Component.CONFIGURATION,
        confirm=("calicoctl get node -o wide  # prefix length of each node's address",),
        fix=("give Calico the node's real prefix length (IP_AUTODETECTION_METHOD, or spec.bgp.ipv4Address)",),
        alternatives=("another pool, of mode Always, holds the destination",),
        points=(flow.point.id,),
    )


CHECK = Check(
    code="IPD2002",
    name="EncapsulatedInSameSubnet",
    severity=Severity.WARNING,
    summary="mode CrossSubnet, and nodes of one subnet wrap all the same",
    points="node NIC",
    examine=examine,
)
