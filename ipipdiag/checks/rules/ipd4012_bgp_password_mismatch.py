"""BgpPasswordMismatch: one side signs its TCP segments (MD5, RFC 2385), the other does not.

Expected
    TCP option 19 on both sides of a session, or on neither.

How it is observed
    At a node's NIC: SYN or SYN-ACK with the option from one side, without it from the other.

What can mislead
    Two different passwords look the same from outside on both sides: SYNs with the option that stay
    unanswered (IPD4002).

What to do
    The ``password`` of the BGPPeer or BGPConfiguration, and the secret it names, on both sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks import display_filters
from ipipdiag.checks.bgp_sessions import no_bgp, sessions
from ipipdiag.checks.model import Check, Component, Confidence, Evidence, Finding, Outcome, Severity
from ipipdiag.checks.sightings import several
from ipipdiag.protocols import SYN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.bgp import BgpMessages
    from ipipdiag.points.model import Point


def examine(
    points: tuple[Point, ...],
    bgp_messages: Mapping[Point, BgpMessages],
    cluster: Cluster,
) -> Outcome:
    """A finding for each pair of which one side alone signs."""
    examined, findings = 0, []
    for session in sessions(bgp_messages):
        opening = [entry for one in session.connections for entry in one.controls if entry.flags & SYN]
        by_side = {side: [entry for entry in opening if entry.sender == side] for side in (session.low, session.high)}
        if not all(by_side.values()):
            continue
        examined += 1
        signs = {side: {entry.has_md5 for entry in entries} for side, entries in by_side.items()}
        if sorted(map(sorted, signs.values())) != [[False], [True]]:
            continue
        signing = next(side for side, values in signs.items() if True in values)
        here, there = cluster.node_text(signing), cluster.node_text(session.other(signing))
        frames = sorted(entry.number for entry in opening)
        findings.append(
            Finding(
                severity=Severity.ERROR,
                confidence=Confidence.CONFIRMED,
                subject=session.subject(cluster),
                title=f"node {here} has a BGP password for node {there}, which has none",
                expected="TCP MD5 (option 19) on both sides or on neither",
                observed=f"{several(len(by_side[signing]), 'SYN')} of {here} with it, "
                f"{several(len(by_side[session.other(signing)]), 'SYN')} of {there} without",
                count=len(opening),
                first_ns=min(entry.time_ns for entry in opening),
                last_ns=max(entry.time_ns for entry in opening),
                evidence=(
                    Evidence(
                        session.point.input,
                        tuple(frames[:8]),
                        display_filters.bgp_between(session.low, session.high),
                    ),
                ),
                component=Component.CONFIGURATION,
                confirm=("calicoctl get bgpconfig,bgppeer -o yaml  # spec.password, spec.nodeMeshPassword",),
                fix=("give both sides the same password, or neither one",),
                alternatives=("the password was changed, and one side has not read it yet",),
                points=(session.point.id,),
            )
        )
    return Outcome(examined, tuple(findings), None if examined else no_bgp(points))


CHECK = Check(
    code="IPD4012",
    name="BgpPasswordMismatch",
    severity=Severity.ERROR,
    summary="one side of a BGP session uses TCP MD5, the other does not",
    points="node NIC, fabric",
    examine=examine,
)
