"""LostBetweenNodes: packets leave a node's NIC and never reach the other node's.

Expected
    What leaves one node's NIC for another node arrives at that node's NIC.

How it is observed
    With captures of both NICs, or of a point of the fabric between them: each packet is looked
    for at the next place by its inner header. Reported are conversations of which nothing gets
    there, with at least three packets and no answer.

What can mislead
    A capture filter that leaves protocol 4 out: then nothing of it shows at that NIC at all, which
    is said. Captures of different times: only packets sent while the next place was captured
    count. Packets for another node (IPD3001) never were to arrive there.

What to do
    The network between the nodes: firewalls, security groups and switches must pass IP protocol
    4. A capture at each hop of the fabric finds the one.
    Threshold: unanswered-requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.hop_losses import (
    Leg,
    counts_along,
    crosses,
    evidence_at,
    has_detour,
    hears,
    is_deaf,
    is_meant_for,
    legs,
    nothing_to_compare,
    shows_tunnels,
    subject_of,
    what_holds,
    where_seen,
)
from ipipdiag.checks.model import Check, Component, Confidence, Finding, Missing, Outcome, Reason, Severity
from ipipdiag.checks.thresholds import Thresholds, from_requests_on
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.trace.places import Station

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.trace.model import Trace


def examine(trace: Trace, cluster: Cluster, thresholds: Thresholds) -> Outcome:
    """A finding for each pair of addresses of whose packets some flow ends between the nodes."""
    examined, findings, missing = 0, [], None
    for leg in legs(trace):
        if not crosses(leg, Station.SOURCE_NIC, Station.DESTINATION_NIC):
            continue
        if lost := is_deaf(leg.end.place):
            missing = missing or lost
            continue
        examined += bool(leg.hop.sent)
        if leg.lost_packets < thresholds.unanswered_requests or has_detour(leg.route) or not is_meant_for(leg):
            continue
        if not hears(leg):
            text = f"{leg.end.place.label} shows nothing of the sending node, nor any tunnel packet of another"
            missing = missing or Missing(Reason.ONE_DIRECTION, text, capture_command(Role.NODE))
            continue
        findings.append(_finding(leg, cluster, thresholds))
    if not examined and missing is None:
        command = capture_command(Role.NODE, "both nodes, at the same time")
        missing = nothing_to_compare(trace, "what is lost between nodes", command)
    return Outcome(examined, tuple(findings), missing if missing and not findings else None)


def _finding(leg: Leg, cluster: Cluster, thresholds: Thresholds) -> Finding:
    route = leg.route
    source, destination = format_address(route.source), format_address(route.destination)
    ends = tuple(cluster.node_text(node or 0) for node in (route.source_node, route.destination_node))
    form = "in IP-in-IP, protocol 4" if route.is_wrapped else "not wrapped"
    filtered = () if not route.is_wrapped or shows_tunnels(leg.end.place) else (
        f"the capture at {leg.end.place.label} leaves protocol 4 out: it shows none at all",
    )  # fmt: skip
    doubts = (*what_holds(leg), *filtered)
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if doubts else Confidence.CONFIRMED,
        subject=subject_of(route, cluster),
        title=f"packets from {source} to {destination} are lost between nodes {ends[0]} and {ends[1]}: they leave "
        f"{leg.start.place.label}, and never reach {leg.end.place.label}",
        expected=f"what leaves node {ends[0]} arrives at node {ends[1]}" + from_requests_on(thresholds),
        observed=f"{where_seen(leg)} ({form}); in all: {counts_along(route)}",
        count=leg.lost_packets,
        first_ns=leg.hop.first_lost_ns,
        last_ns=leg.hop.last_lost_ns,
        evidence=evidence_at(leg),
        component=Component.NODE_NETWORK,
        confirm=(
            "capture at each switch, router and firewall between the nodes: ip proto 4",
            "the rules of security groups and firewalls: is IP protocol 4 allowed both ways?",
        ),
        fix=("let the network between the nodes pass what is lost, both ways",),
        alternatives=(*doubts, f"node {ends[1]}'s NIC drops them before a capture sees them"),
        points=(leg.start.place.lead.id, leg.end.place.lead.id),
    )


CHECK = Check(
    code="IPD6009",
    name="LostBetweenNodes",
    severity=Severity.CRITICAL,
    summary="packets leave a node's NIC and never reach the other node's",
    points="both node NICs, or NIC and fabric",
    examine=examine,
)
