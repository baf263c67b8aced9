"""PeerNotConfigured: a connection is accepted and closed at once, without an OPEN of the other side.

Expected
    A peer answers an OPEN with its own.

How it is observed
    At a node's NIC: a connection to TCP/179 that is accepted, in which one side alone says OPEN,
    and which the other ends with FIN, RST or Cease 6/5 within a second or so.

What can mislead
    A session that was shut down on purpose (Cease 6/2, 6/3) closes new connections the same way;
    where the capture holds that NOTIFICATION, it is IPD4003's.

What to do
    Under which address the closing node knows its peer: ``calicoctl get node -o wide``, BGPPeer
    resources. A node with several NICs, or a NAT on the way, dials with another address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import BGP, limit_reached
from ipipdiag.checks.bgp_sessions import CEASE, Connection, Session, no_bgp, sessions
from ipipdiag.checks.model import Check, Component, Confidence, Evidence, Finding, Outcome, Severity
from ipipdiag.checks.sightings import several
from ipipdiag.kinds import BgpMessage
from ipipdiag.protocols import FIN, RST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.bgp import BgpMessages
    from ipipdiag.points.model import Point

AT_ONCE_NS = 2_000_000_000
ON_PURPOSE = {(CEASE, 2), (CEASE, 3)}


def examine(
    points: tuple[Point, ...],
    bgp_messages: Mapping[Point, BgpMessages],
    cluster: Cluster,
) -> Outcome:
    """A finding for each pair whose connections are closed without an OPEN of the closing side."""
    examined, findings, missing = 0, [], None
    for session in sessions(bgp_messages):
        examined += any(one.is_accepted for one in session.connections)
        if more := limit_reached(session.point, BGP[:1]):  # the OPEN would be missed
            missing = missing or more
            continue
        if any((entry.code, entry.subcode) in ON_PURPOSE for entry in session.messages):
            continue
        for closer in (session.low, session.high):
            closed = [one for one in session.connections if _is_closed_by(one, closer, session.other(closer))]
            if closed and not any(one.is_established for one in session.connections):
                findings.append(_finding(session, closer, closed, cluster))
    return Outcome(examined, tuple(findings), missing or (None if examined else no_bgp(points)))


def _is_closed_by(one: Connection, closer: int, other: int) -> bool:
    """Accepted, an OPEN of the other side at most, no OPEN of the closer, ended by it at once."""
    opens = [entry for entry in one.controls if entry.sender == one.server and not entry.flags & RST]
    if not one.syns() or not opens or one.said_by(closer, BgpMessage.OPEN):
        return False
    rejected = [entry.time_ns for entry in one.said_by(closer, BgpMessage.NOTIFICATION)]
    ended = [entry.time_ns for entry in one.controls if entry.sender == closer and entry.flags & (FIN | RST)]
    ends = rejected + ended
    return bool(ends) and min(ends) - one.first_ns < AT_ONCE_NS and bool(one.said_by(other) or closer == one.server)


def _finding(session: Session, closer: int, closed: list[Connection], cluster: Cluster) -> Finding:
    here, there = cluster.node_text(closer), cluster.node_text(session.other(closer))
    frames = sorted(entry.number for one in closed for entry in one.controls)
    peer = format_address(session.other(closer))
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        subject=session.subject(cluster),
        title=f"node {here} accepts the BGP connections of {there} and closes them at once: it has no such peer",
        expected="an OPEN of both sides",
        observed=f"{several(len(closed), 'connection')} accepted and closed by {here} without an OPEN",
        count=len(closed),
        first_ns=closed[0].first_ns,
        last_ns=closed[-1].last_ns,
        evidence=(
            Evidence(session.point.input, tuple(frames[:8]), display_filters.bgp_between(session.low, session.high)),
        ),
        component=Component.CONFIGURATION,
        confirm=(
            "calicoctl get node,bgppeer -o wide",
            f"birdcl show protocols  # on {here}: is there one for {peer}, and is it up?",
        ),
        fix=(f"make {peer} the address under which {here} knows its peer, or the peer dial with the known one",),
        alternatives=(f"the peer is disabled on {here}",),
        points=(session.point.id,),
    )


CHECK = Check(
    code="IPD4011",
    name="PeerNotConfigured",
    severity=Severity.ERROR,
    summary="a BGP connection is accepted and closed at once, without an OPEN",
    points="node NIC, fabric",
    examine=examine,
)
