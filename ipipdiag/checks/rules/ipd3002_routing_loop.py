"""RoutingLoop: the same packet passes again and again, its TTL falling.

Expected
    A packet is seen once on each wire.

How it is observed
    The same inner packet at least three times on one interface, in one direction and one form,
    with a lower TTL each time (four times where the records do not tell the interface). The outer
    TTL is a copy of the inner one at each encapsulation, so it falls as well, and may end at a
    router, which tells nobody in the pod.

What can mislead
    Equal TTLs are duplicates. A traceroute sends many packets with low TTLs, but they differ in
    identification or port.

What to do
    ``ip route get`` of the destination on each node of the circle: each points at the next.
    Usually a block without owner, whose blackhole route is missing.
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
    Outcome,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.kinds import Tunnel
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.sightings import Loops
    from ipipdiag.points.model import Point

SIGHTINGS_WITHOUT_INTERFACE = 4


def examine(
    points: tuple[Point, ...], loops: Mapping[Point, Loops], extent: Mapping[Point, Extent], cluster: Cluster
) -> Outcome:
    """A finding for each destination whose packets circle."""
    examined, findings = 0, []
    for point in points:
        examined += extent[point].ipv4
        rows = loops[point]
        if point.role is Role.ANY:
            rows = rows.select(rows.sightings_max >= SIGHTINGS_WITHOUT_INTERFACE)
        for destination in sorted(set(rows.destination.tolist())):
            findings.append(_finding(point, rows.select(rows.destination == destination), destination, cluster))
    return Outcome(examined, tuple(findings))


def _finding(point: Point, rows: Loops, destination: int, cluster: Cluster) -> Finding:
    text = format_address(destination)
    wrapped = rows.select(rows.tunnel == Tunnel.IPIP)
    circle = sorted({*wrapped.outer_source.tolist(), *wrapped.outer_destination.tolist()})
    names = " and ".join(cluster.node_text(node) for node in circle)
    sources = tuple(sorted({format_address(source) for source in rows.source.tolist()}))
    packets, sightings = int(rows.packets.max()), int(rows.sightings_max.max())
    where = f"between nodes {names}" if circle else f"at {point.label}"
    if len(wrapped):
        shown = display_filters.tunnelled_flow(int(wrapped.source[0]), destination)
    else:
        shown = display_filters.bare(int(rows.source[0]), destination)
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.FLOW, f"packets to {text}", nodes=tuple(map(format_address, circle)), addresses=(text, *sources)
        ),
        title=f"packets to {text} go round in a circle {where}",
        expected="each packet once on each wire",
        observed=f"{several(packets, 'packet')} seen up to {sightings} times in one direction, "
        f"TTL falling from {int(rows.ttl_first.max())} to {int(rows.ttl_last.min())}",
        count=packets,
        first_ns=int(rows.first_ns.min()),
        last_ns=int(rows.last_ns.max()),
        evidence=(evidence_of(point, rows.frames, shown),),
        component=Component.BIRD,
        confirm=(f"ip route get {text}  # on each of {names or 'the nodes'}", "calicoctl ipam show --ip=" + text),
        fix=("remove the stale routes; the owner of a block needs its blackhole route (calico-node restores it)",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD3002",
    name="RoutingLoop",
    severity=Severity.CRITICAL,
    summary="the same packet passes again and again with falling TTL: nodes point at each other",
    points="node NIC, tunl0, any",
    examine=examine,
)
