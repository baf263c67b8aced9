"""MixedTunnels: the same two nodes use IP-in-IP and VXLAN.

Expected
    One kind of tunnel for a pair of nodes.

How it is observed
    At a node's NIC: protocol 4 and UDP port 4789 between the same two addresses.

What can mislead
    Two pools of different kinds, or a migration from one to the other: both legal.

What to do
    ``calicoctl get ippool -o wide`` shows which pools are IP-in-IP and which are VXLAN.
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

    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows]) -> Outcome:
    """A notice for each pair of nodes with both kinds of tunnel."""
    examined, findings = 0, []
    for point in points:
        if point.role is not Role.NODE:
            continue
        ipip, vxlan = (_pairs(flows[point], kind) for kind in (Tunnel.IPIP, Tunnel.VXLAN))
        examined += len(ipip | vxlan)
        findings += [_finding(point, flows[point], pair) for pair in sorted(ipip & vxlan)]
    if examined:
        return Outcome(examined, tuple(findings))
    command = capture_command(Role.NODE, capture_filter="ip proto 4 or udp port 4789")
    return Outcome(missing=Missing(Reason.WRONG_POINT, "no tunnel packet was captured on a node's NIC", command))


def _pairs(flows: Flows, kind: Tunnel) -> set[tuple[int, int]]:
    rows = flows.tunnel == kind
    pairs = set(zip(flows.outer_source[rows].tolist(), flows.outer_destination[rows].tolist(), strict=True))
    return {(min(pair), max(pair)) for pair in pairs}


def _finding(point: Point, flows: Flows, pair: tuple[int, int]) -> Finding:
    one, other = map(format_address, pair)
    both = flows.select((flows.outer_source == pair[0]) | (flows.outer_source == pair[1]))
    both = both.select((both.outer_destination == pair[0]) | (both.outer_destination == pair[1]))
    ipip = int(both.packets[both.tunnel == Tunnel.IPIP].sum())
    vxlan = int(both.packets[both.tunnel == Tunnel.VXLAN].sum())
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.NODE_PAIR, f"{one} and {other}", nodes=(one, other)),
        title=f"nodes {one} and {other} use IP-in-IP and VXLAN side by side",
        expected="one kind of tunnel for a pair of nodes",
        observed=f"{several(ipip, 'IP-in-IP packet')} and {several(vxlan, 'VXLAN packet')}",
        count=ipip + vxlan,
        first_ns=int(both.first_ns.min()),
        last_ns=int(both.last_ns.max()),
        evidence=(evidence_of(point, both.frames, display_filters.between(*pair)),),
        component=Component.CONFIGURATION,
        confirm=("calicoctl get ippool -o wide",),
        alternatives=("two pools of different kinds", "a migration between them"),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD2011",
    name="MixedTunnels",
    severity=Severity.NOTICE,
    summary="IP-in-IP and VXLAN between the same two nodes: a migration, or two pools",
    points="node NIC",
    examine=examine,
)
