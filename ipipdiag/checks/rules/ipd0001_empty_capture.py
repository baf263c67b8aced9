"""EmptyCapture: a valid file that holds no packet.

Expected
    A capture that is meant to show traffic holds some.

How it is observed
    The file header is whole, and no frame follows for this interface.

What can mislead
    An empty tunl0 is rightly so where no pod talks to a pod of another node, or where the pool is
    not IP-in-IP. Inside a pod's network namespace there is a tunl0 too, which never carries
    anything.

What to do
    Capture where the packets must pass: on the pod's cali interface and on the node's NIC, at the
    same time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks.model import Check, Component, Confidence, Finding, Outcome, Severity, Subject, SubjectKind
from ipipdiag.checks.sightings import several
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from ipipdiag.points.model import Point

MEANING = {
    Role.TUNL0: "nothing went through the tunnel here: no pod of this node talked to a pod of another one, the packets "
    "left without the tunnel, or this is the unused tunl0 inside a pod",
    Role.NODE: "nothing passed this interface: another NIC carries the node's traffic, or the "
    "filter let nothing through",
    Role.POD: "the pod neither sent nor received anything",
    Role.CALI: "the pod neither sent nor received anything",
}


def examine(points: tuple[Point, ...]) -> Outcome:
    """A finding for each point without frames."""
    return Outcome(len(points), tuple(_finding(point) for point in points if point.facts.extent.frames == 0))


def _finding(point: Point) -> Finding:
    if point.facts.unselected:
        return _nothing_chosen(point)
    where = Role.NODE if point.role is not Role.NODE else Role.ANY
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POINT, point.label),
        title=f"{point.label} recorded no packet",
        expected="packets between the capture's start and its end",
        observed=f"none; {MEANING.get(point.role, 'nothing passed, or the filter let nothing through')}",
        count=0,
        first_ns=None,
        last_ns=None,
        evidence=(),
        component=Component.CAPTURE,
        confirm=(capture_command(where),),
        points=(point.id,),
    )


def _nothing_chosen(point: Point) -> Finding:
    """The capture has packets, the run looks at none of them."""
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POINT, point.label),
        title=f"{point.label} has no packet of the chosen time and hosts",
        expected="packets among those that --from, --to and --host choose",
        observed=f"none; {several(point.facts.unselected, 'frame')} of other times or hosts",
        count=0,
        first_ns=None,
        last_ns=None,
        evidence=(),
        component=Component.CAPTURE,
        points=(point.id,),
    )


CHECK = Check(
    code="IPD0001",
    name="EmptyCapture",
    severity=Severity.NOTICE,
    summary="a valid file with no packet, and what that means where it was taken",
    points="any",
    examine=examine,
)
