"""BgpRefused: a node answers the SYN to TCP/179 with RST.

Expected
    Every node that exchanges routes by BGP accepts connections on TCP/179.

How it is observed
    At a node's NIC: SYNs to port 179, each answered with RST, none accepted.

What can mislead
    A restart of calico-node refuses for some seconds; where the session of the two is up later in
    the capture it is a warning. A node that Felix alone serves (VXLAN, or routes by Felix without
    BGP) has no BIRD.

What to do
    ``calicoctl node status`` on the refusing node, the log of BIRD in its calico-node pod. Pod
    traffic may still flow: routes outlive BIRD, and from Calico v3.33 on Felix programs IP-in-IP
    routes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.bgp_sessions import Session, no_bgp, sessions
from ipipdiag.checks.model import Check, Component, Confidence, Evidence, Finding, Outcome, Severity
from ipipdiag.checks.sightings import several

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
    """A finding for each node that refuses another one's connections."""
    examined, findings = 0, []
    for session in sessions(bgp_messages):
        examined += 1
        for server in (session.low, session.high):
            if finding := _finding(session, server, cluster):
                findings.append(finding)
    return Outcome(examined, tuple(findings), None if examined else no_bgp(points))


def _finding(session: Session, server: int, cluster: Cluster) -> Finding | None:
    refused = [
        one
        for one in session.connections
        if one.server == server and one.syns() and one.resets_by(server) and not one.is_accepted
    ]
    if not refused:
        return None
    frames = sorted(entry.number for one in refused for entry in one.controls)
    here, there = cluster.node_text(session.other(server)), cluster.node_text(server)
    last_ns = max(one.last_ns for one in refused)
    is_back = session.is_established_after(last_ns)
    return Finding(
        severity=Severity.WARNING if is_back else Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=session.subject(cluster),
        title=f"node {there} refuses the BGP connections of node {here}: nothing listens on its TCP/179",
        expected="TCP/179 accepts connections: BIRD runs on every node that exchanges routes",
        observed=f"{several(len(refused), 'connection')} answered with RST"
        + ("; the session is up later in the capture" if is_back else ", none accepted"),
        count=len(refused),
        first_ns=min(one.first_ns for one in refused),
        last_ns=last_ns,
        evidence=(
            Evidence(session.point.input, tuple(frames[:8]), display_filters.bgp_between(session.low, session.high)),
        ),
        component=Component.BIRD,
        confirm=(
            f"calicoctl node status  # on {there}",
            "kubectl -n calico-system logs -l k8s-app=calico-node",
        ),
        fix=(f"bring BIRD on {there} up again: its log says why it stopped",),
        alternatives=(f"a firewall on {format_address(server)} rejects TCP/179 with RST",),
        points=(session.point.id,),
    )


CHECK = Check(
    code="IPD4001",
    name="BgpRefused",
    severity=Severity.ERROR,
    summary="a node answers connections to TCP/179 with RST: BIRD does not run there",
    points="node NIC, fabric",
    examine=examine,
)
