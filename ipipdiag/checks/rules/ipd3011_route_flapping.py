"""RouteFlapping: packets of one flow change their form or their next hop to and fro.

Expected
    A flow keeps its form (wrapped or bare) and its next hop.

How it is observed
    At a node's NIC: one directed flow between pods has packets in two forms, or with two outer
    destinations, in the same time and with the same TTL.

What can mislead
    A route that changes once is a change, not flapping. A packet that comes by again on a detour
    or in a loop has a lower TTL. Another pool has another form, but not for the same flow.

What to do
    ``ip monitor route`` on the sending node: who changes the route, BIRD (proto bird) or Felix
    (proto 80)? Both do where programClusterRoutes disagrees between BGPConfiguration and
    FelixConfiguration.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.forwarding import FlowRow, five_tuples, rows_by_flow
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
from ipipdiag.checks.wrapping import is_between_pods
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


FEWEST_PACKETS = 2  # in each form


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster) -> Outcome:
    """A finding for each flow that alternates."""
    examined, findings, missing = 0, [], None
    for point, table in flows.items():
        if point.role is not Role.NODE:
            continue
        of_flow, between_pods = five_tuples([table]), is_between_pods(table, cluster)
        examined += len(set(of_flow.codes[between_pods].tolist()))
        has_forms = (of_flow.total(between_pods) > 1)[of_flow.codes]
        rows = rows_by_flow(table, between_pods & has_forms)
        flapping = {flow: pair for flow, forms in rows.of_flow.items() if (pair := _alternating(forms))}
        findings += [_finding(point, table, *pair, cluster) for pair in flapping.values()]
        missing = missing or rows.limit_reached(point, flapping)
    if not examined:
        missing = Missing(Reason.WRONG_POINT, "no flow between pods was captured on a node's NIC",
                          capture_command(Role.NODE))  # fmt: skip
    return Outcome(examined, tuple(findings), missing)


def _alternating(forms: Sequence[FlowRow]) -> tuple[FlowRow, FlowRow] | None:
    return next((two for two in combinations(forms, 2) if _alternates(*two)), None)


def _alternates(one: FlowRow, other: FlowRow) -> bool:
    """Two forms of a flow at the same hop: the second begins and the first comes back before it ends."""
    differs = (one.tunnel, one.outer_destination) != (other.tunnel, other.outer_destination)
    same_hop = one.ttl == other.ttl and one.source_mac == other.source_mac
    enough = min(one.packets, other.packets) >= FEWEST_PACKETS
    return differs and same_hop and enough and max(one.first_ns, other.first_ns) < min(one.last_ns, other.last_ns)


def _form(row: FlowRow, cluster: Cluster) -> str:
    return f"wrapped to {cluster.node_text(row.outer_destination)}" if row.tunnel == Tunnel.IPIP else "bare"


def _finding(point: Point, table: Flows, one: FlowRow, other: FlowRow, cluster: Cluster) -> Finding:
    source, destination = format_address(one.flow.source), format_address(one.flow.destination)
    node = next((row.outer_source for row in (one, other) if row.outer_source), 0)
    here = cluster.node_text(node) if node else point.label
    rows = table.select([one.position, other.position])
    nodes = sorted(
        {*(row.outer_source for row in (one, other)), *(row.outer_destination for row in (one, other))} - {0}
    )
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.FLOW,
            f"{source} to {destination}",
            nodes=tuple(map(format_address, nodes)),
            addresses=(source, destination),
        ),
        title=f"the route from node {here} to pod {destination} changes to and fro",
        expected="a flow keeps its form and its next hop",
        observed=f"{several(one.packets, 'packet')} {_form(one, cluster)}, "
        f"{several(other.packets, 'packet')} {_form(other, cluster)}, by turns",
        count=one.packets + other.packets,
        first_ns=max(one.first_ns, other.first_ns),
        last_ns=min(one.last_ns, other.last_ns),
        evidence=(evidence_of(point, rows.frames, display_filters.to_address(one.flow.destination)),),
        component=Component.FELIX,
        confirm=(
            f"ip monitor route  # on {here}",
            "calicoctl get felixconfig,bgpconfig -o yaml  # programClusterRoutes",
        ),
        fix=("let one of BIRD and Felix program the cluster's routes: make the two programClusterRoutes agree",),
        alternatives=("several next hops of equal cost share the traffic: then both are right",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD3011",
    name="RouteFlapping",
    severity=Severity.ERROR,
    summary="packets of one flow change their form or next hop to and fro",
    points="node NIC",
    examine=examine,
)
