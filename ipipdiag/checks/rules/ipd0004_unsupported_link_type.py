"""UnsupportedLinkType: frames of a link type that this program only names.

Expected
    Ethernet, Linux cooked (v1, v2), raw IP, BSD loopback or PPP: what tcpdump writes on the
    interfaces of a node or pod.

How it is observed
    The link type of the interface, as the file states it.

What can mislead
    A file put together from several interfaces may hold frames that have nothing to do with the
    cluster.

What to do
    Capture on the node's NIC, the cali interface or tunl0 with tcpdump.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks import display_filters
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Evidence,
    Finding,
    Outcome,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.kinds import Layer, StopReason
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.links import Stops
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], stops: Mapping[Point, Stops]) -> Outcome:
    """A finding for each point whose frames are not decoded at all."""
    findings = []
    for point in points:
        table = stops[point]
        unread = table.select((table.layer == Layer.LINK) & (table.reason == StopReason.UNSUPPORTED))
        if len(unread):
            findings.append(_finding(point, unread))
    return Outcome(len(points), tuple(findings))


def _finding(point: Point, unread: Stops) -> Finding:
    count = int(unread.packets.sum())
    frames = evidence_of(point, unread.frames, "").frames
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POINT, point.label),
        title=f"{several(count, 'frame')} of {point.input_name} have a link type that is not decoded",
        expected="Ethernet, Linux cooked, raw IP, loopback or PPP",
        observed=f"link type {point.link_name}; {several(count, 'frame')} counted and not judged",
        count=count,
        first_ns=int(unread.first_ns.min()),
        last_ns=int(unread.last_ns.max()),
        evidence=(Evidence(point.input, frames, display_filters.frames(frames)),),
        component=Component.CAPTURE,
        confirm=(capture_command(Role.NODE),),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD0004",
    name="UnsupportedLinkType",
    severity=Severity.WARNING,
    summary="frames of a link type that is only named: counted, never dropped in silence",
    points="any",
    examine=examine,
)
