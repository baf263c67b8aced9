"""AsymmetricEncapsulation: one direction of a flow is wrapped, the other is bare.

Expected
    Both directions take the same form where both addresses are in pools of the same mode.

How it is observed
    At a node's NIC: all packets one way in IP-in-IP, all packets back without an outer header.

What can mislead
    Each node chooses the form by the pool of the *destination*: between pools of different modes
    the two directions may rightly differ (a notice then; strict rp_filter drops it all the same).
    A mode that changes during the capture gives both forms in one direction, and is not judged
    here.

What to do
    ``calicoctl get node -o wide``: netmasks that differ make CrossSubnet one-sided. ``ip route
    get`` on both nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
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
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

Tuple = tuple[int, int, int, int, int]


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster) -> Outcome:
    """A finding for each pair of pods whose packets are wrapped one way only."""
    if not any(point.role is Role.NODE for point in points):
        command = capture_command(Role.NODE)
        return Outcome(missing=Missing(Reason.WRONG_POINT, "outer headers show only on a node's NIC", command))
    examined, findings = 0, []
    for point in points:
        if point.role is not Role.NODE:
            continue
        table = flows[point]
        wrapped = (table.tunnel == Tunnel.IPIP) & (table.answers > 0)
        examined += int(wrapped.sum())
        one_way = table.select(wrapped & (table.answers_bare == table.answers))
        bare_too = set(_five_tuples(table.select(table.tunnel == Tunnel.NONE))) if len(one_way) else ()
        for position, five in enumerate(_five_tuples(one_way)):
            if five not in bare_too and cluster.is_pod(five[0]) and cluster.is_pod(five[1]):
                findings.append(_finding(point, one_way.select([position]), cluster))
    missing = None
    if not examined:
        command = capture_command(Role.NODE)
        missing = Missing(Reason.ONE_DIRECTION, "no tunnel packet with packets back was captured", command)
    return Outcome(examined, tuple(findings), missing)


def _five_tuples(flows: Flows) -> list[Tuple]:
    return list(flows.rows("source", "destination", "protocol", "source_port", "destination_port"))


def _finding(point: Point, row: Flows, cluster: Cluster) -> Finding:
    source, destination = int(row.source[0]), int(row.destination[0])
    here, there = format_address(source), format_address(destination)
    severity, confidence, rule = _judge(cluster, source, destination)
    outer = (int(row.outer_source[0]), int(row.outer_destination[0]))
    answers = int(row.answers[0])
    return Finding(
        severity=severity,
        confidence=confidence,
        subject=Subject(
            SubjectKind.FLOW,
            f"{here} to {there}",
            nodes=tuple(map(format_address, outer)),
            addresses=(here, there),
        ),
        title=f"packets from pod {here} to pod {there} are wrapped, the packets back are bare",
        expected=f"the same form in both directions: {rule}",
        observed=f"{several(int(row.packets[0]), 'packet')} in IP-in-IP, {several(answers, 'bare packet')} back",
        count=int(row.packets[0]) + answers,
        first_ns=int(row.first_ns[0]),
        last_ns=int(row.last_ns[0]),
        evidence=(
            evidence_of(point, row.frames, display_filters.tunnelled_to(*outer, destination)),
            evidence_of(point, row.frames[:0], display_filters.bare(destination, source)),
        ),
        component=Component.CONFIGURATION,
        confirm=(
            "calicoctl get ippool -o wide",
            "calicoctl get node -o wide",
            f"ip route get {here}; ip route get {there}",
        ),
        fix=("make both nodes see the same mode and the same netmask",),
        alternatives=("the two pools have different modes", "the mode is being changed"),
        points=(point.id,),
    )


def _judge(cluster: Cluster, source: int, destination: int) -> tuple[Severity, Confidence, str]:
    one, other = cluster.mode_of(source), cluster.mode_of(destination)
    if one and other and one[0] is other[0]:
        return Severity.ERROR, Confidence.CONFIRMED, f"both pools have ipipMode {one[0].value}"
    if one and other:
        modes = f"{one[0].value} and {other[0].value}"
        return Severity.NOTICE, Confidence.CONFIRMED, f"the pools' modes differ ({modes}), so this may be right"
    return Severity.WARNING, Confidence.POSSIBLE, "if both pods are in pools of one mode, which is not known"


CHECK = Check(
    code="IPD2006",
    name="AsymmetricEncapsulation",
    severity=Severity.ERROR,
    summary="one direction of a flow is IP-in-IP, the other bare",
    points="node NIC",
    examine=examine,
)
