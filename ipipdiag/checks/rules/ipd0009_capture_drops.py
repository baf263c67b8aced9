"""CaptureDrops: the capture itself says that it lost frames.

Expected
    No drops: a frame that is not in the file was not on the interface.

How it is observed
    Drop counters in the statistics or packets of a pcapng file. A classic pcap file has no such
    counters, and tcpdump prints them only when it ends.

What can mislead
    Lost frames look like packet loss and like missing answers; nothing is concluded from absence
    where drops are recorded.

What to do
    A narrower filter, a shorter snap length, a larger buffer (``tcpdump -B 65536``), or a file on
    a faster disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks.model import Check, Component, Confidence, Finding, Outcome, Severity, Subject, SubjectKind
from ipipdiag.checks.sightings import several
from ipipdiag.points.commands import capture_command

if TYPE_CHECKING:
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...]) -> Outcome:
    """A finding for each point with recorded drops; a file without counters is not counted as examined."""
    counted = [point for point in points if point.drops is not None]
    return Outcome(len(counted), tuple(_finding(point, point.drops) for point in counted if point.drops))


def _finding(point: Point, drops: int) -> Finding:
    extent = point.facts.extent
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POINT, point.label),
        title=f"the capture lost {several(drops, 'frame')} at {point.label}",
        expected="no drops",
        observed=f"{several(drops, 'frame')} dropped, {extent.frames} recorded, as the file's own counters say",
        count=drops,
        first_ns=extent.first_ns,
        last_ns=extent.last_ns,
        evidence=(),
        component=Component.CAPTURE,
        confirm=(capture_command(point.role),),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD0009",
    name="CaptureDrops",
    severity=Severity.WARNING,
    summary="drops that the capture itself records",
    points="any",
    examine=examine,
)
