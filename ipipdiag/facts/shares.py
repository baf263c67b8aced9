"""What each point gets of a batch: its frames, numbered through the files of a capture, and their flows.

This is done where frames are decoded, in the process that reads ahead where there is one; of what comes out
:mod:`ipipdiag.facts.collect` makes facts, which takes about as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ipipdiag.capture import Capture
from ipipdiag.decode import decode
from ipipdiag.decode.packets import Decoded
from ipipdiag.decode.window import SLACK
from ipipdiag.facts.flows import flow_groups
from ipipdiag.facts.groups import Groups
from ipipdiag.facts.selection import Selection
from ipipdiag.table import Table

TableT = TypeVar("TableT", bound=Table)
U8 = npt.NDArray[np.uint8]

POINT_LIMIT = 1_024  # points of one capture: more than the interfaces of any node; frames of further ones are counted


@dataclass(frozen=True, slots=True)
class PointKey:
    """A place within one capture: interface number of the file, kernel interface index (-1: the link tells none)."""

    interface: int
    interface_index: int


@dataclass(frozen=True, slots=True)
class Share:
    """One point's frames of a batch that the run looks at, in order."""

    key: PointKey
    decoded: Decoded
    payloads: U8  # the bytes that its segments point to
    flows: Groups  # the packets of each flow
    unselected: int  # frames of the point that the run does not look at


@dataclass(frozen=True, slots=True)
class Shares:
    """A batch, point by point in the order of their first frames, and the frames of points beyond POINT_LIMIT."""

    points: tuple[Share, ...]
    unplaced: int


class ShareFold:
    """Deals out the batches of one capture, in order; several files that it wrote are numbered through.

    Of the frames only those of ``selection`` are dealt out.
    """

    def __init__(self, selection: Selection | None = None) -> None:
        self._selection = selection
        self._frames_before = 0
        self._keys: set[PointKey] = set()

    def read(self, capture: Capture) -> Iterator[Shares]:
        """Deal out a file; each batch is valid until the next is asked for, and what is to last longer is copied.

        CaptureError where the file cannot be read any further.
        """
        for batch in capture.batches():
            yield self._step(decode(batch, capture.interfaces).numbered_from(self._frames_before), batch.buffer)
        self._frames_before += capture.summary().frames

    def _step(self, decoded: Decoded, buffer: U8) -> Shares:
        shares: list[Share] = []
        unplaced = 0
        for key, rows in _points(decoded):
            if key not in self._keys and len(self._keys) >= POINT_LIMIT:
                unplaced += len(decoded.packets) if rows is None else len(rows)
                continue
            self._keys.add(key)
            shares.append(self._share(key, decoded if rows is None else _rows_of(decoded, rows), buffer))
        return Shares(tuple(shares), unplaced)

    def _share(self, key: PointKey, decoded: Decoded, buffer: U8) -> Share:
        unselected = 0
        if self._selection is not None:
            chosen = self._selection.rows(decoded)
            unselected = len(chosen) - int(chosen.sum())
            decoded = _rows_of(decoded, np.flatnonzero(chosen))
        decoded, payloads = _with_payloads(decoded, buffer)
        return Share(key, decoded, payloads, flow_groups(decoded.packets), unselected)


def _points(decoded: Decoded) -> Iterator[tuple[PointKey, npt.NDArray[np.intp] | None]]:
    """The points of a batch in the order of their first frame, with their rows in order (None: all rows)."""
    packets = decoded.packets
    one = PointKey(int(packets.interface[0]), int(packets.interface_index[0]))
    if (packets.interface == one.interface).all() and (packets.interface_index == one.interface_index).all():
        yield one, None
        return
    place = (packets.interface.astype(np.int64) << 32) + packets.interface_index
    _, first, counts = np.unique(place, return_index=True, return_counts=True)
    order = np.argsort(place, kind="stable")
    starts = np.cumsum(counts) - counts
    for position in np.argsort(first).tolist():
        row = first[position]
        key = PointKey(int(packets.interface[row]), int(packets.interface_index[row]))
        yield key, order[starts[position] : starts[position] + counts[position]]


def _rows_of(decoded: Decoded, rows: npt.NDArray[np.intp]) -> Decoded:
    """Some rows, in order, and what belongs to them of the small tables, whose ``row`` columns are counted anew."""

    def own(table: TableT) -> TableT:
        place = np.searchsorted(rows, table.columns()["row"])
        is_own = np.append(rows, -1)[place] == table.columns()["row"]
        return table.select(is_own).with_columns(row=place[is_own])

    return Decoded(
        decoded.packets.select(rows),
        own(decoded.arp_messages),
        own(decoded.icmp_errors),
        own(decoded.bgp_segments),
        own(decoded.dns_messages),
    )


def _with_payloads(decoded: Decoded, buffer: U8) -> tuple[Decoded, U8]:
    """The frames with the bytes of the buffer that their segments need, whose positions are counted anew."""
    bgp = decoded.bgp_segments
    if len(bgp) == 0:
        return decoded, buffer[:0]
    start, end = int(bgp.offset.min()), int((bgp.offset + bgp.captured).max())
    return replace(decoded, bgp_segments=bgp.with_columns(offset=bgp.offset - start)), buffer[start : end + SLACK]
