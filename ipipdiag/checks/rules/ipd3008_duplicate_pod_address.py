"""DuplicatePodAddress: one pod address lives at two places at the same time.

Expected
    A pod address lives behind one node, and has one MAC, at a time.

How it is observed
    At a node's NIC: packets of one address, at their first hop, have outer sources of two nodes,
    now one and now the other. At pods' links: two pods with different MACs use one address while
    both are captured.

What can mislead
    A pod that moves is behind another node later, not alternately. Loops and detours show later
    hops with other outer sources; only the first hop counts. A pod captured at both ends of its
    veth is one pod.

What to do
    ``kubectl get pods -A -o wide`` for the address; ``calicoctl ipam check --show-problem-ips``;
    a pod with a fixed address, or a second IPAM that hands out the same block.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address, format_mac
from ipipdiag.checks import display_filters
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
from ipipdiag.checks.sightings import evidence_of
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster, Route
    from ipipdiag.decode.packets import ArpMessages
    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(
    points: tuple[Point, ...],
    flows: Mapping[Point, Flows],
    arp_messages: Mapping[Point, ArpMessages],
    extent: Mapping[Point, Extent],
    cluster: Cluster,
) -> Outcome:
    """A finding for each address at two places."""
    findings = []
    for address, routes in cluster.seen_behind.items():
        for earlier, later in pairwise(routes):
            if earlier.node != later.node and _overlap(
                (earlier.first_ns, earlier.last_ns), (later.first_ns, later.last_ns)
            ):
                findings.append(_behind_two(address, earlier, later, flows, cluster))
    places = _places(points, flows, arp_messages)
    for address, homes in places.items():
        findings += _two_homes(address, homes, extent, cluster)
    examined = len(cluster.seen_behind) + len(places)
    missing = None
    if not examined:
        missing = Missing(Reason.WRONG_POINT, "no pod's own packets were captured at their first hop",
                          capture_command(Role.NODE))  # fmt: skip
    return Outcome(examined, tuple(findings), missing)


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return max(one[0], other[0]) <= min(one[1], other[1])


def _behind_two(address: int, one: Route, other: Route, flows: Mapping[Point, Flows], cluster: Cluster) -> Finding:
    evidence, ids = [], []
    for point, table in flows.items():
        own = table.select((table.tunnel == Tunnel.IPIP) & (table.source == address))
        if len(set(own.outer_source.tolist()) & {one.node, other.node}) == 2:
            evidence.append(evidence_of(point, own.frames, display_filters.tunnelled_from(address)))
            ids.append(point.id)
    here, there = cluster.node_text(one.node), cluster.node_text(other.node)
    return _finding(
        address,
        (one.node, other.node),
        title=f"pod address {format_address(address)} is in use behind two nodes at once: {here} and {there}",
        observed=f"packets of {format_address(address)} leave with outer source {format_address(one.node)} and "
        f"{format_address(other.node)}, by turns",
        times=(max(one.first_ns, other.first_ns), min(one.last_ns, other.last_ns)),
        evidence=tuple(evidence),
        ids=tuple(ids),
    )


Home = tuple["Point", int, tuple[int, ...]]  # point, MAC of the pod, frames that show it


def _places(
    points: tuple[Point, ...], flows: Mapping[Point, Flows], arp_messages: Mapping[Point, ArpMessages]
) -> dict[int, list[Home]]:
    """At pods' links: which MAC each pod address has, by its own ARP and packets."""
    places: dict[int, list[Home]] = {}
    for point in points:
        if not point.is_pod_link:
            continue
        pods = set(point.pods)  # as many as ask for the gateway
        seen: dict[tuple[int, int], list[int]] = {}
        for address, mac, number in arp_messages[point].rows("sender", "sender_mac", "number"):
            if address in pods and mac not in point.host_macs:
                seen.setdefault((address, mac), []).append(number)
        for address, mac, frame in flows[point].rows("source", "source_mac", "last_frame"):
            if address in pods and mac >= 0 and mac not in point.host_macs:
                seen.setdefault((address, mac), []).append(frame)
        for (address, mac), frames in seen.items():
            places.setdefault(address, []).append((point, mac, tuple(sorted(frames)[:8])))
    return places


def _two_homes(address: int, homes: list[Home], extent: Mapping[Point, Extent], cluster: Cluster) -> list[Finding]:
    """Two pods with one address: different MACs at two links that were captured at the same time."""
    for number, (point, mac, frames) in enumerate(homes):
        for other_point, other_mac, other_frames in homes[number + 1 :]:
            one, other = extent[point], extent[other_point]
            if mac == other_mac or point is other_point or None in (one.first_ns, other.first_ns):
                continue
            spans = [(span.first_ns or 0, span.last_ns or 0) for span in (one, other)]
            if not _overlap(*spans):
                continue
            places = (point.label, other_point.label)
            return [
                _finding(
                    address,
                    (),
                    title=f"address {format_address(address)} belongs to two pods at the same time",
                    observed=f"{format_mac(mac)} at {places[0]}, {format_mac(other_mac)} at {places[1]}",
                    times=(max(spans[0][0], spans[1][0]), min(spans[0][1], spans[1][1])),
                    evidence=(
                        Evidence(point.input, frames, display_filters.from_mac(mac)),
                        Evidence(other_point.input, other_frames, display_filters.from_mac(other_mac)),
                    ),
                    ids=(point.id, other_point.id),
                )
            ]
    return []


def _finding(
    address: int,
    nodes: tuple[int, ...],
    *,
    title: str,
    observed: str,
    times: tuple[int, int],
    evidence: tuple[Evidence, ...],
    ids: tuple[str, ...],
) -> Finding:
    text = format_address(address)
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POD, text, nodes=tuple(map(format_address, nodes)), addresses=(text,)),
        title=title,
        expected="a pod address lives behind one node, with one MAC, at a time",
        observed=observed,
        count=2,
        first_ns=times[0],
        last_ns=times[1],
        evidence=evidence,
        component=Component.IPAM,
        confirm=(f"kubectl get pods -A -o wide | grep -w {text}", "calicoctl ipam check --show-problem-ips"),
        fix=("delete the pod whose address IPAM does not know, so that it gets another one",),
        alternatives=(
            "the pod has just moved, and its old node has not let go of it yet",
            "something sends under the address of another pod",
        ),
        points=ids,
    )


CHECK = Check(
    code="IPD3008",
    name="DuplicatePodAddress",
    severity=Severity.CRITICAL,
    summary="one pod address lives behind two nodes, or has two MACs, at the same time",
    points="node NIC, pod eth0, cali",
    examine=examine,
)
