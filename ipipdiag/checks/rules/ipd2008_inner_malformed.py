"""InnerMalformed: what the tunnel carries is not a whole IPv4 packet.

Expected
    Behind the outer header lies an IPv4 packet: version 4, a header of at least 20 bytes, a total
    length that fits into the outer one.

How it is observed
    On a node's NIC and on tunl0. Cut captures are not judged, nor outer fragments: the first of
    them states the length of the whole inner packet.

What can mislead
    An inner total length of 0 is a very large packet (BIG TCP). Bytes between the end of the
    inner packet and that of the outer one are counted, and are no fault.

What to do
    Look whether the packets are damaged on the way (capture at both nodes) or made so.
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
from ipipdiag.kinds import StopReason
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.tunnels import InnerDefects, Tunnels
    from ipipdiag.points.model import Point

WORDS = {
    StopReason.TOTAL_LENGTH: "ends before its own length says",
    StopReason.VERSION: "is not IP version 4",
    StopReason.HEADER_LENGTH: "states a header of less than 20 bytes",
}


def examine(
    points: tuple[Point, ...], inner_defects: Mapping[Point, InnerDefects], tunnels: Mapping[Point, Tunnels]
) -> Outcome:
    """A finding for each pair of nodes whose tunnel packets carry no whole packet."""
    examined, findings = 0, []
    for point in points:
        if point.role not in (Role.NODE, Role.TUNL0):
            continue
        examined += int(tunnels[point].packets.sum())
        defects = inner_defects[point]
        defects = defects.select(defects.reason != StopReason.NONE)
        for position in range(len(defects)):
            findings.append(_finding(point, defects.select([position])))
    if examined:
        return Outcome(examined, tuple(findings))
    command = capture_command(Role.NODE)
    return Outcome(missing=Missing(Reason.WRONG_POINT, "no tunnel packet was captured on a node's NIC", command))


def _finding(point: Point, row: InnerDefects) -> Finding:
    pair = int(row.outer_source[0]), int(row.outer_destination[0])
    one, other = map(format_address, pair)
    what = WORDS.get(StopReason(int(row.reason[0])), "is not whole")
    count = int(row.packets[0])
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.NODE_PAIR, f"{one} to {other}: inner packet {what}", nodes=(one, other)),
        title=f"tunnel packets from {one} to {other} carry an inner packet that {what}",
        expected="a whole IPv4 packet behind the outer header",
        observed=f"{several(count, 'packet')} whose inner packet {what}",
        count=count,
        first_ns=int(row.first_ns[0]),
        last_ns=int(row.last_ns[0]),
        evidence=(evidence_of(point, row.frames, display_filters.tunnel(*pair)),),
        component=Component.NODE_KERNEL,
        confirm=(capture_command(Role.NODE, f"{one} and {other}"), "ethtool -S eth0 | grep -i err"),
        alternatives=("damaged on the way", "made by something other than tunl0"),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD2008",
    name="InnerMalformed",
    severity=Severity.ERROR,
    summary="the tunnel carries something other than a whole IPv4 packet",
    points="node NIC",
    examine=examine,
)
