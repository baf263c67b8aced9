"""NoRouteToBlock: a node has no route to the block of another node's pods.

Expected
    A node has a route to every block: by tunl0 or the NIC to the node that owns it.

How it is observed
    At a node's NIC: packets to a pod of another node, which the pool's mode wraps, leave bare and
    not towards that node's MAC: they take the default route, and nothing answers. At a pod's
    link: the pod's own node reports net or host unreachable about a pod of another node.

    With captures of a pod's link and its node's NIC or tunl0, and the node's routes among the
    cluster files: what enters the node and is seen nowhere leaving it, packet by packet, while no
    route leads there. Without the routes IPD6008 says so, for a policy does the same.

What can mislead
    Bare packets straight to the peer's MAC have a route, without the tunnel (IPD2001). In modes
    CrossSubnet (in one subnet) and Never bare packets are right. A policy that drops is silent
    and sends nothing out.

What to do
    ``ip route get`` of the destination on the node. Then who should have programmed the route:
    BIRD (``calicoctl node status``), or Felix from Calico v3.33 on.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address, format_mac
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import first_limit, is_unanswered, requests_since_answer, unanswered_in_words
from ipipdiag.checks.forwarding import router_macs
from ipipdiag.checks.hop_losses import (
    Leg,
    crosses,
    evidence_at,
    is_between_pods,
    is_deaf,
    legs,
    what_holds,
    where_seen,
)
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
from ipipdiag.checks.node_evidence import missing_route
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.checks.thresholds import Thresholds, from_requests_on
from ipipdiag.checks.wrapping import UNKNOWN, PodFlow, pod_flows
from ipipdiag.kinds import Tunnel
from ipipdiag.protocols import HOST_UNREACHABLE, INITIAL_TTLS, NET_UNREACHABLE, UNREACHABLE
from ipipdiag.trace.places import Station

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.facts.messages import IcmpReports
    from ipipdiag.points.model import Point
    from ipipdiag.trace.model import Trace


def examine(
    flows: Mapping[Point, Flows],
    icmp_reports: Mapping[Point, IcmpReports],
    cluster: Cluster,
    configuration: Configuration,
    trace: Trace,
    thresholds: Thresholds,
) -> Outcome:
    """A finding for each block that a node does not reach."""
    examined, findings = 0, []
    for between_pods in pod_flows(flows, cluster):
        examined += int((between_pods.should_wrap != UNKNOWN).sum())
        bare = between_pods.select((between_pods.should_wrap == 1) & ~between_pods.wrapped)
        findings += [_leaking(flow, cluster) for flow in bare if _takes_default_route(flow, cluster)]
    for point, reports in icmp_reports.items():
        if point.is_pod_link:
            examined += 1
            findings += _reported(point, reports, cluster)
    findings += _swallowed(trace, cluster, configuration, thresholds)
    missing = first_limit(flows)
    if not examined and missing is None:
        text = "no flow between pods whose form is known was captured on a node's NIC, and no pod's link"
        missing = Missing(Reason.NO_CONFIG, text, "calicoctl get ippool,node -o yaml  # then: --cluster FILE")
    return Outcome(examined, tuple(findings), missing)


def _takes_default_route(flow: PodFlow, cluster: Cluster) -> bool:
    """Unanswered requests to a MAC that is not the owner's: the owner's MAC is known, or the MAC is a router's."""
    row = flow.row
    mac = int(row.destination_mac[0])
    if not is_unanswered(row, flow.point) or mac < 0 or flow.destination_node is None:
        return False
    peers = _macs_of(flow.point, flow.destination_node)
    return mac in router_macs(flow.point, cluster) or (bool(peers) and mac not in peers)


@lru_cache(maxsize=1024)
def _macs_of(point: Point, node: int) -> frozenset[int]:
    """The MACs from which a node's packets come, wrapped or its own."""
    flows = point.facts.flows
    is_sender = (flows.outer_source == node) | ((flows.source == node) & (flows.tunnel == Tunnel.NONE))
    return frozenset(flows.source_mac[is_sender].tolist())


def _leaking(flow: PodFlow, cluster: Cluster) -> Finding:
    row, owner = flow.row, cluster.owner_of(flow.destination)
    sender = cluster.node_text(flow.source_node) if flow.source_node is not None else flow.point.label
    right = cluster.node_text(flow.destination_node or 0)
    block = cluster.block_route(flow.destination) or cluster.announced_route(flow.destination) or owner
    network = block.network if block else format_address(flow.destination)
    requests = requests_since_answer(row)
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
        observed=f"requests to {format_address(flow.destination)} leave bare to MAC "
        f"{format_mac(int(row.destination_mac[0]))}, which is not {right}'s: {unanswered_in_words(row)}",
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


def _swallowed(trace: Trace, cluster: Cluster, configuration: Configuration, thresholds: Thresholds) -> list[Finding]:
    """Pod packets that enter a node and do not leave it, packet by packet, where its texts show no route to them.

    Without such texts a policy would look the same (IPD6008).
    """
    findings = []
    for leg in legs(trace):
        if not crosses(leg, Station.SOURCE_POD, Station.SOURCE_NIC) or not is_between_pods(leg.route, cluster):
            continue
        source = missing_route(configuration, cluster, leg.route.source_node, leg.route.destination)
        if source and leg.lost_packets >= thresholds.unanswered_requests and not is_deaf(leg.end.place):
            findings.append(_not_leaving(leg, source, cluster, thresholds))
    return findings


def _not_leaving(leg: Leg, source: str, cluster: Cluster, thresholds: Thresholds) -> Finding:
    here, there = cluster.node_text(leg.route.source_node or 0), cluster.node_text(leg.route.destination_node or 0)
    pod, destination = format_address(leg.route.source), format_address(leg.route.destination)
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY,
        subject=Subject(
            SubjectKind.BLOCK,
            f"{destination} from {here}",
            nodes=tuple(format_address(node or 0) for node in (leg.route.source_node, leg.route.destination_node)),
            addresses=(pod, destination),
        ),
        title=f"node {here} has no route to pod {destination} on node {there}: packets of pod {pod} enter it and do "
        "not leave it",
        expected=f"they leave node {here} by the route of the block" + from_requests_on(thresholds),
        observed=f"{where_seen(leg)}; no route but the default one leads there ({source})",
        count=leg.lost_packets,
        first_ns=leg.hop.first_lost_ns,
        last_ns=leg.hop.last_lost_ns,
        evidence=evidence_at(leg),
        component=Component.BIRD,
        confirm=(f"ip route get {destination}  # on {here}", f"calicoctl node status  # on {here}"),
        fix=("bring back what programs the route: the BGP session to the owner, or Felix where it owns the routes",),
        alternatives=(*what_holds(leg), "an egress policy drops them, and the route is back since the files were made"),
        points=(leg.start.place.lead.id, leg.end.place.lead.id),
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
        if (
            kind == UNREACHABLE
            and code in (NET_UNREACHABLE, HOST_UNREACHABLE)
            and ttl in INITIAL_TTLS
            and receiver in point.pods
            and elsewhere
        ):
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
        alternatives=("an unreachable or prohibit route to the block was added by hand",),
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
