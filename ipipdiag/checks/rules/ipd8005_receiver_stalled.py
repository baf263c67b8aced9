"""ReceiverStalled: a receiver takes nothing more, so the other end has to wait.

Expected
    A receiver's window stays open: its program reads as fast as data arrives.

How it is observed
    Segments that announce a receive window of 0, and the time until the same side sends its next
    packet. Reported where the connections of two addresses waited at least 100 ms in all.

What can mislead
    A reset always announces a window of 0, and a SYN may: neither counts. A short stop under load
    is ordinary flow control.

What to do
    This is the program in the receiving pod (CPU limit, slow disk, a stopped process), not the
    network. Threshold: window-closed-ms.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import SEGMENTS, first_limit
from ipipdiag.checks.model import Check, Component, Confidence, Finding, Outcome, Severity
from ipipdiag.checks.sightings import duration, evidence_of, several
from ipipdiag.checks.tcp_pairs import MILLISECOND, Pair, no_tcp, pair_subject, tcp_pairs
from ipipdiag.checks.thresholds import Thresholds
from ipipdiag.kinds import TcpEvent

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], cluster: Cluster, thresholds: Thresholds) -> Outcome:
    """A notice for each receiver and who waits for it."""
    examined, findings = 0, []
    for pair in tcp_pairs(points):
        examined += 1
        closed_ns = _closed_ns(pair) if pair.count(TcpEvent.ZERO_WINDOW) else 0
        if closed_ns > 0 and closed_ns >= thresholds.window_closed_ms * MILLISECOND:
            findings.append(_finding(pair, closed_ns, cluster, thresholds))
    return Outcome(
        examined,
        tuple(findings),
        first_limit(points, SEGMENTS) or (None if examined else no_tcp("a receiver's window")),
    )


def _closed_ns(pair: Pair) -> int:
    """How long the source of the pair kept its window closed; up to the end where its last word was 0."""
    rows = pair.only(TcpEvent.ZERO_WINDOW)
    total = int(rows.waited_ns.sum())
    last, end_ns = _last_times(pair.point), pair.point.facts.extent.last_ns or 0
    for *ends, closed, last_ns in rows.rows(
        "source", "destination", "source_port", "destination_port", "closed_ns", "last_ns"
    ):
        if closed == last_ns == last.get(tuple(ends)):
            total += end_ns - last_ns
    return total


@lru_cache(maxsize=256)
def _last_times(point: Point) -> dict[tuple[int, ...], int]:
    """When the last packet of each 4-tuple passed."""
    last: dict[tuple[int, ...], int] = {}
    for *ends, last_ns in point.facts.flows.rows("source", "destination", "source_port", "destination_port", "last_ns"):
        last[tuple(ends)] = max(last_ns, last.get(tuple(ends), 0))
    return last


def _finding(pair: Pair, closed_ns: int, cluster: Cluster, thresholds: Thresholds) -> Finding:
    receiver, sender = format_address(pair.source), format_address(pair.destination)
    rows, count = pair.only(TcpEvent.ZERO_WINDOW), pair.count(TcpEvent.ZERO_WINDOW)
    closed = len(rows)
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=pair_subject(cluster, pair.source, pair.destination),
        title=f"{receiver} lets {sender} wait: its receive window is closed for {duration(closed_ns)}",
        expected=f"an open window, or one closed for less than {thresholds.window_closed_ms:g} ms in all",
        observed=f"{several(count, 'segment')} with window 0 in {several(closed, 'connection')}: the program there "
        "does not read, the network is not the reason",
        count=count,
        first_ns=int(rows.first_ns.min()),
        last_ns=int(rows.last_ns.max()),
        evidence=(evidence_of(pair.point, rows.frames, display_filters.tcp_between(pair.source, pair.destination)),),
        component=Component.POD,
        confirm=(
            "ss -tnpi  # in the receiving pod: Recv-Q",
            "kubectl top pod; kubectl describe pod  # limits",
        ),
        points=(pair.point.id,),
    )


CHECK = Check(
    code="IPD8005",
    name="ReceiverStalled",
    severity=Severity.NOTICE,
    summary="a receiver announces that it takes nothing more: its program, not the network",
    points="any",
    examine=examine,
)
