"""ClockDisorder: timestamps run backwards, or jump by a day or more.

Expected
    Times rise from frame to frame. Steps back below a millisecond are usual where a NIC has
    several queues, and are not reported.

How it is observed
    A frame's time is a millisecond or more before that of the frame before it at the same point;
    or no frame for a day.

What can mislead
    Files put together without sorting (``mergecap -a``) run backwards where one file ends and the
    next begins.

What to do
    Read no delay and no order out of the frames around the step. ``chronyc tracking`` on the node
    tells whether its clock was being set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks import display_filters
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
from ipipdiag.checks.sightings import duration, several

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.extent import Extent
    from ipipdiag.points.model import Point

BACKWARD_NS = 1_000_000
FORWARD_NS = 86_400_000_000_000


def examine(points: tuple[Point, ...], extent: Mapping[Point, Extent]) -> Outcome:
    """A finding for each point whose clock did not run on."""
    with_frames = [point for point in points if extent[point].frames > 1]
    findings = [
        _finding(point, extent[point])
        for point in with_frames
        if extent[point].backward_max_ns >= BACKWARD_NS or extent[point].forward_max_ns >= FORWARD_NS
    ]
    return Outcome(len(with_frames), tuple(findings))


def _finding(point: Point, extent: Extent) -> Finding:
    if extent.backward_max_ns >= BACKWARD_NS:
        observed = f"{several(extent.backward_steps, 'step')} back, the largest {duration(extent.backward_max_ns)}"
        frames, count = extent.backward_frames, extent.backward_steps
    else:
        observed = f"a step of {duration(extent.forward_max_ns)} forward"
        frames, count = (extent.forward_frame,), 1
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POINT, point.label),
        title=f"the times of {point.label} are out of order",
        expected="times that rise from frame to frame",
        observed=observed,
        count=count,
        first_ns=extent.first_ns,
        last_ns=extent.last_ns,
        evidence=(Evidence(point.input, frames, display_filters.frames(frames)),),
        component=Component.CAPTURE,
        confirm=("chronyc tracking",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD0005",
    name="ClockDisorder",
    severity=Severity.NOTICE,
    summary="timestamps run backwards or jump",
    points="any",
    examine=examine,
)
