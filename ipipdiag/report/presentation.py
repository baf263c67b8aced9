"""How a report is to be shown; it never changes what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

MAXIMUM_WIDTH = 100
MINIMUM_WIDTH = 40
LEAST_BYTES = 1000  # of a limit on the size of a report: room for the state, and for what was left out
TABLES = ("findings", "checks", "tunnels", "flows")


class Detail(IntEnum):
    """How much of the report the text shows."""

    BRIEF = -1  # the verdict and the titles of the findings
    NORMAL = 0
    FULL = 1  # every frame number of the evidence, whole hashes, every reason


@dataclass(frozen=True, slots=True)
class Presentation:
    """Columns, whether colour is wanted, and how much to show; each format takes of it what it has a use for."""

    width: int = MAXIMUM_WIDTH
    colour: bool = False
    detail: Detail = Detail.NORMAL
    table: str = TABLES[0]  # of formats that hold one table a file
    max_bytes: int | None = None  # of formats that can leave out parts


def fitting_width(terminal_width: int) -> int:
    """Columns to use on a terminal that has so many."""
    return max(MINIMUM_WIDTH, min(terminal_width, MAXIMUM_WIDTH))
