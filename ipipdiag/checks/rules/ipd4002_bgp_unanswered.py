"""BgpUnanswered: SYNs to TCP/179 are not answered at all.

Expected
    A SYN to port 179 is answered: accepted, or refused.

How it is observed
    At a node's NIC: at least three SYNs of one node to another's port 179, a second apart, and
    neither SYN-ACK nor RST, while the point is shown to receive.

What can mislead
    A capture of one direction, or one that ends right after the SYN. The passive side of a session
    never dials: no SYN from a node says nothing.

What to do
    Whether the SYNs arrive: a capture on the other node. Arriving and unanswered is a firewall on
    that node (or TCP MD5, IPD4012), not arriving is the network between, or the node is down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import BGP, attempts, incomplete
from ipipdiag.checks.bgp_sessions import Connection, Session, no_bgp, sessions
from ipipdiag.checks.model import Check, Component, Confidence, Evidence, Finding, Missing, Outcome, Reason, Severity
from ipipdiag.checks.sightings import several
from ipipdiag.checks.thresholds import Thresholds, from_requests_on
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import SYN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.bgp import BgpMessages
    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(
    points: tuple[Point, ...],
    bgp_messages: Mapping[Point, BgpMessages],
    flows: Mapping[Point, Flows],
    extent: Mapping[Point, Extent],
    cluster: Cluster,
    thresholds: Thresholds,
) -> Outcome:
    """A finding for each pair of which one side dials and the other says nothing."""
    examined, findings, missing = 0, [], None
    for session in sessions(bgp_messages):
        for server in (session.low, session.high):
            dialled = _unanswered(session, server)
            syns = sorted(entry.time_ns for one in dialled for entry in one.syns())
            if len(attempts(syns, extent[session.point].last_ns)) < thresholds.unanswered_requests:
                examined += any(one.server == server and one.is_accepted for one in session.connections)
                continue
            if why_not := _why_not(session.point, flows[session.point], session.other(server), server):
                missing = missing or why_not
                continue
            examined += 1
            findings.append(_finding(session, server, dialled, cluster, thresholds))
    if not examined and missing is None:
        missing = no_bgp(points)
    return Outcome(examined, tuple(findings), missing)


def _unanswered(session: Session, server: int) -> list[Connection]:
    """Connections to one side that it did not answer, from its last sign of life in the session on."""
    signs = [entry.time_ns for entry in session.messages if entry.speaker == server]
    signs += [
        entry.time_ns
        for one in session.connections
        for entry in one.controls
        if entry.sender == server and entry.flags & SYN
    ]
    last_sign = max(signs, default=0)
    return [
        one
        for one in session.connections
        if one.server == server and one.syns() and not one.is_accepted and one.syns()[0].time_ns > last_sign
    ]


def _why_not(point: Point, flows: Flows, client: int, server: int) -> Missing | None:
    if lost := incomplete(point, BGP):
        return lost
    received = (flows.source == server) | (flows.destination == client)
    received |= (flows.outer_source == server) | (flows.outer_destination == client)
    if not bool(received.any()):
        text = f"nothing that comes to {format_address(client)} was captured: the answers may be missing only here"
        return Missing(Reason.ONE_DIRECTION, text, capture_command(Role.NODE))
    return None


def _finding(
    session: Session, server: int, dialled: list[Connection], cluster: Cluster, thresholds: Thresholds
) -> Finding:
    syns = sorted((entry for one in dialled for entry in one.syns()), key=lambda entry: entry.number)
    client = session.other(server)
    here, there = cluster.node_text(client), cluster.node_text(server)
    with_md5 = all(entry.has_md5 for entry in syns)
    likely_md5 = ("the other side expects no TCP MD5 signature: compare the BGP passwords",) if with_md5 else ()
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=session.subject(cluster),
        title=f"node {there} does not answer the BGP connections of node {here}",
        expected="a SYN to TCP/179 is answered with SYN-ACK" + from_requests_on(thresholds),
        observed=f"{several(len(syns), 'SYN')} from {here}, neither SYN-ACK nor RST",
        count=len(syns),
        first_ns=syns[0].time_ns,
        last_ns=syns[-1].time_ns,
        evidence=(
            Evidence(
                session.point.input,
                tuple(entry.number for entry in syns[:8]),
                display_filters.bgp_between(session.low, session.high),
            ),
        ),
        component=Component.NODE_NETWORK,
        confirm=(
            capture_command(Role.NODE, there, capture_filter=f"tcp port 179 and host {format_address(client)}"),
            f"nc -vz {format_address(server)} 179  # on {here}",
        ),
        fix=("let TCP/179 through between the nodes, both ways",),
        alternatives=(*likely_md5, f"a firewall on {there} drops TCP/179", f"{there} is down or not reachable"),
        points=(session.point.id,),
    )


CHECK = Check(
    code="IPD4002",
    name="BgpUnanswered",
    severity=Severity.ERROR,
    summary="connections to TCP/179 are neither accepted nor refused",
    points="node NIC, fabric",
    examine=examine,
)
