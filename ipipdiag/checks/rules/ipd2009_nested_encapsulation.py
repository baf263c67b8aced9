"""NestedEncapsulation: IP-in-IP inside IP-in-IP.

Expected
    One outer header.

How it is observed
    At a node's NIC: an IPv4 header of protocol 4 inside another one.

What can mislead
    A pod that runs its own IP-in-IP tunnel, where Felix admits that
    (allowIPIPPacketsFromWorkloads).

What to do
    Usually the node's own address lies inside a pod range, so that the outer packet is routed
    into the tunnel again: compare node addresses with the pools.
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
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.tunnels import TunnelHeaders
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], tunnel_headers: Mapping[Point, TunnelHeaders]) -> Outcome:
    """A finding for each pair of outer addresses with nested tunnel headers."""
    examined, findings = 0, []
    for point in points:
        headers = tunnel_headers[point]
        if point.role is not Role.NODE:
            continue
        examined += int(headers.packets.sum())
        nested = headers.select(headers.depth > 1)
        for pair in sorted(set(nested.rows("outer_source", "outer_destination"))):
            of_pair = (nested.outer_source == pair[0]) & (nested.outer_destination == pair[1])
            findings.append(_finding(point, nested.select(of_pair), pair))
    if examined:
        return Outcome(examined, tuple(findings))
    command = capture_command(Role.NODE)
    return Outcome(missing=Missing(Reason.WRONG_POINT, "no tunnel packet was captured on a node's NIC", command))


def _finding(point: Point, rows: TunnelHeaders, pair: tuple[int, int]) -> Finding:
    one, other = map(format_address, pair)
    count = int(rows.packets.sum())
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.NODE_PAIR, f"{one} to {other}", nodes=(one, other)),
        title=f"tunnel packets from {one} to {other} are wrapped {int(rows.depth.max())} times",
        expected="one outer header",
        observed=f"{several(count, 'packet')} with {int(rows.depth.max())} headers of protocol 4",
        count=count,
        first_ns=int(rows.first_ns.min()),
        last_ns=int(rows.last_ns.max()),
        evidence=(evidence_of(point, rows.frames, display_filters.tunnel(*pair)),),
        component=Component.CONFIGURATION,
        confirm=(f"ip route get {other}  # on {one}: not dev tunl0", "calicoctl get ippool -o wide"),
        fix=("move the pool or the node addresses so that they do not overlap",),
        alternatives=("a pod runs an IP-in-IP tunnel of its own",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD2009",
    name="NestedEncapsulation",
    severity=Severity.ERROR,
    summary="more than one header of protocol 4 around a packet",
    points="node NIC",
    examine=examine,
)
