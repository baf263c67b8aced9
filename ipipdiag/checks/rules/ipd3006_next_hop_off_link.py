"""NextHopOffLink: without encapsulation, pod packets go to a router that does not know the pods.

Expected
    Where nothing is wrapped (ipipMode Never), the next hop is on the same link, or every router
    between the nodes knows the blocks.

How it is observed
    At a node's NIC: bare packets between pods of two nodes go to the MAC of a router, since the
    other node is in another subnet, and none of the pair is answered. The router drops them in
    silence: it has no route back for an ICMP error either. Where neither pools nor blocks are known
    and pods ask private addresses so, pods may live there: a possible warning. Public addresses,
    and what lies outside the pools, are IPD7002's.

What can mislead
    Where other pods of the same two nodes are answered bare, the routers know the blocks. Where
    the mode wraps this pair, the route is missing instead (IPD3003).

What to do
    ``calicoctl get ippool -o wide``: CrossSubnet wraps across subnets; or let the routers peer by
    BGP with the nodes.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address, format_mac
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import incomplete
from ipipdiag.checks.forwarding import router_macs
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
from ipipdiag.checks.outside import is_outside, is_strange
from ipipdiag.checks.sightings import evidence_of, in_words, several
from ipipdiag.checks.thresholds import Thresholds, from_requests_on
from ipipdiag.checks.wrapping import UNKNOWN, PodFlow, pod_flows
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

from ipipdiag.cluster.rules import subnet_of

MOST_FILTERS = 4


def examine(
    points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster, thresholds: Thresholds
) -> Outcome:
    """A finding for each pair of nodes whose bare pod packets a router swallows."""
    if not any(point.role is Role.NODE for point in points):
        text = "the next hop shows on a node's NIC"
        return Outcome(missing=Missing(Reason.WRONG_POINT, text, capture_command(Role.NODE)))
    examined, findings, missing = 0, [], None
    for between_pods in pod_flows(flows, cluster):
        point, table = between_pods.point, flows[between_pods.point]
        bare = ~between_pods.wrapped & (between_pods.should_wrap != 1)
        bare &= (between_pods.source_node != UNKNOWN) & (between_pods.destination_node != UNKNOWN)
        examined += int(bare.sum())
        pairs: dict[tuple[int, int], list[int]] = {}
        ends = zip(between_pods.source_node[bare].tolist(), between_pods.destination_node[bare].tolist(), strict=True)
        for at, nodes in zip(bare.nonzero()[0].tolist(), ends, strict=True):
            pairs.setdefault(nodes, []).append(at)
        for (source, destination), pair in pairs.items():
            positions = between_pods.position[pair]
            requests = int(table.requests[positions].sum())
            if table.answers[positions].any() or requests < thresholds.unanswered_requests:
                continue
            if lost := incomplete(point):
                missing = missing or lost
                continue
            asked = [flow for flow in between_pods.select(pair) if table.requests[flow.position]]
            if _goes_to_router(point, table, asked, source, destination, cluster):
                findings.append(_finding(point, asked, source, destination, requests, cluster, thresholds))
    if not findings:
        weak = (_to_unknown(point, flows[point], cluster, thresholds) for point in points)
        findings = [finding for finding in weak if finding]
    return Outcome(examined, tuple(findings), missing)


def _goes_to_router(
    point: Point, table: Flows, asked: list[PodFlow], source: int, destination: int, cluster: Cluster
) -> bool:
    """Whether the frames go to a MAC that stands for a router, and the other node is behind one."""
    macs = set(table.destination_mac[[flow.position for flow in asked]].tolist())
    subnet = subnet_of(cluster, source)
    if subnet is not None:
        return IPv4Address(destination) not in subnet
    own = table.select((table.source == destination) & (table.tunnel == Tunnel.NONE)).source_mac.tolist()
    routers = router_macs(point, cluster) - ({point.own_mac} if point.own_mac is not None else set())
    return bool(macs) and macs <= routers and (not own or set(own) <= routers)


def _finding(
    point: Point,
    asked: list[PodFlow],
    source: int,
    destination: int,
    requests: int,
    cluster: Cluster,
    thresholds: Thresholds,
) -> Finding:
    here, there = cluster.node_text(source), cluster.node_text(destination)
    mac = format_mac(int(asked[0].row.destination_mac[0]))
    pods = {flow.source for flow in asked} | {flow.destination for flow in asked}
    told = all(flow.expected.told for flow in asked)
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CONFIRMED if told else Confidence.LIKELY,
        subject=Subject(
            SubjectKind.NODE_PAIR,
            f"{here} to {there}",
            nodes=(format_address(source), format_address(destination)),
            addresses=tuple(sorted(map(format_address, pods))),
        ),
        title=f"pod packets from node {here} to node {there} go bare to a router that does not know the pods",
        expected="without encapsulation the next hop is on the link, or the routers know the blocks"
        + (f": {asked[0].expected.why}" if told else "")
        + from_requests_on(thresholds),
        observed=f"{several(requests, 'request')} to router MAC {mac}, no outer header, none answered",
        count=requests,
        first_ns=min(int(flow.row.first_ns.min()) for flow in asked),
        last_ns=max(int(flow.row.last_ns.max()) for flow in asked),
        evidence=tuple(
            evidence_of(point, flow.row.frames, display_filters.bare(flow.source, flow.destination))
            for flow in asked[:MOST_FILTERS]
        ),
        component=Component.CONFIGURATION,
        confirm=(
            "calicoctl get ippool -o wide",
            f"ip route get {format_address(asked[0].destination)}  # on {here}: via which router?",
        ),
        fix=("set ipipMode CrossSubnet (or Always) on the pool, or teach the routers the blocks by BGP",),
        alternatives=(
            f"node {here} has no route to the block and uses its default route",
            "a firewall between the subnets drops packets with pod addresses",
        ),
        points=(point.id,),
    )


def _to_unknown(point: Point, table: Flows, cluster: Cluster, thresholds: Thresholds) -> Finding | None:
    """A weak sign: packets leave with a pod's own address for private addresses behind a router, all unanswered.

    Whether pods live there is not known: it is a warning, and none where pools were told or anything of the kind works.
    """
    if point.role is not Role.NODE or cluster.pools or incomplete(point):
        return None
    bare = table.select((table.tunnel == Tunnel.NONE) & (table.source_mac == (point.own_mac or 0)))
    to_judge = {destination for source, destination in bare.rows("source", "destination") if source in cluster.pods}
    unknown = {end for end in to_judge if is_strange(end, cluster) and not is_outside(end, cluster)}
    ours = bare.select(
        [
            position
            for position, (source, destination) in enumerate(bare.rows("source", "destination"))
            if source in cluster.pods and destination in unknown
        ]
    )
    if int(ours.requests.sum()) < thresholds.unanswered_requests:
        return None
    routers = router_macs(point, cluster) - {point.own_mac or 0}
    asked = ours.select(
        [at for at, (mac, count) in enumerate(ours.rows("destination_mac", "requests")) if mac in routers and count]
    )
    requests = int(asked.requests.sum())
    if requests < thresholds.unanswered_requests or int(ours.answers.sum()):
        return None
    rows_of: dict[tuple[int, int], list[int]] = {}
    for position, ends in enumerate(asked.rows("source", "destination")):
        rows_of.setdefault(ends, []).append(position)
    pods, destinations = ([format_address(end) for end in sorted(set(ends))] for ends in zip(*rows_of, strict=True))
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.POSSIBLE,
        subject=Subject(
            SubjectKind.FLOW, f"{in_words(pods)} to {in_words(destinations)}", addresses=(*pods, *destinations)
        ),
        title=f"packets of pod{'s' if len(pods) > 1 else ''} {in_words(pods)} for {in_words(destinations)} leave "
        f"{point.label} bare to a router, and nothing answers",
        expected="wrapped, if the destination is a pod of another node; with the node's source address if it is not"
        + from_requests_on(thresholds),
        observed=f"{several(requests, 'request')} with the pod's own source address, no outer header, none answered",
        count=requests,
        first_ns=int(asked.first_ns.min()),
        last_ns=int(asked.last_ns.max()),
        evidence=tuple(
            evidence_of(point, asked.frames[rows], display_filters.bare(*ends))
            for ends, rows in list(rows_of.items())[:MOST_FILTERS]
        ),
        component=Component.CONFIGURATION,
        confirm=("calicoctl get ippool -o yaml  # ipipMode, natOutgoing; then: --cluster FILE",),
        fix=("set ipipMode CrossSubnet (or Always) on the pool, if the destination is a pod",),
        alternatives=("the destination is no pod, and the pool's natOutgoing is off",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD3006",
    name="NextHopOffLink",
    severity=Severity.CRITICAL,
    summary="without encapsulation, pod packets go to a router that does not know the pods",
    points="node NIC",
    examine=examine,
)
