"""OffloadedPackets: packets larger than a segment may be, or with checksums yet to be filled in.

Expected
    Linux cuts large packets, and fills in checksums, as late as the NIC: a capture on the sending
    side shows them before that, and tunl0 of the receiver shows segments merged again (GSO, TSO,
    GRO).

How it is observed
    A TCP payload above the segment size that the receiver announced, or a checksum field that
    holds the sum of the pseudo-header alone.

What can mislead
    Neither is an MTU fault nor a checksum fault, as long as the packets are acknowledged. Packets
    on the wire are smaller: count bytes, not packets, when points are compared.

What to do
    Nothing. ``ethtool -K NIC gro off gso off tso off`` on a test node shows packets as they are
    on the wire.
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

TCP = 6
SMALLEST_SUPER_PACKET = 9_217  # bytes: above every jumbo frame in use


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows]) -> Outcome:
    """A finding for each point that shows offloading at work."""
    examined, findings = 0, []
    for point in points:
        tcp = flows[point].select(flows[point].protocol == TCP)
        examined += len(tcp)
        mss = _announced(tcp)
        is_large = [
            answers > 0 and length_max >= min(SMALLEST_SUPER_PACKET, mss.get((destination, source), 1 << 30) + 41)
            for source, destination, length_max, answers in tcp.rows("source", "destination", "length_max", "answers")
        ]
        large = tcp.select([position for position, chosen in enumerate(is_large) if chosen])
        partial = int(tcp.partial_checksums.sum())
        if len(large) or partial:
            findings.append(_finding(point, tcp, large, partial))
    return Outcome(examined, tuple(findings))


def _announced(tcp: Flows) -> dict[tuple[int, int], int]:
    """The largest segment size that one address announced to another."""
    announced: dict[tuple[int, int], int] = {}
    for source, destination, mss in tcp.rows("source", "destination", "mss_max"):
        if mss > 0:
            announced[source, destination] = max(mss, announced.get((source, destination), 0))
    return announced


def _finding(point: Point, tcp: Flows, large: Flows, partial: int) -> Finding:
    shown = large if len(large) else tcp.select(tcp.partial_checksums > 0)
    frames = evidence_of(point, shown.frames, "").frames
    parts = []
    if len(large):
        longest = int(large.length_max.max())
        parts.append(f"{several(len(large), 'flow')} with packets up to {longest} bytes, acknowledged")
    if partial:
        parts.append(f"{several(partial, 'TCP packet')} with a checksum left to the NIC")
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POINT, point.label),
        title=f"{point.label} shows packets before the NIC cut them or filled in their checksums",
        expected="offloading: no fault of MTU or checksum",
        observed="; ".join(parts),
        count=partial + len(large),
        first_ns=int(shown.first_ns.min()),
        last_ns=int(shown.last_ns.max()),
        evidence=(Evidence(point.input, frames, display_filters.frames(frames)),),
        component=Component.NODE_KERNEL,
        points=(point.id,),
    )


CHECK = Check(
    code="IPD0007",
    name="OffloadedPackets",
    severity=Severity.NOTICE,
    summary="packets above the segment size that are acknowledged, checksums left to the NIC: no fault",
    points="any",
    examine=examine,
)
