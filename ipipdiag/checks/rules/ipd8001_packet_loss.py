"""PacketLoss: a part of what is sent does not arrive.

Expected
    What is sent at one place of the way is seen at the next.

How it is observed
    With captures of two places on the way: each packet is looked for at the next place by its
    inner header, TCP by ranges of sequence numbers. Reported are hops that lose at least
    0.5 % and five packets of what one address sends another, while the rest gets through. The
    finding names the hop, and what lives there. With one capture: where at least 2 % of the
    bytes and ten segments of what one address sends another by TCP are sent again, the finding
    says whether the first sending had passed this point (the loss is beyond it) or not (before).

What can mislead
    A capture that loses frames itself: a packet that is missing at one place and seen further on
    is not counted as lost, and a capture that records drops is not judged. Captures of different
    times: only packets sent while the next place was captured count. With one capture the loss may
    be of acknowledgements, and lie anywhere on that side: then this is a warning.

What to do
    Look at what the hop consists of: ``ip -s link`` and ``ethtool -S`` on both ends of it, queues
    and policers of the network between the nodes, policies where it is inside a node. Thresholds:
    lost-share, lost-packets; with one capture retransmitted-share, retransmitted-segments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import SEGMENTS, first_limit, incomplete, unless_judged
from ipipdiag.checks.hop_losses import (
    Leg,
    counts_along,
    evidence_at,
    is_deaf,
    legs,
    nothing_to_compare,
    subject_of,
    what_holds,
    where_seen,
)
from ipipdiag.checks.model import Check, Component, Confidence, Finding, Outcome, Severity
from ipipdiag.checks.node_evidence import drops_on
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.checks.tcp_pairs import Pair, is_sent_again, pair_subject, severity_between, tcp_pairs
from ipipdiag.checks.thresholds import Thresholds, percent
from ipipdiag.kinds import TcpEvent
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.trace.places import Station

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.points.model import Point
    from ipipdiag.trace.model import Trace

FEWEST_SEGMENTS = 10  # with payload: fewer show nothing of loss in one capture


def examine(
    points: tuple[Point, ...],
    trace: Trace,
    cluster: Cluster,
    configuration: Configuration,
    thresholds: Thresholds,
) -> Outcome:
    """A finding for each hop and direction that loses a part of the packets."""
    examined, findings, missing = 0, [], None
    for leg in legs(trace):
        if lost := is_deaf(leg.end.place):
            missing = missing or lost
            continue
        examined += bool(leg.hop.sent)
        arrived = leg.hop.seen + leg.hop.missed
        if arrived and leg.hop.lost_in_part >= max(thresholds.lost_packets, thresholds.lost_share * leg.hop.sent, 1):
            findings.append(_finding(leg, trace, cluster, configuration, thresholds))
    if examined:
        return Outcome(examined, tuple(findings), unless_judged(missing, examined))
    if len(trace.places) < 2 and missing is None:
        alone = _from_one_place(points, cluster, thresholds)
        if alone.examined or alone.missing:
            return alone
    command = capture_command(Role.NODE, "both nodes, at the same time")
    return Outcome(missing=missing or nothing_to_compare(trace, "loss on the way", command))


def _from_one_place(points: tuple[Point, ...], cluster: Cluster, thresholds: Thresholds) -> Outcome:
    """What segments that are sent again say of loss before and beyond the one place there is."""
    pairs = [pair for pair in tcp_pairs(points) if pair.segments >= FEWEST_SEGMENTS and not incomplete(pair.point)]
    findings = tuple(_from_segments(pair, cluster, thresholds) for pair in pairs if is_sent_again(pair, thresholds))
    return Outcome(len(pairs), findings, first_limit(points, SEGMENTS))


def _from_segments(pair: Pair, cluster: Cluster, thresholds: Thresholds) -> Finding:
    source, destination = format_address(pair.source), format_address(pair.destination)
    beyond, before = pair.count(TcpEvent.SENT_AGAIN), pair.count(TcpEvent.SENT_AGAIN_UNSEEN)
    rows = pair.only(TcpEvent.SENT_AGAIN, TcpEvent.SENT_AGAIN_UNSEEN)
    side = "beyond" if beyond >= before else "before"
    return Finding(
        severity=severity_between(cluster, pair.source, pair.destination, Severity.WARNING),
        confidence=Confidence.LIKELY,
        subject=pair_subject(cluster, pair.source, pair.destination),
        title=f"packets from {source} to {destination} are lost {side} {pair.point.label}: "
        f"{100 * pair.share_again:.1f} % of the bytes are sent again",
        expected=f"less than {percent(thresholds.retransmitted_share)} of the bytes sent again, or fewer than "
        f"{thresholds.retransmitted_segments:g} segments",
        observed=f"of {pair.segments} segments {beyond} are sent again after they had passed (lost further on, or "
        f"their acknowledgements were), {before} come late and for the first time (lost before)",
        count=pair.again,
        first_ns=int(rows.first_ns.min()),
        last_ns=int(rows.last_ns.max()),
        evidence=(evidence_of(pair.point, rows.frames, display_filters.tcp_between(pair.source, pair.destination)),),
        component=Component.NODE_NETWORK,
        confirm=(capture_command(Role.NODE, "both nodes, at the same time"), "ip -s link ; ethtool -S eth0"),
        fix=(f"find what drops packets {side} {pair.point.label}",),
        alternatives=("acknowledgements are lost on the way back", "the sender is too hasty"),
        points=(pair.point.id,),
    )


def _finding(leg: Leg, trace: Trace, cluster: Cluster, configuration: Configuration, thresholds: Thresholds) -> Finding:
    hop, route = leg.hop, leg.route
    share = 100 * hop.lost / hop.sent
    source, destination = format_address(route.source), format_address(route.destination)
    sides = {station: cluster.node_text(node or 0) for station, node in
             ((leg.start.station, route.source_node), (leg.end.station, route.destination_node))}  # fmt: skip
    commands = tuple(f"ip -s link ; ethtool -S eth0  # on {node}" for node in dict.fromkeys(sides.values()))
    node = route.destination_node if leg.start.station >= Station.DESTINATION_NIC else route.source_node
    inside = not _is_between_nodes(leg)
    counters = drops_on(configuration, cluster, node) if inside else ()
    return Finding(
        severity=severity_between(cluster, route.source, route.destination, Severity.ERROR),
        confidence=Confidence.LIKELY if what_holds(leg) else Confidence.CONFIRMED,
        subject=subject_of(route, cluster),
        title=f"{share:.1f} % of the packets from {source} to {destination} are lost between {leg.start.place.label} "
        f"and {leg.end.place.label}",
        expected=f"loss below {percent(thresholds.lost_share)} or fewer than {thresholds.lost_packets:g} packets",
        observed=f"{where_seen(leg)}: {several(hop.lost, 'packet')} lost; in all: {counts_along(route)}"
        + "".join(f"; {text}" for text in counters),
        count=hop.lost,
        first_ns=hop.first_lost_ns,
        last_ns=hop.last_lost_ns,
        evidence=evidence_at(leg),
        component=_component(leg),
        confirm=commands,
        fix=(f"find what drops between {leg.start.place.label} and {leg.end.place.label}",),
        alternatives=(*what_holds(leg), f"the capture at {leg.end.place.label} lost these frames without recording it"),
        worked=_other_way(leg, trace),
        points=(leg.start.place.lead.id, leg.end.place.lead.id),
    )


def _other_way(leg: Leg, trace: Trace) -> tuple[str, ...]:
    """What became of the packets of the other direction between the same two places."""
    for other in legs(trace):
        ends = (other.route.source, other.route.destination) == (leg.route.destination, leg.route.source)
        if ends and (other.hop.start, other.hop.end) == (leg.hop.end, leg.hop.start) and other.hop.sent:
            return (f"of {several(other.hop.sent, 'packet')} of the other direction {other.hop.lost} are lost there",)
    return ()


def _is_between_nodes(leg: Leg) -> bool:
    return leg.start.station >= Station.SOURCE_NIC and leg.end.station <= Station.DESTINATION_NIC


def _component(leg: Leg) -> Component:
    """What lives on the hop: policies and routes beside the pods, the kernel's tunnel, the network between nodes."""
    if _is_between_nodes(leg):
        return Component.NODE_NETWORK
    stations = {leg.start.station, leg.end.station}
    if stations & {Station.SOURCE_CALI, Station.DESTINATION_CALI}:
        return Component.FELIX
    return Component.NODE_KERNEL


CHECK = Check(
    code="IPD8001",
    name="PacketLoss",
    severity=Severity.ERROR,
    summary="a part of what is sent does not arrive",
    points="any",
    examine=examine,
)
