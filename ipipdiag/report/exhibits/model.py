"""The exhibits of a report: everything that is drawn, decided before a renderer sees it.

No byte of a payload is in them: of frames they hold headers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipipdiag.inspection.model import FrameRecord
from ipipdiag.report.drawing import Drawing
from ipipdiag.report.exhibits.expected_form import ExpectedForm

if TYPE_CHECKING:
    from ipipdiag.report.model import FlowReport


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with the sentences below it; without a drawing the notes say why there is none."""

    drawing: Drawing | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldCell:
    """A field where it lies in its header: ``bits`` wide, after those before it.

    ``mark`` is "as_expected", "deviates" or "not_judged"; ``note`` is what is expected, or what the value means where
    nothing is.
    """

    name: str
    bits: int
    value: str
    note: str
    mark: str


@dataclass(frozen=True, slots=True)
class HeaderCard:
    """A header, drawn 32 bits a row. ``is_absent``: it should be there, and the values are what is expected of it."""

    title: str
    rows: tuple[tuple[FieldCell, ...], ...]
    is_absent: bool = False
    why: str = ""

    @property
    def remarks(self) -> tuple[FieldCell, ...]:
        """The fields of which something is said."""
        return tuple(cell for row in self.rows for cell in row if cell.note)


@dataclass(frozen=True, slots=True)
class HexByte:
    """A byte of a header: its digits, and the field it belongs to; ``shade`` changes from field to field."""

    digits: str
    field: str
    shade: int
    deviates: bool


@dataclass(frozen=True, slots=True)
class HexPart:
    """The bytes of one header, in lines of at most 16, each with its offset in the frame."""

    title: str
    lines: tuple[tuple[int, tuple[HexByte, ...]], ...]


@dataclass(frozen=True, slots=True)
class CitedFrame:
    """A frame that a finding cites, cut after its headers, with what the cluster expects of its form."""

    finding: str
    record: FrameRecord
    expected: ExpectedForm | None


@dataclass(frozen=True, slots=True)
class FrameExhibit:
    """A cited frame as it is shown: what it is, its IPv4 and ARP headers as cards, all its headers as bytes."""

    finding: str
    record: FrameRecord
    summary: str
    size: str
    cards: tuple[HeaderCard, ...]
    parts: tuple[HexPart, ...]
    stop: str
    deviations: tuple[str, ...]
    is_open: bool = False  # the one to look at first


@dataclass(frozen=True, slots=True)
class Exhibits:
    """All that is drawn of a run; ``frame_notes`` say which frames could not be read again, and why; ``flows`` are
    those with most packets.
    """

    topology: Figure
    ladder: Figure
    timeline: Figure
    frames: tuple[CitedFrame, ...]
    frame_notes: tuple[str, ...]
    flows: tuple[FlowReport, ...]
