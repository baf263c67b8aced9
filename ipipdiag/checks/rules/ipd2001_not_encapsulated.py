"""NotEncapsulated: packets between pods of two nodes cross the node network without the outer header.

Expected
    Where the mode of the destination's pool wraps this pair of nodes, every packet is IP-in-IP on
    the node network.

How it is observed
    At a node's NIC: a bare packet whose two addresses are pods' and which the mode wraps. The
    mode is known from a flag or file, or from the same two nodes wrapping other packets to the
    same block; a default is not enough. The destination MAC tells a leak to the default gateway
    (no tunnel route) from a direct route to the peer. Unanswered are also three requests over two
    seconds since the last answer of a flow that was answered while it was wrapped.

What can mislead
    ``-i any`` shows the pod's own leg of each packet; only single interfaces are judged. Modes
    CrossSubnet (in one subnet) and Never rightly send bare packets.

What to do
    ``ip route get`` of the destination on the sending node: the route must say ``dev tunl0``.
    Then who programs it: BIRD, or from Calico v3.33 on Felix.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address, format_mac
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import answers_in_words, is_unanswered, unanswered_in_words
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
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster) -> Outcome:
    """A finding for each pair of pods whose packets should be wrapped and are not."""
    if not any(point.role is Role.NODE for point in points):
        return Outcome(
            missing=Missing(Reason.WRONG_POINT, "outer headers show only on a node's NIC", capture_command(Role.NODE))
        )
    examined, unknown, findings = 0, 0, []
    for between_pods in pod_flows(flows, cluster):
        bare = ~between_pods.wrapped
        is_unknown = bare & (between_pods.should_wrap == UNKNOWN)
        unknown += int(is_unknown.sum())
        examined += int((~is_unknown).sum())
        findings += [_finding(flow, cluster) for flow in between_pods.select(bare & (between_pods.should_wrap == 1))]
    missing = None
    if unknown and not examined:
        missing = Missing(
            Reason.NO_CONFIG,
            f"{several(unknown, 'flow')} between pods without outer header; the pool's ipipMode is not known",
            "calicoctl get ippool -o wide  # then: --ipip-mode Always|CrossSubnet|Never",
        )
    return Outcome(examined, tuple(findings), missing)


def _finding(flow: PodFlow, cluster: Cluster) -> Finding:
    row = flow.row
    source, destination = format_address(flow.source), format_address(flow.destination)
    unanswered = is_unanswered(row, flow.point)
    sender = flow.source_node
    nodes = tuple(format_address(node) for node in (flow.source_node, flow.destination_node) if node is not None)
    where = cluster.node_text(sender) if sender is not None else flow.point.label
    count = int(row.packets.sum())
    return Finding(
        severity=Severity.CRITICAL if unanswered else Severity.WARNING,
        confidence=Confidence.CONFIRMED if flow.expected.told else Confidence.LIKELY,
        subject=Subject(SubjectKind.FLOW, f"{source} to {destination}", nodes=nodes, addresses=(source, destination)),
        title=f"packets from pod {source} to pod {destination} leave node {where} without the IP-in-IP header",
        expected=f"IP-in-IP between the nodes: {flow.expected.why}",
        observed=f"{several(count, 'bare packet')} {_direction(flow)}; "
        + (unanswered_in_words(row) if unanswered else answers_in_words(row, flow.point)),
        count=count,
        first_ns=int(row.first_ns.min()),
        last_ns=int(row.last_ns.max()),
        evidence=(evidence_of(flow.point, row.frames, display_filters.bare(flow.source, flow.destination)),),
        component=Component.BIRD,
        confirm=(f"ip route get {destination}  # on {where}: dev tunl0?", "calicoctl node status"),
        fix=("restore the tunnel route: BGP session of the node, or programClusterRoutes from Calico v3.31 on",),
        alternatives=("Felix programs the routes here (Calico v3.33 and later): look at its log instead of BIRD's",),
        points=(flow.point.id,),
    )


def _direction(flow: PodFlow) -> str:
    """Where the frames go: to the MAC of the destination's node, or to another one, usually the default gateway."""
    mac = int(flow.point.facts.flows.destination_mac[flow.position])
    if mac < 0:
        return "on a link without MAC addresses"
    if mac in _tunnel_macs(flow.point, flow.destination_node):
        return f"straight to the peer's MAC {format_mac(mac)}"
    return f"to MAC {format_mac(mac)}, not known as the peer's: the default gateway?"


@lru_cache(maxsize=1024)
def _tunnel_macs(point: Point, node: int | None) -> frozenset[int]:
    """The MACs from which tunnel packets of a node come."""
    flows = point.facts.flows
    return frozenset(flows.source_mac[(flows.tunnel == Tunnel.IPIP) & (flows.outer_source == (node or -1))].tolist())


CHECK = Check(
    code="IPD2001",
    name="NotEncapsulated",
    severity=Severity.CRITICAL,
    summary="packets between pods of two nodes are bare where the pool's mode wraps them",
    points="node NIC",
    examine=examine,
)
