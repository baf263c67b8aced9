"""DuplicateObservations: the same packet was seen more than once at one point.

Expected
    One frame a packet. ``-i any`` and mirror ports show a packet two to four times.

How it is observed
    A frame with the very same headers, TTL included, within two milliseconds of the first; on
    Linux cooked v1 records, which do not tell the interface, also one conversation both wrapped
    and bare. Duplicates are merged before anything is counted and never taken for
    retransmissions.

What can mislead
    A lower TTL is the same packet one hop further, not a duplicate.

What to do
    Nothing. For a capture without duplicates, name one interface instead of ``any``.
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
from ipipdiag.kinds import Tunnel
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.flows import Flows
    from ipipdiag.facts.sightings import Duplicates
    from ipipdiag.points.model import Point


def examine(
    points: tuple[Point, ...],
    duplicates: Mapping[Point, Duplicates],
    flows: Mapping[Point, Flows],
    extent: Mapping[Point, Extent],
) -> Outcome:
    """A finding for each point that shows packets more than once."""
    with_frames = [point for point in points if extent[point].frames]
    findings = []
    for point in with_frames:
        if len(duplicates[point]):
            findings.append(_finding(point, duplicates[point]))
        elif point.role is Role.ANY and _in_both_forms(flows[point]):
            findings.append(_copies(point, extent[point]))
    return Outcome(len(with_frames), tuple(findings))


def _in_both_forms(flows: Flows) -> bool:
    names = ("source", "destination", "protocol", "source_port", "destination_port")
    bare = set(flows.select(flows.tunnel == Tunnel.NONE).rows(*names))
    return any(row in bare for row in flows.select(flows.tunnel == Tunnel.IPIP).rows(*names))


def _finding(point: Point, duplicates: Duplicates) -> Finding:
    count = int(duplicates.packets.sum())
    frames = evidence_of(point, duplicates.frames, "").frames
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POINT, point.label),
        title=f"{point.label} shows {several(count, 'packet')} a second time",
        expected="one frame a packet",
        observed=f"{several(count, 'frame')} repeat headers seen within 2 ms; merged before anything was counted",
        count=count,
        first_ns=int(duplicates.first_ns.min()),
        last_ns=int(duplicates.last_ns.max()),
        evidence=(Evidence(point.input, frames, display_filters.frames(frames)),),
        component=Component.CAPTURE,
        points=(point.id,),
    )


def _copies(point: Point, extent: Extent) -> Finding:
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POINT, point.label),
        title=f"{point.label} shows packets once for every interface they pass",
        expected="one frame a packet",
        observed="the same conversations wrapped and bare; the records do not tell the interface, so the form of a "
        "packet is not judged here",
        count=extent.frames,
        first_ns=extent.first_ns,
        last_ns=extent.last_ns,
        evidence=(),
        component=Component.CAPTURE,
        confirm=("tcpdump -ni any --list-data-link-types  # LINUX_SLL2 tells the interface (-y LINUX_SLL2)",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD0006",
    name="DuplicateObservations",
    severity=Severity.NOTICE,
    summary="the same packet seen more than once (-i any, mirror port): merged before anything is counted",
    points="any",
    examine=examine,
)
