"""CaptureDrops: the capture lost frames, as it says itself or as TCP shows.

Expected
    No drops: a frame that is not in the file was not on the interface.

How it is observed
    Drop counters in the statistics or packets of a pcapng file. A classic pcap file has no such
    counters, and tcpdump prints them only when it ends. And connections captured from their SYN on
    whose ends acknowledge more bytes than the file shows.

What can mislead
    Lost frames look like packet loss and like missing answers; nothing is concluded from absence
    where drops are recorded. Bytes that were acknowledged and not captured may have passed by
    another interface.

What to do
    A narrower filter, a shorter snap length, a larger buffer (``tcpdump -B 65536``), or a file on
    a faster disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import first_limit, unseen_bytes
from ipipdiag.checks.model import Check, Component, Confidence, Finding, Outcome, Severity, Subject, SubjectKind
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.points.commands import capture_command

if TYPE_CHECKING:
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...]) -> Outcome:
    """A finding for each point with recorded drops, or with connections that acknowledge what it does not show.

    A point without counters and without a connection's beginning is not counted as examined.
    """
    examined, findings = 0, []
    for point in points:
        examined += point.drops is not None or bool((point.facts.flows.syns > 0).any())
        if point.drops:
            findings.append(_finding(point, point.drops))
        elif unseen := unseen_bytes(point):
            findings.append(_unseen(point, unseen))
    return Outcome(examined, tuple(findings), first_limit(points))


def _unseen(point: Point, unseen: tuple[tuple[int, tuple[int, int, int, int]], ...]) -> Finding:
    total, (source, destination, _, _) = sum(count for count, _ in unseen), unseen[0][1]
    flows = point.facts.flows
    rows = flows.select((flows.source == destination) & (flows.destination == source))
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        subject=Subject(SubjectKind.POINT, point.label),
        title=f"frames are missing at {point.label}: TCP acknowledges bytes that the file does not show",
        expected="whatever is acknowledged was captured before",
        observed=f"at least {several(total, 'byte')} in {several(len(unseen), 'direction')} of connections, the first "
        f"from {format_address(source)} to {format_address(destination)}",
        count=total,
        first_ns=int(rows.first_ns.min()),
        last_ns=int(rows.last_ns.max()),
        evidence=(evidence_of(point, rows.frames, display_filters.conversation(source, destination)),),
        component=Component.CAPTURE,
        confirm=(capture_command(point.role),),
        alternatives=("the bytes passed by another interface",),
        points=(point.id,),
    )


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
    summary="frames that the capture lost, by its own counters or by what TCP acknowledges",
    points="any",
    examine=examine,
)
