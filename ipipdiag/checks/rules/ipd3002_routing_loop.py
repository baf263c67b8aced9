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
    examined = sum(extent[point].ipv4 for point in points)
    by_destination: dict[int, list[tuple[Point, Loops]]] = {}
    for point in points:
        rows = loops[point]
        if point.role is Role.ANY:
            rows = rows.select(rows.sightings_max >= SIGHTINGS_WITHOUT_INTERFACE)
        for destination in sorted(set(rows.destination.tolist())):
            of_destination = rows.select(rows.destination == destination)
            by_destination.setdefault(destination, []).append((point, of_destination))
    findings = (_finding(destination, seen, cluster) for destination, seen in by_destination.items())
    return Outcome(examined, tuple(findings))


def _finding(destination: int, seen: list[tuple[Point, Loops]], cluster: Cluster) -> Finding:
    """What all points show of one destination's loop; the packets are the same ones, so they are counted where most
    are.
    """
    text = format_address(destination)
    wrapped = [rows.select(rows.tunnel == Tunnel.IPIP) for _, rows in seen]
    circle = sorted(
        {node for rows in wrapped for pair in rows.rows("outer_source", "outer_destination") for node in pair}
    )
    names = [cluster.node_text(node) for node in circle]
    sources = tuple(sorted({format_address(source) for _, rows in seen for source in rows.source.tolist()}))
    packets = max(int(rows.packets.max()) for _, rows in seen)
    sightings = max(int(rows.sightings_max.max()) for _, rows in seen)
    ttls = max(int(rows.ttl_first.max()) for _, rows in seen), min(int(rows.ttl_last.min()) for _, rows in seen)
    where = f"between nodes {' and '.join(names)}" if circle else f"at {seen[0][0].label}"
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.FLOW, f"packets to {text}", nodes=tuple(map(format_address, circle)), addresses=(text, *sources)
        ),
        title=f"packets to {text} go round in a circle {where}",
        expected="each packet once on each wire",
        observed=f"{several(packets, 'packet')} seen up to {sightings} times in one direction, "
        f"TTL falling from {ttls[0]} to {ttls[1]}",
        count=packets,
        first_ns=min(int(rows.first_ns.min()) for _, rows in seen),
        last_ns=max(int(rows.last_ns.max()) for _, rows in seen),
        evidence=tuple(evidence_of(point, rows.frames, _filter(rows)) for point, rows in seen),
        component=Component.BIRD,
        confirm=(
            f"ip route get {text}  # on {' and on '.join(names) or 'each node'}",
            f"calicoctl ipam show --ip={text}",
        ),
        fix=("remove the stale routes; the owner of a block needs its blackhole route (calico-node restores it)",),
        alternatives=(
            "the owner lacks its blackhole route and sends them back by its default route",
            "two nodes hold stale routes that point at each other",
        ),
        points=tuple(point.id for point, _ in seen),
    )


def _filter(rows: Loops) -> str:
    source, destination = int(rows.source[0]), int(rows.destination[0])
    if int(rows.tunnel[0]) == Tunnel.IPIP:
        return display_filters.tunnelled_flow(source, destination)
    return display_filters.bare(source, destination)


CHECK = Check(
    code="IPD3002",
    name="RoutingLoop",
    severity=Severity.CRITICAL,
    summary="the same packet passes again and again with falling TTL: nodes point at each other",
    points="any",
    examine=examine,
    is_calico_specific=False,
)
