"""BgpTopology: who has sessions with whom, as a full mesh or through route reflectors.

Expected
    A node-to-node mesh has a session between every two nodes; with route reflectors each node has
    one with each reflector.

How it is observed
    The sessions that are up in the captures; a route with ORIGINATOR_ID or CLUSTER_LIST came
    through a reflector. A capture of one node shows that node's sessions only. The report draws
    them, whatever the check finds. Which sessions a node should have, BGPConfiguration, BGPPeer
    and the nodes' labels say.

What can mislead
    In a short capture an idle session may send nothing: a missing one is said only where files
    say that there should be one, others of the node are seen and the capture lasts longer than
    the hold time of 240 s.

What to do
    ``calicoctl node status`` on the node. Above a hundred nodes use route reflectors instead of a
    mesh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import BGP, first_limit, limit_reached
from ipipdiag.checks.bgp_sessions import Session, no_bgp, sessions
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Evidence,
    Finding,
    Outcome,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import in_words, several
from ipipdiag.cluster.peerings import expected_peerings
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.bgp import BgpMessages, BgpRoutes
    from ipipdiag.facts.extent import Extent
    from ipipdiag.points.model import Point

HOLD_TIME_NS = 240_000_000_000  # BIRD's default, which Calico leaves as it is
LARGE_MESH = 100  # nodes


def examine(
    points: tuple[Point, ...],
    bgp_messages: Mapping[Point, BgpMessages],
    bgp_routes: Mapping[Point, BgpRoutes],
    extent: Mapping[Point, Extent],
    configuration: Configuration,
    cluster: Cluster,
) -> Outcome:
    """What the sessions look like, and which one of a mesh is missing."""
    seen = [session for session in sessions(bgp_messages) if session.messages]
    if not seen:
        return Outcome(missing=no_bgp(points))
    reflectors = _reflectors(bgp_routes)
    findings = []
    if reflectors:
        findings.append(_reflected(reflectors, seen, bgp_routes, cluster))
    mesh = any(settings.name == "default" and settings.has_mesh for settings in configuration.bgp)
    if configuration.peers or (mesh and not reflectors):
        findings += _missing_sessions(seen, extent, configuration, cluster)
    if mesh and not reflectors and cluster.told_nodes > LARGE_MESH:
        findings.append(_large(seen, cluster))
    return Outcome(len(seen), tuple(findings), first_limit([session.point for session in seen], BGP[:1]))


def _reflectors(bgp_routes: Mapping[Point, BgpRoutes]) -> dict[int, list[tuple[Point, int]]]:
    """Speakers that pass on routes of others, with the frames in which they do."""
    found: dict[int, list[tuple[Point, int]]] = {}
    for point, routes in bgp_routes.items():
        for speaker, originator, cluster_id, number in routes.rows("speaker", "originator", "cluster", "number"):
            if originator or cluster_id:
                found.setdefault(speaker, []).append((point, number))
    return found


def _reflected(
    reflectors: dict[int, list[tuple[Point, int]]],
    seen: list[Session],
    bgp_routes: Mapping[Point, BgpRoutes],
    cluster: Cluster,
) -> Finding:
    clients = {session.other(one) for session in seen for one in reflectors if one in (session.low, session.high)}
    names = [cluster.node_text(address) for address in sorted(reflectors)]
    evidence: dict[tuple[str, int], list[int]] = {}
    for speaker, sightings in reflectors.items():
        for point, number in sightings:
            evidence.setdefault((point.input, speaker), []).append(number)
    return _notice(
        title=f"routes come through {several(len(names), 'route reflector')}: {in_words(names)}",
        observed=f"ORIGINATOR_ID or CLUSTER_LIST in routes from {in_words(names)}; sessions with "
        + in_words([cluster.node_text(address) for address in sorted(clients)]),
        nodes=tuple(map(format_address, sorted(reflectors))),
        evidence=tuple(
            Evidence(name, tuple(sorted(set(numbers))[:8]), display_filters.bgp_from(speaker))
            for (name, speaker), numbers in sorted(evidence.items())
        ),
        count=len(seen),
    )


def _notice(
    *, title: str, observed: str, nodes: tuple[str, ...], evidence: tuple[Evidence, ...], count: int
) -> Finding:
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.SESSION, "BGP topology", nodes=nodes),
        title=title,
        expected="a full mesh, or route reflectors",
        observed=observed,
        count=count,
        first_ns=None,
        last_ns=None,
        evidence=evidence,
        component=Component.BIRD,
    )


def _missing_sessions(
    seen: list[Session], extent: Mapping[Point, Extent], configuration: Configuration, cluster: Cluster
) -> list[Finding]:
    """Peers with which the capturing node has no session, in a capture that every session must show in."""
    findings = []
    for point in {session.point: None for session in seen}:
        if limit_reached(point, BGP[:1]):
            continue
        span = extent[point]
        own = _own_node(point, [session for session in seen if session.point is point], cluster)
        if own is None or span.first_ns is None or span.last_ns is None or span.last_ns - span.first_ns < HOLD_TIME_NS:
            continue
        peers = {
            session.other(own) for session in seen if session.point is point and own in (session.low, session.high)
        }
        expected = _expected_peers(own, configuration, cluster)
        absent = sorted(expected.keys() - peers)
        if not peers or not absent:
            continue
        node, names = cluster.node_text(own), [cluster.node_text(entry) for entry in absent]
        addresses = tuple(map(format_address, (own, *absent)))
        findings.append(
            Finding(
                severity=Severity.WARNING,
                confidence=Confidence.LIKELY,
                subject=Subject(SubjectKind.NODE, f"BGP mesh of {node}", nodes=addresses),
                title=f"node {node} has no BGP session with {in_words(names)}, which it should have",
                expected=f"a session with each of its {several(len(expected), 'peer')}: "
                + in_words([f"{cluster.node_text(entry)} ({expected[entry]})" for entry in absent]),
                observed=f"sessions with {several(len(peers), 'peer')} in more than 240 s, not a packet of the others",
                count=len(absent),
                first_ns=span.first_ns,
                last_ns=span.last_ns,
                evidence=(Evidence(point.input, (), display_filters.bgp_from(own)),),
                component=Component.BIRD,
                confirm=(f"calicoctl node status  # on {node}",),
                fix=("bring the missing sessions up: TCP/179 between the nodes, BIRD on both",),
                alternatives=(
                    "the sessions run over another NIC than the one captured",
                    "the peer has just joined, or is being removed",
                ),
                points=(point.id,),
            )
        )
    return findings


def _expected_peers(own: int, configuration: Configuration, cluster: Cluster) -> dict[int, str]:
    """The peers of a node, each with the object that says so; empty where that is not wholly known."""
    peerings = expected_peerings(configuration)
    name = next((node.name for node in configuration.nodes if node.address == own), None)
    if peerings is not None and name is not None:
        return {} if name in peerings.unsure else {peering.peer: peering.source for peering in peerings.of(name)}
    mesh = next((entry for entry in configuration.bgp if entry.name == "default" and entry.has_mesh), None)
    others = [entry for entry in cluster.nodes if cluster.is_told_node(entry) and entry != own]
    return dict.fromkeys(others, mesh.source) if mesh else {}


def _own_node(point: Point, seen: list[Session], cluster: Cluster) -> int | None:
    """The capturing node: one of its NIC's own addresses, or the one that has part in all of several sessions."""
    own = [address for address in point.own_addresses if cluster.is_told_node(address)]
    if point.role is Role.NODE and len(seen) > 1:
        own += [end for end in (seen[0].low, seen[0].high) if all(end in (one.low, one.high) for one in seen)]
    return next((address for address in own if cluster.is_told_node(address)), None)


def _large(seen: list[Session], cluster: Cluster) -> Finding:
    return _notice(
        title=f"a full mesh of {cluster.told_nodes} nodes: route reflectors would need fewer sessions",
        observed=f"{cluster.told_nodes} nodes and nodeToNodeMeshEnabled",
        nodes=(),
        evidence=(Evidence(seen[0].point.input, (seen[0].messages[0].number,), display_filters.bgp_from(seen[0].low)),),
        count=len(seen),
    )


CHECK = Check(
    code="IPD4009",
    name="BgpTopology",
    severity=Severity.WARNING,
    summary="full mesh or route reflectors, and which session of a mesh is missing",
    points="node NIC, fabric",
    examine=examine,
)
