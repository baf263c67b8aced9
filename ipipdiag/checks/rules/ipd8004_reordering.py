"""Reordering: segments overtake each other on the way.

Expected
    Packets of one connection arrive in the order in which they were sent.

How it is observed
    A segment comes at most 3 ms after one with higher sequence numbers, fills the gap that this
    one left, and is older by its timestamp or IP identification: it was sent first. Reported from
    three such segments of one address to another on.

What can mislead
    A segment that was lost and sent again also comes late, but is newer than what overtook it.
    A capture itself may record packets of several CPUs out of order.

What to do
    TCP bears a little of it. Look for several paths of the node network that are chosen packet by
    packet, and for a NIC whose queues do not keep a flow together (``ethtool -n NIC rx-flow-hash
    ipv4``). Threshold: reordered-segments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import SEGMENTS, first_limit
from ipipdiag.checks.model import Check, Component, Confidence, Finding, Outcome, Severity
from ipipdiag.checks.sightings import duration, evidence_of, several
from ipipdiag.checks.tcp_pairs import Pair, no_tcp, pair_subject, tcp_pairs
from ipipdiag.checks.thresholds import Thresholds
from ipipdiag.kinds import TcpEvent

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], cluster: Cluster, thresholds: Thresholds) -> Outcome:
    """A notice for each pair of addresses."""
    pairs = [pair for pair in tcp_pairs(points) if pair.segments]
    findings = tuple(
        _finding(pair, cluster, thresholds)
        for pair in pairs
        if pair.count(TcpEvent.OVERTAKEN) >= max(thresholds.reordered_segments, 1)
    )
    return Outcome(
        len(pairs), findings, first_limit(points, SEGMENTS) or (None if pairs else no_tcp("the order of segments"))
    )


def _finding(pair: Pair, cluster: Cluster, thresholds: Thresholds) -> Finding:
    source, destination = format_address(pair.source), format_address(pair.destination)
    rows, count = pair.only(TcpEvent.OVERTAKEN), pair.count(TcpEvent.OVERTAKEN)
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.LIKELY,
        subject=pair_subject(cluster, pair.source, pair.destination),
        title=f"segments from {source} to {destination} overtake each other",
        expected=f"fewer than {thresholds.reordered_segments:g} segments out of order",
        observed=f"{several(count, 'segment')} of {pair.segments} came after later ones at {pair.point.label}, up to "
        f"{duration(int(rows.delay_max_ns.max()))} behind",
        count=count,
        first_ns=int(rows.first_ns.min()),
        last_ns=int(rows.last_ns.max()),
        evidence=(evidence_of(pair.point, rows.frames, display_filters.tcp_between(pair.source, pair.destination)),),
        component=Component.NODE_NETWORK,
        confirm=("nstat -az TcpExtTCPOFOQueue TcpExtTCPSACKReorder  # in the receiving pod",),
        alternatives=("the capture recorded packets of several CPUs out of order",),
        points=(pair.point.id,),
    )


CHECK = Check(
    code="IPD8004",
    name="Reordering",
    severity=Severity.NOTICE,
    summary="segments overtake each other on the way",
    points="any",
    examine=examine,
)
