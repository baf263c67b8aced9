"""How a report is to be shown; it never changes what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

MAXIMUM_WIDTH = 100
MINIMUM_WIDTH = 40


class Detail(IntEnum):
    """How much of the report the text shows."""

    BRIEF = -1  # the verdict and the titles of the findings
    NORMAL = 0
    FULL = 1  # every frame number of the evidence, whole hashes, every reason


@dataclass(frozen=True, slots=True)
class Presentation:
    """Columns, whether colour is wanted, and how much to show; formats other than text have no use for it."""

    width: int = MAXIMUM_WIDTH
    colour: bool = False
    detail: Detail = Detail.NORMAL


def fitting_width(terminal_width: int) -> int:
    """Columns to use on a terminal that has so many."""
    return max(MINIMUM_WIDTH, min(terminal_width, MAXIMUM_WIDTH))
