"""BlackholeRouteMissing: a node sends packets for its own block on, by its default route.

Expected
    The owner of a block discards what none of its pods has: a blackhole route holds the block.

How it is observed
    At the owner's NIC: a packet comes wrapped, and leaves again bare, from the node's own MAC,
    its TTL one lower. Where the NIC shows one direction only, what comes is taken from tunl0.

What can mislead
    Mirror ports and ``-i any`` show one packet at several places; a copy keeps its TTL. A node
    that relays into another tunnel is a detour (IPD3007).

What to do
    ``ip route show type blackhole`` on the owner: the block must be there, by BIRD or Felix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.absence import limit_reached
from ipipdiag.checks.forwarding import Relay, judge_relays, relay_finding
from ipipdiag.checks.model import Check, Finding, Outcome, Severity, Subject, SubjectKind
from ipipdiag.checks.sightings import several
from ipipdiag.kinds import Tunnel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point
    from ipipdiag.trace.model import Trace


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster, trace: Trace) -> Outcome:
    """A finding for each node and destination that comes wrapped and leaves bare."""

    def judge(relay: Relay) -> Finding | None:
        leaves_bare = relay.goes.tunnel == Tunnel.NONE and not relay.goes.answers and not limit_reached(relay.point)
        return _finding(relay, cluster) if leaves_bare and cluster.is_pod(relay.comes.flow.destination) else None

    return judge_relays(points, flows, cluster, trace, judge)


def _finding(relay: Relay, cluster: Cluster) -> Finding:
    comes, goes = relay.comes, relay.goes
    node, destination = cluster.node_text(relay.node), format_address(comes.flow.destination)
    subject = Subject(
        SubjectKind.POD,
        f"{destination} on {node}",
        nodes=tuple(format_address(node) for node in (comes.outer_source, relay.node) if node),
        addresses=(format_address(comes.flow.source), destination),
    )
    return relay_finding(
        relay,
        subject,
        title=f"node {node} sends packets for {destination} on by its default route instead of discarding them",
        expected="a blackhole route holds the block on its owner, and discards what no pod has",
        observed=f"{several(comes.packets, 'packet')} come through the tunnel with TTL {comes.ttl}, "
        f"{several(goes.packets, 'packet')} leave bare with TTL {goes.ttl}",
        confirm=(f"ip route show type blackhole  # on {node}", f"ip route get {destination}  # on {node}"),
        fix=(f"restart calico-node on {node}: BIRD or Felix sets the blackhole route of each block anew",),
        alternatives=("the address lies in no block of this node: the sender's route is wrong",),
    )


CHECK = Check(
    code="IPD3005",
    name="BlackholeRouteMissing",
    severity=Severity.ERROR,
    summary="the owner of a block sends on by its default route what no pod has",
    points="node NIC",
    examine=examine,
)
