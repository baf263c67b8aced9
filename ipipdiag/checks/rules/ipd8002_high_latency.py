"""HighLatency: packets take long from one place to the next.

Expected
    Between two nodes of a cluster a packet takes well below a millisecond; within a node some
    tens of microseconds.

How it is observed
    With captures of two places on the way, whose clocks are those of one machine or can be
    compared by packets both ways: the median time between the places, for each pair of
    addresses. Reported from 10 ms on, where that is at least five times what the other pairs of
    the run need on such a hop. The finding says between which two places the time is spent.

What can mislead
    Clocks of two machines: the offset is estimated from both directions, and half of a delay that
    is not the same both ways counts as offset; its error is given, and a median below twice the
    error is not reported. Far regions: a long way is long for all pairs.

What to do
    Look at the hop: queues of the NIC, of the network between the nodes, a busy node.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.hop_losses import Leg, delay_text, legs, nothing_to_compare, subject_of
from ipipdiag.checks.model import Check, Component, Confidence, Finding, Missing, Outcome, Reason, Severity
from ipipdiag.checks.sightings import duration, evidence_of
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.trace.places import Station

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.trace.model import Trace

LONGEST_NS = 10_000_000
TIMES_OTHERS = 5
FEWEST_PACKETS = 3


def examine(trace: Trace, cluster: Cluster) -> Outcome:
    """A finding for each hop and pair of addresses that is slow, against the others of its kind."""
    judged = []
    incomparable = False
    for leg in legs(trace):
        if leg.hop.delay_median_ns is None:
            incomparable |= leg.hop.seen >= FEWEST_PACKETS
        elif leg.hop.seen >= FEWEST_PACKETS:
            judged.append(leg)
    findings = [_finding(leg, cluster) for leg in judged if _is_slow(leg, judged)]
    if judged:
        return Outcome(len(judged), tuple(findings))
    if incomparable:
        text = "the clocks of the machines can be compared only where packets of both directions are seen at both"
        return Outcome(missing=Missing(Reason.ONE_DIRECTION, text, capture_command(Role.NODE, "both nodes")))
    command = capture_command(Role.NODE, "both nodes, at the same time")
    return Outcome(missing=nothing_to_compare(trace, "delay on the way", command))


def _is_slow(leg: Leg, judged: list[Leg]) -> bool:
    delay, error = leg.hop.delay_median_ns or 0, leg.hop.error_ns or 0
    if delay < LONGEST_NS or delay < 2 * error:
        return False
    nodes = _nodes(leg)
    others = [
        other.hop.delay_median_ns or 0 for other in judged if _nodes(other) != nodes and _kind(other) == _kind(leg)
    ]
    return not others or delay >= TIMES_OTHERS * median(others)


def _nodes(leg: Leg) -> frozenset[int | None]:
    return frozenset((leg.route.source_node, leg.route.destination_node))


def _kind(leg: Leg) -> bool:
    """Whether the hop is between nodes."""
    return leg.start.station >= Station.SOURCE_NIC and leg.end.station <= Station.DESTINATION_NIC


def _finding(leg: Leg, cluster: Cluster) -> Finding:
    hop, route = leg.hop, leg.route
    source, destination = format_address(route.source), format_address(route.destination)
    delay = duration(hop.delay_median_ns or 0)
    point = leg.start.place.lead
    flows = point.facts.flows
    rows = flows.select((flows.source == route.source) & (flows.destination == route.destination))
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.CONFIRMED if not hop.error_ns else Confidence.LIKELY,
        subject=subject_of(route, cluster),
        title=f"packets from {source} to {destination} take {delay} from {leg.start.place.label} to "
        f"{leg.end.place.label}",
        expected=f"less than {duration(LONGEST_NS)}, or what other nodes of the run need",
        observed=f"{delay_text(hop)}, of {hop.seen} packets",
        count=hop.seen,
        first_ns=int(rows.first_ns.min()) if len(rows) else None,
        last_ns=int(rows.last_ns.max()) if len(rows) else None,
        evidence=(evidence_of(point, rows.frames, display_filters.conversation(route.source, route.destination)),),
        component=Component.NODE_NETWORK if _kind(leg) else Component.NODE_KERNEL,
        confirm=("ping -c 20 between the two nodes, and from pod to pod",),
        fix=(f"find what queues between {leg.start.place.label} and {leg.end.place.label}",),
        alternatives=("the way back is as much faster as this one is slower, and the clocks differ",)
        if hop.error_ns
        else (),
        points=(leg.start.place.lead.id, leg.end.place.lead.id),
    )


CHECK = Check(
    code="IPD8002",
    name="HighLatency",
    severity=Severity.WARNING,
    summary="packets take long from one place to the next",
    points="any two places on the way",
    examine=examine,
)
