"""BlackholeRouteMissing: a node sends packets for its own block on, by its default route.

Expected
    The owner of a block discards what none of its pods has: a blackhole route holds the block.

How it is observed
    At the owner's NIC: a packet comes wrapped, and leaves again bare, from the node's own MAC,
    its TTL one lower.

What can mislead
    Mirror ports and ``-i any`` show one packet at several places; a copy keeps its TTL. A node
    that relays into another tunnel is a detour (IPD3007).

What to do
    ``ip route show type blackhole`` on the owner: the block must be there, by BIRD or Felix.
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
    """A finding for each node and destination that comes wrapped and leaves bare."""
    nics = [point for point in points if point.role is Role.NODE]
    if not nics:
        text = "what a node sends on shows on its NIC only"
        return Outcome(missing=Missing(Reason.WRONG_POINT, text, capture_command(Role.NODE)))
    examined = sum(int((flows[point].tunnel == Tunnel.IPIP).sum()) for point in nics)
    findings = [
        _finding(relay, flows[relay.point], cluster)
        for relay in relays(flows, cluster)
        if relay.goes.tunnel == Tunnel.NONE and cluster.is_pod(relay.comes.flow.destination) and not relay.goes.answers
    ]
    missing = Missing(Reason.TOO_FEW_PACKETS, "no tunnel packet was captured", capture_command(Role.NODE))
    return Outcome(examined, tuple(findings), None if examined else missing)


def _finding(relay: Relay, table: Flows, cluster: Cluster) -> Finding:
    comes, goes = relay.comes, relay.goes
    node, destination = cluster.node_text(comes.outer_destination), format_address(comes.flow.destination)
    rows = table.select([comes.position, goes.position])
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.POD,
            f"{destination} on {node}",
            nodes=(format_address(comes.outer_source), format_address(comes.outer_destination)),
            addresses=(format_address(comes.flow.source), destination),
        ),
        title=f"node {node} sends packets for {destination} on by its default route instead of discarding them",
        expected="a blackhole route holds the block on its owner, and discards what no pod has",
        observed=f"{several(comes.packets, 'packet')} come wrapped with TTL {comes.ttl}, "
        f"{several(goes.packets, 'packet')} leave bare with TTL {goes.ttl}",
        count=goes.packets,
        first_ns=comes.first_ns,
        last_ns=goes.last_ns,
        evidence=(evidence_of(relay.point, rows.frames, display_filters.to_address(comes.flow.destination)),),
        component=Component.BIRD,
        confirm=(f"ip route show type blackhole  # on {node}", f"ip route get {destination}  # on {node}"),
        fix=(f"restart calico-node on {node}: BIRD or Felix sets the blackhole route of each block anew",),
        alternatives=("the address lies in no block of this node: the sender's route is wrong",),
        points=(relay.point.id,),
    )


CHECK = Check(
    code="IPD3005",
    name="BlackholeRouteMissing",
    severity=Severity.ERROR,
    summary="the owner of a block sends on by its default route what no pod has",
    points="node NIC",
    examine=examine,
)
