"""What findings are made of: evidence from rows of facts, and the words for counts and times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipipdiag.checks.model import Evidence

if TYPE_CHECKING:
    from ipipdiag.points.model import Point

EVIDENCE_FRAMES = 8


def evidence_of(point: Point, frames: Any, display_filter: str) -> Evidence:
    """Evidence from frame numbers of one point: an array of any shape, zeros left out, the first EVIDENCE_FRAMES
    kept.
    """
    numbers = sorted({int(number) for number in frames.ravel().tolist() if number > 0})
    return Evidence(point.input, tuple(numbers[:EVIDENCE_FRAMES]), display_filter)


def several(count: int, noun: str) -> str:
    """A count and its noun: 1 packet, 2 packets, 3 replies."""
    if count == 1:
        return f"{count} {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("ply") else f"{count} {noun}s"


def in_words(items: list[str], most: int = 4) -> str:
    """The items as a, b and c, cut after ``most`` with the number of the others."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def duration(nanoseconds: float) -> str:
    """A duration with a unit that fits: µs, ms or s."""
    if nanoseconds < 1_000_000:
        return f"{nanoseconds / 1_000:.0f} µs"
    if nanoseconds < 1_000_000_000:
        return f"{nanoseconds / 1_000_000:.1f} ms"
    return f"{nanoseconds / 1_000_000_000:.1f} s"
