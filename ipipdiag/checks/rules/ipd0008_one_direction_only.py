"""OneDirectionOnly: only one direction of the conversations is in the file.

Expected
    Both directions of a conversation pass a pod's interface, tunl0 and, but for asymmetric
    routing, a node's NIC.

How it is observed
    TCP segments or replies that answer something which the file never shows, and no conversation
    of the point has packets both ways. Unanswered requests alone prove nothing of the kind.

What can mislead
    A filter on one address (``src host …``), ``tcpdump -Q in``, a mirror port of one direction, a
    second NIC that carries the way back.

What to do
    Capture without a direction and with ``host`` instead of ``src host``. Nothing is concluded
    from missing answers here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import first_limit, is_one_sided, limit_reached
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
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.points.commands import capture_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows]) -> Outcome:
    """A finding for each point that is proven to miss one direction."""
    with_flows = [point for point in points if len(flows[point])]
    whole = [point for point in with_flows if not limit_reached(point)]
    findings = [_finding(point, flows[point]) for point in whole if is_one_sided(flows[point])]
    return Outcome(len(with_flows), tuple(findings), first_limit(with_flows))


def _finding(point: Point, flows: Flows) -> Finding:
    frames = evidence_of(point, flows.frames, "").frames
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POINT, point.label),
        title=f"{point.label} holds only one direction of its conversations",
        expected="packets of both ends of a conversation",
        observed=f"{several(len(flows), 'flow')}, none with a packet in reverse, though some of "
        "their packets answer one",
        count=len(flows),
        first_ns=int(flows.first_ns.min()),
        last_ns=int(flows.last_ns.max()),
        evidence=(Evidence(point.input, frames, display_filters.frames(frames)),),
        component=Component.CAPTURE,
        confirm=(capture_command(point.role),),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD0008",
    name="OneDirectionOnly",
    severity=Severity.WARNING,
    summary="only one direction of the conversations is in the file",
    points="any",
    examine=examine,
)
