"""DroppedAtSource: packets leave a pod and never leave its node.

Expected
    What a pod sends to a pod on another node is seen on its cali interface, on tunl0 and on the
    node's NIC.

How it is observed
    With captures of the pod's link and of its node's NIC or tunl0: each packet is looked for at
    the next place by its inner header. Reported are conversations of which nothing gets there,
    with at least three packets and no answer.

What can mislead
    Delivery within the node, to a service address, or to the node itself never leaves it: not
    judged. Where the node's own texts show that the route is missing, IPD3003 says so. A node with
    several NICs, of which one was captured. A capture that began late or ended early: only packets
    sent while the next place was captured count.

What to do
    An egress policy of the pod drops in silence (``iptables-save -c`` on the node, chain cali-fw-*,
    twice); a missing route does the same (``ip route get``).
    Threshold: unanswered-requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.absence import unless_judged
from ipipdiag.checks.hop_losses import (
    Leg,
    counts_along,
    crosses,
    evidence_at,
    has_detour,
    is_between_pods,
    is_deaf,
    legs,
    nothing_to_compare,
    subject_of,
    what_holds,
    where_seen,
)
from ipipdiag.checks.model import Check, Component, Confidence, Finding, Outcome, Severity, SubjectKind
from ipipdiag.checks.node_evidence import drops_on, missing_route
from ipipdiag.checks.thresholds import Thresholds, from_requests_on
from ipipdiag.points.commands import capture_together
from ipipdiag.points.model import Role
from ipipdiag.trace.places import Station

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.trace.model import Trace


def examine(trace: Trace, cluster: Cluster, configuration: Configuration, thresholds: Thresholds) -> Outcome:
    """A finding for each pair of pods of whose packets some flow ends on the sending node."""
    examined, findings, missing = 0, [], None
    for leg in legs(trace):
        if not crosses(leg, Station.SOURCE_POD, Station.SOURCE_NIC) or not is_between_pods(leg.route, cluster):
            continue
        if lost := is_deaf(leg.end.place):
            missing = missing or lost
            continue
        examined += bool(leg.hop.sent)
        has_route = missing_route(configuration, cluster, leg.route.source_node, leg.route.destination) is None
        if leg.lost_packets >= thresholds.unanswered_requests and has_route and not has_detour(leg.route):
            findings.append(_finding(leg, cluster, configuration, thresholds))
    if not examined and missing is None:
        command = capture_together(Role.CALI, Role.NODE)
        missing = nothing_to_compare(trace, "what a pod sends and its node does not send on", command)
    return Outcome(examined, tuple(findings), unless_judged(missing, examined))


def _finding(leg: Leg, cluster: Cluster, configuration: Configuration, thresholds: Thresholds) -> Finding:
    route = leg.route
    here, source, destination = (
        cluster.node_text(route.source_node or 0), format_address(route.source), format_address(route.destination)
    )  # fmt: skip
    from_tunnel = leg.start.station is Station.SOURCE_TUNNEL
    counters = drops_on(configuration, cluster, route.source_node, "cali-f")
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY,
        subject=subject_of(route, cluster, SubjectKind.FLOW),
        title=f"packets of pod {source} to {destination} end on their own node {here}: they reach "
        f"{leg.start.place.label}, and never {leg.end.place.label}",
        expected=f"what the pod sends leaves node {here}" + from_requests_on(thresholds),
        observed=f"{where_seen(leg)}; in all: {counts_along(route)}" + "".join(f"; {text}" for text in counters),
        count=leg.lost_packets,
        first_ns=leg.hop.first_lost_ns,
        last_ns=leg.hop.last_lost_ns,
        evidence=evidence_at(leg),
        component=Component.NODE_KERNEL if from_tunnel else Component.FELIX,
        confirm=(
            f"ip route get {destination}  # on {here}",
            f"iptables-save -c | grep -e cali-fw -e cali-po  # on {here}, twice: which DROP counts?",
        ),
        fix=("allow the traffic in the egress policy of the pod, or bring back the route",),
        alternatives=(
            *what_holds(leg),
            "an egress policy drops them, or the node has no route to that block: on the wire they look alike",
            f"they leave node {here} by a NIC that was not captured",
        ),
        points=(leg.start.place.lead.id, leg.end.place.lead.id),
    )


CHECK = Check(
    code="IPD6008",
    name="DroppedAtSource",
    severity=Severity.CRITICAL,
    summary="packets leave a pod and never leave its node",
    points="pod eth0 or cali, with tunl0 or node NIC",
    examine=examine,
)
