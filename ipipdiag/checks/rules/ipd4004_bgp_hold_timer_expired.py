"""BgpHoldTimerExpired: one side heard nothing of the other for the hold time and ended the session.

Expected
    Keepalives arrive within the hold time, which the two agree on in their OPENs (Calico's BIRD:
    240 s, a keepalive every 80 s).

How it is observed
    A NOTIFICATION 4/0: its sender has heard nothing of its peer for the hold time. Where the peer's
    messages are seen on their way at the same point, they are lost behind it.

What can mislead
    A capture shorter than the hold time may hold no keepalive at all and says nothing. Without the
    NOTIFICATION silence is judged only where the OPENs told the hold time.

What to do
    Whether the silent side's messages leave its node and arrive at the other: captures on both.
    Leaving and not arriving is the network between, not leaving is BIRD or the node itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import BGP, incomplete
from ipipdiag.checks.bgp_sessions import HOLD_TIMER_EXPIRED, Connection, Message, Session, no_bgp, sessions
from ipipdiag.checks.model import Check, Component, Confidence, Evidence, Finding, Outcome, Severity
from ipipdiag.checks.sightings import duration
from ipipdiag.kinds import BgpMessage
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.bgp import BgpMessages
    from ipipdiag.facts.extent import Extent
    from ipipdiag.points.model import Point

SECOND_NS = 1_000_000_000
SLACK_NS = SECOND_NS  # timers are rounded to seconds
FRESH_NS = 3 * SECOND_NS  # a peer heard at this point so shortly before was not silent here


def examine(
    points: tuple[Point, ...],
    bgp_messages: Mapping[Point, BgpMessages],
    extent: Mapping[Point, Extent],
    cluster: Cluster,
) -> Outcome:
    """A finding for each session that a hold timer ended, or should have ended."""
    examined, findings, missing = 0, [], None
    for session in sessions(bgp_messages):
        examined += bool(session.messages)
        for one in session.connections:
            expired = [
                entry
                for entry in one.messages
                if entry.type == BgpMessage.NOTIFICATION and entry.code == HOLD_TIMER_EXPIRED
            ]
            if expired:
                findings.append(_expired(session, one, expired[0], cluster))
            elif lost := incomplete(session.point, BGP):
                missing = missing or lost
            else:
                findings += _silent(session, one, extent[session.point].last_ns, cluster)
    return Outcome(examined, tuple(findings), missing if examined else no_bgp(points))


def _expired(session: Session, one: Connection, notification: Message, cluster: Cluster) -> Finding:
    waiting, silent = notification.speaker, session.other(notification.speaker)
    heard = [entry for entry in one.messages if entry.speaker == silent and entry.time_ns < notification.time_ns]
    gap = notification.time_ns - heard[-1].time_ns if heard else None
    here, there = cluster.node_text(waiting), cluster.node_text(silent)
    passes = gap is not None and gap < FRESH_NS
    if gap is None:
        seen = f"no message of {there} before it in this capture"
    elif passes:
        seen = f"{there}'s last message passed here {duration(gap)} before: it does not arrive"
    else:
        seen = f"{there}'s last message passed here {duration(gap)} before"
    return _finding(
        session,
        (notification, *heard[-1:]),
        cluster,
        title=f"node {here} heard nothing of node {there} for the hold time and ended the BGP session",
        observed=f"NOTIFICATION 4/0 from {here}; {seen}",
        silent=silent,
        confidence=Confidence.CONFIRMED,
    )


def _silent(session: Session, one: Connection, end_ns: int | None, cluster: Cluster) -> list[Finding]:
    """Sides that said nothing for the hold time agreed in the OPENs, while the other went on."""
    hold = [entry.hold_time for entry in one.messages if entry.type == BgpMessage.OPEN]
    if len(hold) < 2 or min(hold) <= 0 or end_ns is None or one.end_ns() is not None:
        return []
    found = []
    for silent in (session.low, session.high):
        said = one.said_by(silent)
        others = [entry for entry in one.said_by(session.other(silent)) if entry.time_ns > said[-1].time_ns]
        gap = end_ns - said[-1].time_ns
        if len(others) < 2 or gap < min(hold) * SECOND_NS + SLACK_NS:
            continue
        there = cluster.node_text(silent)
        found.append(
            _finding(
                session,
                (said[-1], *others),
                cluster,
                title=f"node {there} has been silent in its BGP session for longer than the hold time",
                observed=f"no message of {there} for {duration(gap)}, hold time {min(hold)} s",
                silent=silent,
                confidence=Confidence.LIKELY,
            )
        )
    return found


def _finding(
    session: Session,
    entries: tuple[Message, ...],
    cluster: Cluster,
    *,
    title: str,
    observed: str,
    silent: int,
    confidence: Confidence,
) -> Finding:
    here, there = cluster.node_text(session.other(silent)), cluster.node_text(silent)
    times = [entry.time_ns for entry in entries]
    peer = format_address(session.other(silent))
    return Finding(
        severity=Severity.ERROR,
        confidence=confidence,
        subject=session.subject(cluster),
        title=title,
        expected=f"a KEEPALIVE or UPDATE of {there} within the hold time",
        observed=observed,
        count=1,
        first_ns=max(times),
        last_ns=max(times),
        evidence=(
            Evidence(
                session.point.input,
                tuple(sorted(entry.number for entry in entries)[:8]),
                display_filters.bgp_between(session.low, session.high),
            ),
        ),
        component=Component.NODE_NETWORK,
        confirm=(
            capture_command(Role.NODE, there, capture_filter=f"tcp port 179 and host {peer}", whole=True, seconds=300),
            f"calicoctl node status  # on {there} and on {here}",
        ),
        fix=(f"find what stops BGP from {there} to {here}: its BIRD, its node, or the network between",),
        alternatives=(f"BIRD on {there} hangs: its messages do not leave the node",),
        points=(session.point.id,),
    )


CHECK = Check(
    code="IPD4004",
    name="BgpHoldTimerExpired",
    severity=Severity.ERROR,
    summary="one side of a session heard nothing of the other for the hold time",
    points="node NIC, fabric",
    examine=examine,
)
