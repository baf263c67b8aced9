"""Detour: a third node receives tunnel packets and sends them on to another one.

Expected
    Packets go from the pod's node straight to the node that has the destination.

How it is observed
    At the third node's NIC: a packet comes wrapped for this node, and leaves wrapped again for
    another one, its TTL one lower.

What can mislead
    A routing loop is the same again and again (IPD3002). A router between the nodes leaves the
    addresses as they are.

What to do
    The route of the block on the first node, and on the third: ``ip route show BLOCK`` on both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.forwarding import Relay, relays
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
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster) -> Outcome:
    """A finding for each first, third and last node and each destination."""
    nics = [point for point in points if point.role is Role.NODE]
    if not nics:
        text = "what a node sends on shows on its NIC only"
        return Outcome(missing=Missing(Reason.WRONG_POINT, text, capture_command(Role.NODE)))
    examined = sum(int((flows[point].tunnel == Tunnel.IPIP).sum()) for point in nics)
    findings = [
        _finding(relay, flows[relay.point], cluster)
        for relay in relays(flows, cluster)
        if relay.goes.tunnel == Tunnel.IPIP
    ]
    missing = Missing(Reason.TOO_FEW_PACKETS, "no tunnel packet was captured", capture_command(Role.NODE))
    return Outcome(examined, tuple(findings), None if examined else missing)


def _finding(relay: Relay, table: Flows, cluster: Cluster) -> Finding:
    comes, goes = relay.comes, relay.goes
    first, third, last = map(cluster.node_text, (comes.outer_source, comes.outer_destination, goes.outer_destination))
    destination = format_address(comes.flow.destination)
    rows = table.select([comes.position, goes.position])
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.BLOCK,
            f"{destination} by {third}",
            nodes=tuple(map(format_address, (comes.outer_source, comes.outer_destination, goes.outer_destination))),
            addresses=(format_address(comes.flow.source), destination),
        ),
        title=f"packets for {destination} make a detour by node {third}, which sends them on to node {last}",
        expected=f"node {first} sends straight to the node that has {destination}",
        observed=f"{several(comes.packets, 'packet')} come from {first} with TTL {comes.ttl}, "
        f"{several(goes.packets, 'packet')} leave for {last} with TTL {goes.ttl}",
        count=goes.packets,
        first_ns=comes.first_ns,
        last_ns=goes.last_ns,
        evidence=(evidence_of(relay.point, rows.frames, display_filters.to_address(comes.flow.destination)),),
        component=Component.BIRD,
        confirm=(f"ip route get {destination}  # on {first} and on {third}", "calicoctl ipam check --show-problem-ips"),
        fix=(f"mend the route of the block on {first}",),
        points=(relay.point.id,),
    )


CHECK = Check(
    code="IPD3007",
    name="Detour",
    severity=Severity.ERROR,
    summary="a third node receives tunnel packets and sends them on to another node",
    points="node NIC",
    examine=examine,
)
