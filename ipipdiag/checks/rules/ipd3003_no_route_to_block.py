"""NoRouteToBlock: a node has no route to the block of another node's pods.

Expected
    A node has a route to every block: by tunl0 or the NIC to the node that owns it.

How it is observed
    At a node's NIC: packets to a pod of another node, which the pool's mode wraps, leave bare and
    not towards that node's MAC: they take the default route, and nothing answers. At a pod's
    link: the pod's own node reports net or host unreachable about a pod of another node.

    With captures of a pod's link and its node's NIC: what enters the node and is seen nowhere
    leaving it, by counts of each inner pair: a warning, for a policy does the same.

What can mislead
    Bare packets straight to the peer's MAC have a route, without the tunnel (IPD2001). In modes
    CrossSubnet (in one subnet) and Never bare packets are right. A policy that drops is silent
    and sends nothing out.

What to do
    ``ip route get`` of the destination on the node. Then who should have programmed the route:
    BIRD (``calicoctl node status``), or Felix from Calico v3.33 on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipipdiag.addresses import format_address, format_mac
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import drops_recorded
from ipipdiag.checks.forwarding import router_macs
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
from ipipdiag.checks.sightings import evidence_of, in_words, several
from ipipdiag.checks.wrapping import PodFlow, pod_flows
from ipipdiag.kinds import Tunnel
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.facts.messages import IcmpReports
    from ipipdiag.points.model import Point


UNREACHABLE, NET, HOST = 3, 0, 1
FEWEST_REQUESTS = 3
LOCAL_TTLS = (64, 128, 255)


def examine(
    points: tuple[Point, ...],
    flows: Mapping[Point, Flows],
    icmp_reports: Mapping[Point, IcmpReports],
    cluster: Cluster,
) -> Outcome:
    """A finding for each block that a node does not reach."""
    examined, findings = 0, []
    for flow in pod_flows(flows, cluster):
        if flow.expected.wrapped is None:
            continue
        examined += 1
        if flow.expected.wrapped and not flow.wrapped and _takes_default_route(flow, flows[flow.point], cluster):
            findings.append(_leaking(flow, cluster))
    for point, reports in icmp_reports.items():
        if point.is_pod_link:
            examined += 1
            findings += _reported(point, reports, cluster)
    findings += _swallowed(points, flows, cluster)
    missing = None
    if not examined:
        text = "no flow between pods whose form is known was captured on a node's NIC, and no pod's link"
        missing = Missing(Reason.NO_CONFIG, text, "calicoctl get ippool,node -o yaml  # then: --cluster FILE")
    return Outcome(examined, tuple(findings), missing)


def _takes_default_route(flow: PodFlow, table: Flows, cluster: Cluster) -> bool:
    """Unanswered requests to a MAC that is not the owner's: the owner's MAC is known, or the MAC is a router's."""
    requests, answers = int(flow.row.requests.sum()), int(flow.row.answers.sum())
    mac = int(flow.row.destination_mac[0])
    if not requests or answers or mac < 0 or flow.destination_node is None:
        return False
    node = flow.destination_node
    peers = table.select(
        (table.outer_source == node) | ((table.source == node) & (table.tunnel == Tunnel.NONE))
    ).source_mac.tolist()
    routers = router_macs(flow.point, cluster)
    return mac in routers or (bool(peers) and mac not in peers)


def _leaking(flow: PodFlow, cluster: Cluster) -> Finding:
    row, owner = flow.row, cluster.owner_of(flow.destination)
    sender = cluster.node_text(flow.source_node) if flow.source_node is not None else flow.point.label
    right = cluster.node_text(flow.destination_node or 0)
    block = cluster.block_route(flow.destination) or cluster.announced_route(flow.destination) or owner
    network = block.network if block else format_address(flow.destination)
    requests = int(row.requests.sum())
    nodes = tuple(format_address(node) for node in (flow.source_node, flow.destination_node) if node is not None)
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY,
        subject=Subject(
            SubjectKind.BLOCK,
            f"{network} from {sender}",
            nodes=nodes,
            addresses=(format_address(flow.source), format_address(flow.destination)),
        ),
        title=f"node {sender} has no route to {network} on node {right}: its packets leave by the default route",
        expected=f"a route to {network} by tunl0 to {right}: {flow.expected.why}",
        observed=f"{several(requests, 'request')} to {format_address(flow.destination)} leave bare to MAC "
        f"{format_mac(int(row.destination_mac[0]))}, which is not {right}'s; none answered",
        count=requests,
        first_ns=int(row.first_ns.min()),
        last_ns=int(row.last_ns.max()),
        evidence=(evidence_of(flow.point, row.frames, display_filters.bare(flow.source, flow.destination)),),
        component=Component.BIRD,
        confirm=(
            f"ip route get {format_address(flow.destination)}  # on {sender}",
            f"calicoctl node status  # on {sender}",
        ),
        fix=("bring back what programs the route: the BGP session to the owner, or Felix where it owns the routes",),
        alternatives=("a more specific route to the default gateway was added by hand",),
        points=(flow.point.id,),
    )


