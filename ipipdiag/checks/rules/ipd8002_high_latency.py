"""HighLatency: packets take long from one place to the next.

Expected
    Between two nodes of a cluster a packet takes well below a millisecond; within a node some
    tens of microseconds.

How it is observed
    With captures of two places on the way. Of one machine: the median time from one to the other,
    for each pair of addresses. Of two machines: the median there and the median back together,
    which is the same whatever their clocks say. Reported from 10 ms on, where that is at least
    five times what other pairs of nodes need on such a hop. The finding says between which two
    places the time is spent.

What can mislead
    Of a round trip between two machines it is not known which way is the slow one, for half of
    what is not the same both ways cannot be told from clocks that differ. Far regions: a long way
    is long for all pairs.

What to do
    Look at the hop: queues of the NIC, of the network between the nodes, a busy node.
    Thresholds: slow-ms, slow-times, slow-packets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.hop_losses import Leg, delay_text, legs, nothing_to_compare
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Finding,
    Missing,
    Outcome,
    Reason,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import duration, evidence_of, in_words
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.trace.places import Station

if TYPE_CHECKING:
    from ipipdiag.checks.thresholds import Thresholds
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.trace.model import Trace

MILLISECOND = 1_000_000

Nodes = frozenset[int | None]
Kind = tuple[bool, bool]  # between nodes, there and back


@dataclass(frozen=True, slots=True)
class Passage:
    """How long a hop takes: one way (of one machine's clock), or there and back (of two)."""

    leg: Leg
    back: Leg | None
    time_ns: int

    @property
    def packets(self) -> int:
        """How many packets were timed."""
        return self.leg.hop.seen + (self.back.hop.seen if self.back else 0)


def examine(trace: Trace, cluster: Cluster, thresholds: Thresholds) -> Outcome:
    """A finding for each two places between which packets are slow, against the others of their kind."""
    timed = [leg for leg in legs(trace) if leg.hop.seen >= thresholds.slow_packets]
    passages = list(_passages(timed))
    if passages:
        usual = _usual_times(passages)
        slow: dict[frozenset[int], list[Passage]] = defaultdict(list)
        for passage in passages:
            least = thresholds.slow_times * usual[_kind(passage), _nodes(passage.leg)]
            if passage.time_ns >= max(least, thresholds.slow_ms * MILLISECOND):
                slow[_between(passage)].append(passage)
        return Outcome(len(passages), tuple(_finding(group, cluster, thresholds) for group in slow.values()))
    if timed:
        text = "the clocks of two machines can be compared only where packets of both directions are seen at both"
        return Outcome(missing=Missing(Reason.ONE_DIRECTION, text, capture_command(Role.NODE, "both nodes")))
    command = capture_command(Role.NODE, "both nodes, at the same time")
    return Outcome(missing=nothing_to_compare(trace, "delay on the way", command))


def _passages(timed: list[Leg]) -> Iterator[Passage]:
    """Each hop within a machine, and each between two once, with the same hop of the other direction."""
    by_hop = {(_ends(leg), leg.start.place.number, leg.end.place.number): leg for leg in timed}
    for leg in timed:
        if leg.hop.delay_median_ns is None:
            continue
        if leg.hop.is_one_clock:
            yield Passage(leg, None, leg.hop.delay_median_ns)
            continue
        one, other = _ends(leg)
        back = by_hop.get(((other, one), leg.end.place.number, leg.start.place.number))
        if back is not None and back.hop.delay_median_ns is not None and one < other:
            yield Passage(leg, back, leg.hop.delay_median_ns + back.hop.delay_median_ns)


def _between(passage: Passage) -> frozenset[int]:
    return frozenset((passage.leg.start.place.number, passage.leg.end.place.number))


def _ends(leg: Leg) -> tuple[int, int]:
    return leg.route.source, leg.route.destination


def _usual_times(passages: list[Passage]) -> dict[tuple[Kind, Nodes], int]:
    """For passages of each kind between two nodes, what those between the others take: the median of their medians, 0
    where there are no others.

    The lower one of two: a slow node is an end of several pairs.
    """
    import numpy as np

    times: dict[Kind, dict[Nodes, list[int]]] = defaultdict(lambda: defaultdict(list))
    for passage in passages:
        times[_kind(passage)][_nodes(passage.leg)].append(passage.time_ns)
    usual: dict[tuple[Kind, Nodes], int] = {}
    for kind, of_kind in times.items():
        medians = {nodes: round(float(np.median(values))) for nodes, values in of_kind.items()}
        ordered = sorted(medians.values())
        middle = (len(ordered) - 2) // 2  # of all but one
        for nodes, own in medians.items():
            beyond = own <= ordered[middle]  # where it lies below the middle of the others, that is one further
            usual[kind, nodes] = ordered[middle + beyond] if len(ordered) > 1 else 0
    return usual


def _nodes(leg: Leg) -> Nodes:
    return frozenset((leg.route.source_node, leg.route.destination_node))


def _kind(passage: Passage) -> Kind:
    """Whether a passage is between nodes, and whether it is there and back."""
    leg = passage.leg
    between = leg.start.station >= Station.SOURCE_NIC and leg.end.station <= Station.DESTINATION_NIC
    return between, passage.back is not None


def _finding(group: list[Passage], cluster: Cluster, thresholds: Thresholds) -> Finding:
    """About the places; the pair of addresses with most packets is shown."""
    import numpy as np

    passage = max(group, key=lambda one: one.packets)
    leg, route = passage.leg, passage.leg.route
    start, end = leg.start.place.label, leg.end.place.label
    time = duration(round(float(np.median([one.time_ns for one in group]))))
    pairs = [
        f"{format_address(one)} and {format_address(other)}" for one, other in (_ends(entry.leg) for entry in group)
    ]
    point = leg.start.place.lead
    flows = point.facts.flows
    rows = flows.select((flows.source == route.source) & (flows.destination == route.destination))
    is_between, is_round_trip = _kind(passage)
    timed = f"of {sum(one.packets for one in group)} packets between {in_words(pairs)}"
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.LINK,
            f"{start} to {end}",
            nodes=tuple(format_address(node) for node in sorted(node for node in _nodes(leg) if node is not None)),
            addresses=tuple(sorted({format_address(end) for one in group for end in _ends(one.leg)})),
        ),
        title=f"packets take {time} from {start} to {end}" + (" and back" if is_round_trip else ""),
        expected=f"less than {thresholds.slow_ms:g} ms, or less than {thresholds.slow_times:g} times what other nodes "
        "of the run need",
        observed=f"{time} there and back by the medians {timed}; which way is the slow one does not show"
        if is_round_trip
        else f"{delay_text(leg.hop)}, {timed}",
        count=sum(one.packets for one in group),
        first_ns=int(rows.first_ns.min()) if len(rows) else None,
        last_ns=int(rows.last_ns.max()) if len(rows) else None,
        evidence=(evidence_of(point, rows.frames, display_filters.conversation(route.source, route.destination)),),
        component=Component.NODE_NETWORK if is_between else Component.NODE_KERNEL,
        confirm=("ping -c 20 between the two nodes, and from pod to pod",),
        fix=(f"find what queues between {start} and {end}",),
        alternatives=("the way is long by nature (another site), and its nodes are rightly in one cluster",)
        if is_between
        else ("the node was busy, not its network",),
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
