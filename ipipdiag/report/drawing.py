"""Drawings as plain shapes with coordinates: laid out here, in units of a CSS pixel, and only translated by a renderer.

What a shape means is its ``kind``; how that looks, in light, dark and print, is for the style sheet. No kind is told by
colour alone: each has its own line, mark or word.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from typing import TypeAlias

SMALL, NORMAL, LARGE = 11, 13, 15  # heights of text
_WIDTHS = {SMALL: 6.1, NORMAL: 7.1, LARGE: 8.3}  # of an average character, on the safe side
BOLD, BOLDER = ("strong", "fault"), 1.1  # kinds of labels, and how much wider they are


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; ``has_arrow`` at its end."""

    points: tuple[tuple[float, float], ...]
    kind: str
    has_arrow: bool = False

    @property
    def head(self) -> tuple[tuple[float, float], ...]:
        """The corners of the arrow's head; empty without one."""
        if not self.has_arrow:
            return ()
        (from_x, from_y), (x, y) = self.points[-2:]
        length = math.hypot(x - from_x, y - from_y) or 1
        along, across = (x - from_x) / length, (y - from_y) / length
        back = (x - 9 * along, y - 9 * across)
        return (x, y), (back[0] - 4 * across, back[1] + 4 * along), (back[0] + 4 * across, back[1] - 4 * along)


@dataclass(frozen=True, slots=True)
class Mark:
    """A sign around a point: ``seen`` a dot, ``absent`` a ring, ``lost`` a cross, ``event`` a diamond."""

    x: float
    y: float
    kind: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text; ``y`` is its base line, ``room`` the width it has.

    What does not fit is cut when it is drawn, for a redacted text has another length.
    """

    x: float
    y: float
    text: str
    kind: str = "plain"
    size: int = NORMAL
    anchor: str = "start"  # start, middle, end
    room: float = math.inf

    @property
    def shown(self) -> str:
        """The text as far as it fits; cut in the middle, where names differ least."""
        room = self.room / (BOLDER if self.kind in BOLD else 1)
        if text_width(self.text, self.size) <= room:
            return self.text
        kept = max(int(room / _WIDTHS[self.size]) - 1, 2)
        return f"{self.text[: (kept + 1) // 2]}…{self.text[len(self.text) - kept // 2 :]}"


Shape: TypeAlias = Box | Line | Mark | Label


@dataclass(frozen=True, slots=True)
class Drawing:
    """Shapes in the order in which they are painted. ``title`` names the drawing, ``description`` says what it shows to
    who cannot see it.
    """

    title: str
    description: str
    width: float
    height: float
    shapes: tuple[Shape, ...]


def text_width(text: str, size: int = NORMAL) -> float:
    """About how wide a text is drawn."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return (len(text) + wide) * _WIDTHS[size]