def _swallowed(points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster) -> list[Finding]:
    """Pod packets that enter the node by its cali interface and do not leave it, by counts of each inner pair.

    A policy drops in silence as well: where a missing route is not proven otherwise, this is a warning.
    """
    findings = []
    for point in points:
        if not point.is_pod_link or drops_recorded(point):
            continue
        table = flows[point]
        asked = table.select(_among(table.source, point.pods) & (table.requests > 0) & (table.answers == 0))
        for source, destination in sorted(set(asked.rows("source", "destination"))):
            home, owner = cluster.owner_of(source), cluster.owner_of(destination)
            row = asked.select((asked.source == source) & (asked.destination == destination))
            if home is None or owner is None or home.node == owner.node or int(row.requests.sum()) < FEWEST_REQUESTS:
                continue
            exits = [
                other
                for other in points
                if other.role in (Role.NODE, Role.TUNL0) and _watches(other, home.node, row, flows[other])
            ]
            if not any(exit_point.role is Role.NODE for exit_point in exits):
                continue
            left = sum(int(_between(flows[other], source, destination).packets.sum()) for other in exits)
            if left == 0:
                findings.append(_not_leaving(point, exits, row, home.node, owner.node, cluster))
    return findings


def _among(column: Any, values: tuple[int, ...]) -> Any:
    """A mask of the rows whose value is one of a few."""
    mask = column < 0
    for value in values:
        mask |= column == value
    return mask


def _watches(point: Point, node: int, row: Flows, table: Flows) -> bool:
    """Whether a point of the node was captured while the requests came, and shows other traffic of that node."""
    extent = point.facts.extent
    if extent.first_ns is None or extent.last_ns is None or drops_recorded(point):
        return False
    covers = extent.first_ns <= int(row.first_ns.min()) and extent.last_ns >= int(row.last_request_ns.max())
    own = (table.source == node) | (table.outer_source == node)
    return covers and node in point.own_addresses and bool(own.any())


def _between(table: Flows, source: int, destination: int) -> Flows:
    return table.select((table.source == source) & (table.destination == destination))


def _not_leaving(point: Point, exits: list[Point], row: Flows, node: int, owner: int, cluster: Cluster) -> Finding:
    here, there = cluster.node_text(node), cluster.node_text(owner)
    source, destination = format_address(int(row.source[0])), format_address(int(row.destination[0]))
    count = int(row.packets.sum())
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.POSSIBLE,
        subject=Subject(
            SubjectKind.BLOCK,
            f"{destination} from {here}",
            nodes=(format_address(node), format_address(owner)),
            addresses=(source, destination),
        ),
        title=f"packets of pod {source} for {destination} on node {there} enter node {here} and do not leave it",
        expected=f"they leave node {here} by the route of the block",
        observed=f"{several(count, 'packet')} at {point.label}, 0 at {in_words([other.label for other in exits])}",
        count=count,
        first_ns=int(row.first_ns.min()),
        last_ns=int(row.last_ns.max()),
        evidence=(
            evidence_of(point, row.frames, display_filters.conversation(int(row.source[0]), int(row.destination[0]))),
        ),
        component=Component.NODE_KERNEL,
        confirm=(f"ip route get {destination}  # on {here}", f"iptables-save -c | grep -i drop  # on {here}, twice"),
        fix=("bring back the route, if it is missing; else look at the policies of the sending pod",),
        alternatives=("an egress policy drops them", "they left by a NIC that was not captured"),
        points=(point.id, *(other.id for other in exits)),
    )


def _reported(point: Point, reports: IcmpReports, cluster: Cluster) -> list[Finding]:
    """What the pod's own node says about pods of other nodes."""
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for kind, code, ttl, reporter, receiver, quoted, number, time_ns in reports.rows(
        "type", "code", "ttl", "reporter", "receiver", "quoted_destination", "number", "time_ns"
    ):
        owner = cluster.owner_of(quoted)
        own = cluster.owner_of(receiver)
        elsewhere = owner is not None and (own is None or own.node != owner.node) and owner.node != reporter
        if kind == UNREACHABLE and code in (NET, HOST) and ttl in LOCAL_TTLS and receiver in point.pods and elsewhere:
            found.setdefault((reporter, quoted), []).append((number, time_ns))
    return [_from_report(point, reporter, quoted, entries, cluster) for (reporter, quoted), entries in found.items()]


def _from_report(point: Point, reporter: int, quoted: int, entries: list[tuple[int, int]], cluster: Cluster) -> Finding:
    here, destination = cluster.node_text(reporter), format_address(quoted)
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.BLOCK,
            f"{destination} from {here}",
            nodes=(format_address(reporter),),
            addresses=(destination, *map(format_address, point.pods)),
        ),
        title=f"node {here} has no route to pod {destination} and tells its own pod so",
        expected=f"a route to the block of {destination}",
        observed=f"{several(len(entries), 'ICMP message')} net or host unreachable from the pod's own node",
        count=len(entries),
        first_ns=entries[0][1],
        last_ns=entries[-1][1],
        evidence=(
            Evidence(
                point.input,
                tuple(number for number, _ in entries[:8]),
                display_filters.icmp_error(reporter, UNREACHABLE),
            ),
        ),
        component=Component.BIRD,
        confirm=(f"ip route get {destination}  # on {here}", f"calicoctl node status  # on {here}"),
        fix=("bring back what programs the route: the BGP session to the owner, or Felix where it owns the routes",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD3003",
    name="NoRouteToBlock",
    severity=Severity.CRITICAL,
    summary="a node has no route to a block of another node: packets leave by the default route",
    points="node NIC, pod eth0, cali",
    examine=examine,
)
