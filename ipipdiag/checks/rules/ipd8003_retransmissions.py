"""Retransmissions: a noticeable part of what is sent by TCP is sent again.

Expected
    Within a cluster hardly any segment is sent twice.

How it is observed
    Of the segments from one address to another, inside the tunnel or bare, at least 2 % of the
    bytes and ten segments are sent again. A segment counts when its sequence numbers were seen
    before, or are missing from what came before, and it is newer than all before it by its
    timestamp or IP identification. The finding says how many of them had passed this point
    before: those were lost beyond it, or their acknowledgements were; the others before it.

What can mislead
    The same packet seen twice (a mirror port, ``-i any``, a packet that enters a node and leaves
    it again) is no retransmission, nor are keep-alives, window probes, SYNs and packets that
    overtake each other. A sender that is too hasty sends again what has arrived. Where an end is
    outside the cluster, its way there loses packets too: that is worth a notice.

What to do
    Capture at both nodes at the same time: PacketLoss (IPD8001) then names the hop. Thresholds:
    retransmitted-share, retransmitted-segments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import SEGMENTS, first_limit
from ipipdiag.checks.model import Check, Component, Confidence, Finding, Outcome, Severity
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.checks.tcp_pairs import Pair, is_sent_again, no_tcp, pair_subject, severity_between, tcp_pairs
from ipipdiag.checks.thresholds import Thresholds, percent
from ipipdiag.kinds import TcpEvent
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], cluster: Cluster, thresholds: Thresholds) -> Outcome:
    """A finding for each pair of addresses."""
    pairs = [pair for pair in tcp_pairs(points) if pair.segments]
    findings = tuple(_finding(pair, cluster, thresholds) for pair in pairs if is_sent_again(pair, thresholds))
    return Outcome(
        len(pairs),
        findings,
        first_limit(points, SEGMENTS) or (None if pairs else no_tcp("whether something is sent again")),
    )


def _finding(pair: Pair, cluster: Cluster, thresholds: Thresholds) -> Finding:
    source, destination = format_address(pair.source), format_address(pair.destination)
    seen, unseen = pair.count(TcpEvent.SENT_AGAIN), pair.count(TcpEvent.SENT_AGAIN_UNSEEN)
    rows = pair.only(TcpEvent.SENT_AGAIN, TcpEvent.SENT_AGAIN_UNSEEN)
    return Finding(
        severity=severity_between(cluster, pair.source, pair.destination, Severity.WARNING),
        confidence=Confidence.CONFIRMED,
        subject=pair_subject(cluster, pair.source, pair.destination),
        title=f"{100 * pair.share_again:.1f} % of what {source} sends {destination} by TCP is sent again",
        expected=f"less than {percent(thresholds.retransmitted_share)} of the bytes, or fewer than "
        f"{thresholds.retransmitted_segments:g} segments",
        observed=f"{several(pair.again, 'segment')} of {pair.segments} sent again at {pair.point.label}: {seen} had "
        f"passed there before, {unseen} had not",
        count=pair.again,
        first_ns=int(rows.first_ns.min()),
        last_ns=int(rows.last_ns.max()),
        evidence=(evidence_of(pair.point, rows.frames, display_filters.tcp_between(pair.source, pair.destination)),),
        component=Component.NODE_NETWORK,
        confirm=(
            capture_command(Role.NODE, "both nodes, at the same time"),
            "nstat -az TcpRetransSegs TcpExtTCPLostRetransmit  # in the pod",
        ),
        fix=("find the hop that loses packets (IPD8001 names it from two captures)",),
        alternatives=("the segments arrived, and their acknowledgements were lost or late",),
        points=(pair.point.id,),
    )


CHECK = Check(
    code="IPD8003",
    name="Retransmissions",
    severity=Severity.WARNING,
    summary="a noticeable part of what is sent by TCP is sent again",
    points="any",
    examine=examine,
)
