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
from ipipdiag.checks.sightings import evidence_of, in_words, several
from ipipdiag.protocols import TCP

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

INPUTS_SHOWN = 3
HEADERS = 40  # bytes, IPv4 and TCP without options
SMALLEST_SUPER_PACKET = 9_217  # bytes: above every jumbo frame in use


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows]) -> Outcome:
    """One finding for the run, naming the points that show offloading at work."""
    examined, seen = 0, []
    for point in points:
        table = flows[point]
        is_tcp = table.protocol == TCP
        examined += int(is_tcp.sum())
        mss = _announced(table, is_tcp)
        # most flows have no packet that is too long for the smallest that anybody announced
        longest = HEADERS + min([*mss.values(), SMALLEST_SUPER_PACKET - HEADERS - 1])
        perhaps = (is_tcp & (table.answers > 0) & (table.length_max > longest)).nonzero()[0]
        ends = zip(table.source[perhaps].tolist(), table.destination[perhaps].tolist(), strict=True)
        lengths = zip(perhaps.tolist(), table.length_max[perhaps].tolist(), strict=True)
        large = table.select(
            [
                position
                for (source, destination), (position, length_max) in zip(ends, lengths, strict=True)
                if length_max >= SMALLEST_SUPER_PACKET
                or length_max > mss.get((destination, source), length_max) + HEADERS
            ]
        )
        is_partial = is_tcp & (table.partial_checksums > 0)
        if len(large) or is_partial.any():
            seen.append((point, large, table.select(is_partial)))
    return Outcome(examined, (_finding(seen),) if seen else ())


def _announced(flows: Flows, is_tcp: npt.NDArray[np.bool_]) -> dict[tuple[int, int], int]:
    """The largest segment size that one address announced to another."""
    from ipipdiag.facts.groups import Groups

    announcing = (is_tcp & (flows.mss_max > 0)).nonzero()[0]
    source, destination, mss = (column[announcing] for column in (flows.source, flows.destination, flows.mss_max))
    pairs = Groups.of([source, destination])
    ends = zip(source[pairs.first].tolist(), destination[pairs.first].tolist(), strict=True)
    return dict(zip(ends, pairs.largest(mss).tolist(), strict=True))


def _finding(seen: list[tuple[Point, Flows, Flows]]) -> Finding:
    # points see the same packets: the most at one point, not their sum
    large = max(len(rows) for _, rows, _ in seen)
    partial = max(int(rows.partial_checksums.sum()) for _, _, rows in seen)
    labels = list(dict.fromkeys(point.label for point, _, _ in seen))
    shown = [(point, rows) for point, *both in seen for rows in both if len(rows)]
    parts = []
    if large:
        longest = max(int(rows.length_max.max()) for _, rows, _ in seen if len(rows))
        parts.append(f"{several(large, 'flow')} with packets up to {longest} bytes, acknowledged")
    if partial:
        parts.append(f"{several(partial, 'TCP packet')} with a checksum left to the NIC")
    evidence = []
    for point, rows in shown[:INPUTS_SHOWN]:
        frames = evidence_of(point, rows.frames, "").frames
        evidence.append(Evidence(point.input, frames, display_filters.frames(frames)))
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.CAPTURE, "offloading"),
        title=f"offloading shows at {several(len(seen), 'capture point')}: large packets, or "
        "checksums yet to be filled in",
        expected="offloading: no fault of MTU or checksum",
        observed=" and ".join(parts) + f" at one point; seen at {in_words(labels)}",
        count=large + partial,
        first_ns=min(int(rows.first_ns.min()) for _, rows in shown),
        last_ns=max(int(rows.last_ns.max()) for _, rows in shown),
        evidence=tuple(evidence),
        component=Component.NODE_KERNEL,
        points=tuple(point.id for point, _, _ in seen),
    )


CHECK = Check(
    code="IPD0007",
    name="OffloadedPackets",
    severity=Severity.NOTICE,
    summary="packets above the segment size that are acknowledged, checksums left to the NIC: no fault",
    points="any",
    examine=examine,
)
