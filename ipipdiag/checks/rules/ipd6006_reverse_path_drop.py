"""ReversePathDrop: replies come in by another interface than requests left by, and go no further.

Expected
    Requests and replies use the same interface of a node: both tunl0, or both its NIC.

How it is observed
    With captures of a node's NIC and of the pod's link: one direction of a conversation is wrapped,
    the other comes in bare, and of what comes so nothing reaches the pod.

What can mislead
    With rp_filter 0 or 2 the bare packets pass, and the conversation works: then nothing is
    reported here. A policy may drop them as well.

What to do
    Make both nodes use the same form (IPD2006, IPD2001: pool mode and routes). The node's counter
    ``nstat -az TcpExtIPReversePathFilter`` rises with each such packet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.absence import unless_judged
from ipipdiag.checks.hop_losses import (
    Leg,
    crosses,
    evidence_at,
    is_deaf,
    legs,
    nothing_to_compare,
    subject_of,
    what_holds,
    where_seen,
)
from ipipdiag.checks.model import Check, Component, Confidence, Finding, Outcome, Severity
from ipipdiag.checks.node_evidence import reverse_path_drops
from ipipdiag.checks.reverse_path import is_one_way_bare
from ipipdiag.points.commands import capture_together
from ipipdiag.points.model import Role
from ipipdiag.trace.places import Station

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.trace.model import Trace

FEWEST_PACKETS = 2


def examine(trace: Trace, cluster: Cluster, configuration: Configuration) -> Outcome:
    """A finding for each pair of pods whose packets come in bare, against the other direction, and end there."""
    examined, findings, missing = 0, [], None
    for leg in legs(trace):
        if not crosses(leg, Station.DESTINATION_NIC, Station.DESTINATION_POD):
            continue
        if lost := is_deaf(leg.end.place):
            missing = missing or lost
            continue
        examined += bool(leg.hop.sent)
        ended = leg.hop.lost >= FEWEST_PACKETS and not leg.hop.seen and not leg.hop.missed
        if ended and leg.start.station is Station.DESTINATION_NIC and is_one_way_bare(leg.route, trace):
            findings.append(_finding(leg, cluster, configuration))
    if not examined and missing is None:
        command = capture_together(Role.NODE, Role.CALI)
        missing = nothing_to_compare(trace, "what a node's reverse path filter drops", command)
    return Outcome(examined, tuple(findings), unless_judged(missing, examined))


def _finding(leg: Leg, cluster: Cluster, configuration: Configuration) -> Finding:
    route = leg.route
    here = cluster.node_text(route.destination_node or 0)
    source, destination = format_address(route.source), format_address(route.destination)
    dropped = reverse_path_drops(configuration, cluster, route.destination_node)
    counted = f"; the node's reverse path filter counts {dropped} drops since boot" if dropped else ""
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        subject=subject_of(route, cluster),
        title=f"packets from {source} to pod {destination} come in bare at node {here}, which sends the other way "
        "through the tunnel: they end there, as strict reverse path filtering drops them",
        expected="both directions by the same interface, tunl0 or the NIC",
        observed=f"{where_seen(leg)}; the other direction is wrapped{counted}",
        count=leg.hop.lost,
        first_ns=leg.hop.first_lost_ns,
        last_ns=leg.hop.last_lost_ns,
        evidence=evidence_at(leg),
        component=Component.NODE_KERNEL,
        confirm=(
            f"nstat -az TcpExtIPReversePathFilter  # on {here}, twice",
            f"sysctl net.ipv4.conf.all.rp_filter  # on {here}: 1 is strict",
            f"ip route get {destination}  # on {cluster.node_text(route.source_node or 0)}: by tunl0?",
        ),
        fix=("make both nodes use the same form: the mode of the pool, and the route on the node that sends bare",),
        alternatives=(*what_holds(leg), "an ingress policy drops them"),
        points=(leg.start.place.lead.id, leg.end.place.lead.id),
    )


CHECK = Check(
    code="IPD6006",
    name="ReversePathDrop",
    severity=Severity.ERROR,
    summary="a reply comes in by another interface than the request left by, and goes no further",
    points="node NIC, with cali or pod eth0",
    examine=examine,
)
