"""What a run left out because its tables were full, said of each capture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ipipdiag.facts.collect import POINT_LIMIT, CaptureFacts
from ipipdiag.report.model import InputError


def left_out(captures: Sequence[CaptureFacts]) -> tuple[InputError, ...]:
    """A sentence for each limit that a capture reached; none of them makes it unread."""
    return tuple(
        InputError(capture.files[0].name, text, fatal=False) for capture in captures for text in _sentences(capture)
    )


def _sentences(capture: CaptureFacts) -> Iterator[str]:
    interfaces = len(capture.files[0].interfaces)
    if capture.unplaced or interfaces > POINT_LIMIT:
        frames = f"; {capture.unplaced} frames of others are in no table" if capture.unplaced else ""
        yield f"limit reached: it has more than {POINT_LIMIT} interfaces, and so many are looked at{frames}"
    left = sum(point.left_out for point in capture.points)
    if left:
        yield (
            f"limit reached: it holds more flows or messages than there is room for; {left} entries of the later ones "
            "are in no table. Give --from and --to, or --host, to look at a part of it"
        )
