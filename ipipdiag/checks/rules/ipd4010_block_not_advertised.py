"""BlockNotAdvertised: pods of a node send packets, and the node announces no block that holds them.

Expected
    Every block in use is announced by its node, a borrowed address as a /32.

How it is observed
    A node's session from its OPEN on, with its first UPDATEs, and packets of a pod behind that
    node whose address none of the announced prefixes holds.

What can mislead
    A session that began before the capture announced its blocks unseen. Where Felix programs the
    routes BGP need not announce them. Route reflectors announce blocks of others.

What to do
    ``birdcl show route`` on the node; ``disableBGPExport`` of the pool; export filters of
    BGPFilter.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import BGP, limit_reached
from ipipdiag.checks.bgp_sessions import Session, no_bgp, sessions
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Evidence,
    Finding,
    Missing,
    Outcome,
    Reason,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import in_words
from ipipdiag.kinds import BgpMessage
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.bgp import BgpMessages, BgpRoutes
    from ipipdiag.points.model import Point

SETTLED_NS = 5_000_000_000  # from OPEN to the last of the first UPDATEs


def examine(
    points: tuple[Point, ...],
    bgp_messages: Mapping[Point, BgpMessages],
    bgp_routes: Mapping[Point, BgpRoutes],
    cluster: Cluster,
) -> Outcome:
    """A finding for each node whose pods are seen and whose announcements do not hold them."""
    if cluster.has_felix_routes:
        return Outcome()
    examined, findings, heard, missing = 0, [], False, None
    for session in sessions(bgp_messages):
        heard = heard or bool(session.messages)
        for node in (session.low, session.high):
            opened = _opened(session, node)
            if opened is None:
                continue
            examined += 1
            announced = _announced(bgp_routes[session.point], node)
            unannounced = _unannounced(node, opened, announced, cluster)
            if unannounced and (more := limit_reached(session.point, BGP[:1])):
                missing = missing or more
            elif unannounced:
                findings.append(_finding(session, node, opened, unannounced, announced, cluster))
    if not examined:
        text = "the sessions began before the capture: what was announced then was not seen"
        command = capture_command(Role.NODE, whole=True, capture_filter="tcp port 179 or ip proto 4", seconds=300)
        missing = Missing(Reason.NO_HANDSHAKE, text, command) if heard else no_bgp(points)
    return Outcome(examined, tuple(findings), missing)


def _opened(session: Session, node: int) -> int | None:
    """When the node's session came up in this capture, if its UPDATEs had time to follow."""
    for one in session.connections:
        opens = one.said_by(node, BgpMessage.OPEN)
        if opens and one.is_established and one.last_ns - opens[0].time_ns > SETTLED_NS and one.end_ns() is None:
            return opens[0].time_ns
    return None


def _announced(routes: BgpRoutes, node: int) -> list[IPv4Network]:
    return [
        IPv4Network((prefix, length))
        for prefix, length, hop, withdrawn in routes.rows("prefix", "prefix_length", "next_hop", "withdrawn")
        if hop == node and not withdrawn
    ]


def _unannounced(node: int, opened: int, announced: list[IPv4Network], cluster: Cluster) -> list[int]:
    return [
        address
        for address, routes in sorted(cluster.seen_behind.items())
        if any(route.node == node and route.last_ns > opened + SETTLED_NS for route in routes)
        and not any(IPv4Address(address) in network for network in announced)
    ]


def _finding(
    session: Session, node: int, opened: int, pods: list[int], announced: list[IPv4Network], cluster: Cluster
) -> Finding:
    here, names = cluster.node_text(node), [format_address(pod) for pod in pods]
    said = f"announces {in_words([str(network) for network in announced])}" if announced else "announces nothing"
    frames = [entry.number for entry in session.messages if entry.speaker == node][:8]
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        subject=Subject(
            SubjectKind.NODE, f"announcements of {here}", nodes=(format_address(node),), addresses=tuple(names)
        ),
        title=f"node {here} does not announce the block of its pods {in_words(names)} by BGP",
        expected="every block in use is announced by its node",
        observed=f"{here} {said}; packets of {in_words(names)} come from it",
        count=len(pods),
        first_ns=opened,
        last_ns=opened,
        evidence=(Evidence(session.point.input, tuple(frames), display_filters.bgp_from(node)),),
        component=Component.BIRD,
        confirm=(f"birdcl show route  # on {here}", "calicoctl get ippool -o yaml  # disableBGPExport"),
        fix=("let the node announce the block, or let Felix program the routes on all nodes",),
        alternatives=("Felix programs the routes (Calico v3.33 and later): BGP need not announce them",),
        points=(session.point.id,),
    )


CHECK = Check(
    code="IPD4010",
    name="BlockNotAdvertised",
    severity=Severity.WARNING,
    summary="a node does not announce the block of pods that send from it",
    points="node NIC, fabric",
    examine=examine,
)
