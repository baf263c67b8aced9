"""CongestionMarkDropped: a congestion mark on the outer header makes the receiver drop the packet.

Expected
    The outer header is marked CE only where the inner packet is ECN-capable: the sender copies
    the inner ECN field, and a router marks only capable packets.

How it is observed
    Outer CE over inner Not-ECT. Linux discards such a packet at decapsulation (RFC 6040), and
    counts it as a frame error of tunl0.

What can mislead
    Nothing at the capture point shows the drop itself; the packet arrives at the NIC.

What to do
    ``ip -s link show tunl0`` on the receiver: frame errors that rise. Find the device that marks
    CE whatever the ECN field says.
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

CE, NOT_ECT = 3, 0


def examine(points: tuple[Point, ...], tunnel_headers: Mapping[Point, TunnelHeaders]) -> Outcome:
    """A finding for each pair of nodes with packets that the receiver discards."""
    examined, findings = 0, []
    for point in points:
        headers = tunnel_headers[point]
        if point.role not in (Role.NODE, Role.FABRIC):
            continue
        examined += int(headers.packets.sum())
        marked = headers.select((headers.outer_ecn == CE) & (headers.inner_ecn == NOT_ECT))
        for pair in sorted(set(marked.rows("outer_source", "outer_destination"))):
            of_pair = (marked.outer_source == pair[0]) & (marked.outer_destination == pair[1])
            findings.append(_finding(point, marked.select(of_pair), pair))
    if examined:
        return Outcome(examined, tuple(findings))
    command = capture_command(Role.NODE)
    return Outcome(missing=Missing(Reason.WRONG_POINT, "no tunnel packet was captured on a node's NIC", command))


def _finding(point: Point, rows: TunnelHeaders, pair: tuple[int, int]) -> Finding:
    one, other = map(format_address, pair)
    count = int(rows.packets.sum())
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        subject=Subject(SubjectKind.NODE_PAIR, f"{one} to {other}", nodes=(one, other)),
        title=f"tunnel packets from {one} to {other} carry a congestion mark that makes {other} discard them",
        expected="outer CE only over an inner packet that is ECN-capable",
        observed=f"{several(count, 'packet')} with outer CE over inner Not-ECT",
        count=count,
        first_ns=int(rows.first_ns.min()),
        last_ns=int(rows.last_ns.max()),
        evidence=(evidence_of(point, rows.frames, display_filters.tunnel(*pair)),),
        component=Component.NODE_NETWORK,
        confirm=(f"ip -s link show tunl0  # on {other}: RX errors and frame errors that rise",),
        fix=("stop the device between the nodes from marking packets that are not ECN-capable",),
        alternatives=("another device than Linux's ipip wrote the outer header: it does not copy the inner ECN bits",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD2012",
    name="CongestionMarkDropped",
    severity=Severity.ERROR,
    summary="outer CE over inner Not-ECT, which the receiving kernel discards",
    points="node NIC, fabric",
    examine=examine,
)
