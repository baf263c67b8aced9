"""BgpFlapping: a session ends again and again.

Expected
    Sessions stay up as long as their nodes do.

How it is observed
    At a node's NIC: two or more established connections of one pair of nodes that ended within the
    capture, by NOTIFICATION, FIN or RST.

What can mislead
    A connection collision ends one of two connections at once; only those past their OPENs count.
    Routes outlive a session for the graceful restart time, so that pods may not notice.

What to do
    The cause is in the first end: its NOTIFICATION, or what was lost before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks import display_filters
from ipipdiag.checks.bgp_sessions import no_bgp, sessions
from ipipdiag.checks.model import Check, Component, Confidence, Evidence, Finding, Outcome, Severity
from ipipdiag.checks.sightings import duration, several

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.bgp import BgpMessages
    from ipipdiag.points.model import Point

FEWEST_ENDS = 2


def examine(
    points: tuple[Point, ...],
    bgp_messages: Mapping[Point, BgpMessages],
    cluster: Cluster,
) -> Outcome:
    """A finding for each pair of nodes whose session ended more than once."""
    examined, findings = 0, []
    for session in sessions(bgp_messages):
        up = [one for one in session.connections if one.is_established]
        examined += bool(up)
        ends = sorted(end for one in up if (end := one.end_ns()) is not None)
        if len(ends) < FEWEST_ENDS:
            continue
        frames = sorted(one.controls[-1].number if one.controls else one.messages[-1].number for one in up)
        findings.append(
            Finding(
                severity=Severity.ERROR,
                confidence=Confidence.CONFIRMED,
                subject=session.subject(cluster),
                title=f"the BGP session between nodes {cluster.node_text(session.low)} and "
                f"{cluster.node_text(session.high)} goes up and down",
                expected="the session stays up",
                observed=f"{several(len(ends), 'end')} of the session in {duration(ends[-1] - ends[0])}",
                count=len(ends),
                first_ns=ends[0],
                last_ns=ends[-1],
                evidence=(
                    Evidence(
                        session.point.input,
                        tuple(frames[:8]),
                        display_filters.bgp_between(session.low, session.high),
                    ),
                ),
                component=Component.BIRD,
                confirm=("calicoctl node status", "birdcl show protocols all  # in the calico-node pods of both nodes"),
                fix=("find what ended it the first time",),
                alternatives=(
                    "calico-node is restarted time and again (probes, an upgrade)",
                    "the node network loses packets until the hold timer ends the session",
                ),
                points=(session.point.id,),
            )
        )
    return Outcome(examined, tuple(findings), None if examined else no_bgp(points))


CHECK = Check(
    code="IPD4008",
    name="BgpFlapping",
    severity=Severity.ERROR,
    summary="a BGP session ends more than once within the capture",
    points="node NIC, fabric",
    examine=examine,
)
