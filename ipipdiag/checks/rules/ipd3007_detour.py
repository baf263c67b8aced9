"""Detour: a third node receives tunnel packets and sends them on to another one.

Expected
    Packets go from the pod's node straight to the node that has the destination.

How it is observed
    At the third node's NIC: a packet comes wrapped for this node, and leaves wrapped again for
    another one, its TTL one lower. Where the NIC shows one direction only, what comes is taken
    from tunl0.

What can mislead
    A routing loop is the same again and again (IPD3002). A router between the nodes leaves the
    addresses as they are.

What to do
    The route of the block on the first node, and on the third: ``ip route show BLOCK`` on both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
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
    """A finding for each first, third and last node and each destination."""

    def judge(relay: Relay) -> Finding | None:
        return _finding(relay, cluster) if relay.goes.tunnel == Tunnel.IPIP else None

    return judge_relays(points, flows, cluster, trace, judge)


def _finding(relay: Relay, cluster: Cluster) -> Finding:
    comes, goes = relay.comes, relay.goes
    home = cluster.owner_of(comes.flow.source)
    origin = comes.outer_source or (home.node if home else 0)  # tunl0 shows no outer header
    nodes = tuple(node for node in (origin, relay.node, goes.outer_destination) if node)
    first = cluster.node_text(origin) if origin else "another node"
    third, last = cluster.node_text(relay.node), cluster.node_text(goes.outer_destination)
    destination = format_address(comes.flow.destination)
    subject = Subject(
        SubjectKind.BLOCK,
        f"{destination} by {third}",
        nodes=tuple(map(format_address, nodes)),
        addresses=(format_address(comes.flow.source), destination),
    )
    return relay_finding(
        relay,
        subject,
        title=f"packets for {destination} make a detour by node {third}, which sends them on to node {last}",
        expected=f"node {first} sends straight to the node that has {destination}",
        observed=f"{several(comes.packets, 'packet')} come from {first} with TTL {comes.ttl}, "
        f"{several(goes.packets, 'packet')} leave for {last} with TTL {goes.ttl}",
        confirm=(f"ip route get {destination}  # on {first} and on {third}", "calicoctl ipam check --show-problem-ips"),
        fix=(f"mend the route of the block on {first}",),
        alternatives=("the address is borrowed, or its pod has just moved: the sender has yet to learn the way",),
    )


CHECK = Check(
    code="IPD3007",
    name="Detour",
    severity=Severity.ERROR,
    summary="a third node receives tunnel packets and sends them on to another node",
    points="node NIC",
    examine=examine,
)
