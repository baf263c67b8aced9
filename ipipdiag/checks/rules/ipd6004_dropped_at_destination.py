"""DroppedAtDestination: packets arrive at a pod's node and never reach the pod.

Expected
    What reaches a node's NIC and tunl0 for one of its pods is seen on that pod's cali interface.

How it is observed
    With captures of the node's NIC or tunl0 and of the pod's link: each packet is looked for at
    the next place by its inner header. Reported are conversations of which nothing gets there,
    with at least three packets and no answer.

What can mislead
    Calico denies in silence: an ingress policy and reverse path filtering look alike on the wire;
    the counters of the node tell them apart. The interface of another pod. A capture that began
    late or ended early: only packets that arrived while the next place was captured count.

What to do
    ``iptables-save -c`` on the node, twice: does a DROP in cali-tw-* or cali-pi-* count? Then
    ``nstat -az TcpExtIPReversePathFilter``.
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
    is_deaf,
    is_live,
    legs,
    nothing_to_compare,
    subject_of,
    what_holds,
    where_seen,
)
from ipipdiag.checks.model import Check, Component, Confidence, Finding, Outcome, Severity
from ipipdiag.checks.node_evidence import drops_on, policy_drops, reverse_path_drops
from ipipdiag.checks.reverse_path import is_one_way_bare
from ipipdiag.checks.thresholds import Thresholds, from_requests_on
from ipipdiag.points.commands import capture_together
from ipipdiag.points.model import Role
from ipipdiag.trace.places import Station

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.trace.model import Trace


def examine(trace: Trace, cluster: Cluster, configuration: Configuration, thresholds: Thresholds) -> Outcome:
    """A finding for each pair of pods of whose packets some flow ends on the receiving node."""
    examined, findings, missing = 0, [], None
    for leg in legs(trace):
        if not crosses(leg, Station.DESTINATION_NIC, Station.DESTINATION_POD) or not cluster.is_pod(
            leg.route.destination
        ):
            continue
        if lost := is_deaf(leg.end.place):
            missing = missing or lost
            continue
        examined += bool(leg.hop.sent)
        if leg.lost_packets >= thresholds.unanswered_requests and not is_one_way_bare(leg.route, trace):
            findings.append(_finding(leg, cluster, configuration, thresholds))
    if not examined and missing is None:
        command = capture_together(Role.TUNL0, Role.CALI)
        missing = nothing_to_compare(trace, "what arrives at a node and does not reach the pod", command)
    return Outcome(examined, tuple(findings), unless_judged(missing, examined))


def _finding(leg: Leg, cluster: Cluster, configuration: Configuration, thresholds: Thresholds) -> Finding:
    route = leg.route
    here, source, destination = (
        cluster.node_text(route.destination_node or 0),
        format_address(route.source),
        format_address(route.destination),
    )
    at_pod = leg.end.station >= Station.DESTINATION_CALI
    end = f"pod {destination}'s interface" if at_pod else leg.end.place.label
    node = route.destination_node
    filtered, denied = (
        reverse_path_drops(configuration, cluster, node),
        policy_drops(configuration, cluster, node, "cali-t"),
    )
    counters = drops_on(configuration, cluster, node, "cali-t")
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CONFIRMED if is_live(leg.end.place) and not what_holds(leg) else Confidence.LIKELY,
        subject=subject_of(route, cluster),
        title=f"packets from {source} to pod {destination} end on its node {here}: they arrive at "
        f"{leg.start.place.label}, never at {end}",
        expected=f"what arrives at node {here} for its pod reaches the pod" + from_requests_on(thresholds),
        observed=f"{where_seen(leg)}; in all: {counts_along(route)}" + "".join(f"; {text}" for text in counters),
        count=leg.lost_packets,
        first_ns=leg.hop.first_lost_ns,
        last_ns=leg.hop.last_lost_ns,
        evidence=evidence_at(leg),
        component=Component.NODE_KERNEL if filtered and not denied else Component.FELIX,
        confirm=(
            f"iptables-save -c | grep -e cali-tw -e cali-pi  # on {here}, twice: which DROP counts?",
            f"nstat -az TcpExtIPReversePathFilter  # on {here}, twice",
            "calicoctl get networkpolicy,globalnetworkpolicy -A -o yaml",
        ),
        fix=("allow the traffic in the ingress policy of the pod, if it is meant to pass",),
        alternatives=(*what_holds(leg), *_causes(filtered, denied)),
        points=(leg.start.place.lead.id, leg.end.place.lead.id),
    )


def _causes(filtered: int | None, denied: int | None) -> tuple[str, ...]:
    """What drops in silence here, as far as the node's counters do not rule it out."""
    causes = []
    if denied != 0:
        causes.append("an ingress policy of the pod drops them (Calico denies in silence)")
    if filtered != 0:
        causes.append("reverse path filtering drops them: the node's route back does not lead through tunl0")
    return tuple(causes)


CHECK = Check(
    code="IPD6004",
    name="DroppedAtDestination",
    severity=Severity.CRITICAL,
    summary="packets arrive at a pod's node and never reach the pod",
    points="node NIC or tunl0, with cali or pod eth0",
    examine=examine,
)
