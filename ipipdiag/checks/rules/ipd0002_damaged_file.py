"""DamagedFile: the file departs from its format, and part of it could not be read.

Expected
    Every record ends where the next one begins, and the last one at the end of the file.

How it is observed
    A record that goes past the end of the file, a record header that cannot be one, lengths that
    contradict each other, a compressed stream that ends early. Everything before the damage was
    read and is judged.

What can mislead
    A file copied while tcpdump was still writing ends within a record: nothing is wrong but the
    moment of copying.

What to do
    Stop tcpdump before copying, or use ``tcpdump -U``, and compare sizes after the copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks.display_filters import frames
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
from ipipdiag.checks.sightings import several

if TYPE_CHECKING:
    from ipipdiag.capture.model import CaptureSummary, Damage
    from ipipdiag.facts.collect import CaptureFacts

OWN_LIMITS = ("frame_limit", "time_limit", "interrupted")  # asked for: worth knowing, no damage


def examine(captures: tuple[CaptureFacts, ...]) -> Outcome:
    """A finding for each damaged file."""
    files = [file for capture in captures for file in capture.files]
    findings = [_finding(f"c{number}", file) for number, file in enumerate(files, start=1) if file.damages]
    return Outcome(len(files), tuple(findings))


def _finding(input_id: str, summary: CaptureSummary) -> Finding:
    damages = summary.damages
    asked_for = all(damage.kind.value in OWN_LIMITS for damage in damages)
    at_end = all(damage.after_frame == summary.frames for damage in damages)
    shown = tuple(sorted({damage.after_frame for damage in damages if damage.after_frame > 0}))
    return Finding(
        severity=Severity.NOTICE if asked_for else Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.CAPTURE, summary.name),
        title=f"{summary.name} was not read whole" if asked_for else f"{summary.name} is damaged",
        expected="whole records from the file header to the end of the file",
        observed="; ".join(_sentence(damage) for damage in damages) + f"; {several(summary.frames, 'frame')} read",
        count=sum(damage.count for damage in damages),
        first_ns=summary.last_ns if at_end else summary.first_ns,
        last_ns=summary.last_ns,
        evidence=(Evidence(input_id, shown, frames(shown)),) if shown else (),
        component=Component.CAPTURE,
        confirm=(f"capinfos {summary.name}",),
        fix=("stop tcpdump before the file is copied, and compare the sizes after the copy",),
    )


def _sentence(damage: Damage) -> str:
    lost = f" ({several(damage.lost_bytes, 'byte')} lost)" if damage.lost_bytes else ""
    times = f", {several(damage.count, 'time')}" if damage.count > 1 else ""
    return f"{damage.text}{lost}{times}"


CHECK = Check(
    code="IPD0002",
    name="DamagedFile",
    severity=Severity.WARNING,
    summary="the record chain breaks, the last record is cut, lengths are impossible: what was lost, what was read",
    points="any",
    examine=examine,
)
