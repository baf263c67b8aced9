"""EncapsulatedWhenNever: packets to a pool of mode Never are wrapped.

Expected
    ipipMode Never wraps nothing.

How it is observed
    At a node's NIC: IP-in-IP whose inner destination lies in a pool that is told to be Never.

What can mislead
    A mode that was changed a moment ago: routes follow within seconds, and tunl0 may stay.

What to do
    ``ip route get`` of the destination on the sending node; a node whose Felix or BIRD no longer
    follows the datastore keeps its old routes.
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
from ipipdiag.checks.wrapping import PodFlow, pod_flows
from ipipdiag.cluster.model import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(flows: Mapping[Point, Flows], cluster: Cluster) -> Outcome:
    """A finding for each pair of nodes that wraps packets to a pool of mode Never."""
    if cluster.default_mode is None and not any(pool.mode for pool in cluster.pools):
        command = "calicoctl get ippool -o wide  # then: --ipip-mode Always|CrossSubnet|Never"
        return Outcome(missing=Missing(Reason.NO_CONFIG, "the pool's ipipMode is not known", command))
    examined, findings = 0, []
    for between_pods in pod_flows(flows, cluster):
        judged = between_pods.goes_to(Mode.NEVER, cluster)
        examined += int(judged.sum())
        findings += [_finding(flow, cluster) for flow in between_pods.select(judged & between_pods.wrapped)]
    return Outcome(examined, tuple(findings))


def _finding(flow: PodFlow, cluster: Cluster) -> Finding:
    row = flow.row
    outer_source, outer_destination = int(row.outer_source[0]), int(row.outer_destination[0])
    one, other = cluster.node_text(outer_source), cluster.node_text(outer_destination)
    count = int(row.packets.sum())
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.NODE_PAIR,
            f"{one} to {other}",
            nodes=(format_address(outer_source), format_address(outer_destination)),
            addresses=(format_address(flow.destination),),
        ),
        title=f"node {one} wraps packets to node {other} though the pool's ipipMode is Never",
        expected=f"bare packets: {flow.expected.why}",
        observed=f"{several(count, 'packet')} in IP-in-IP to {format_address(flow.destination)}",
        count=count,
        first_ns=int(row.first_ns.min()),
        last_ns=int(row.last_ns.max()),
        evidence=(
            evidence_of(
                flow.point,
                row.frames,
                display_filters.tunnelled_to(outer_source, outer_destination, flow.destination),
            ),
        ),
        component=Component.BIRD,
        confirm=(
            f"ip route get {format_address(flow.destination)}  # on {one}: not dev tunl0",
            "calicoctl get ippool -o wide",
        ),
        fix=("restart calico-node where the old route stays",),
        alternatives=("the mode was changed just before the capture",),
        points=(flow.point.id,),
    )


CHECK = Check(
    code="IPD2003",
    name="EncapsulatedWhenNever",
    severity=Severity.ERROR,
    summary="packets to a pool of ipipMode Never are wrapped",
    points="node NIC",
    examine=examine,
)
