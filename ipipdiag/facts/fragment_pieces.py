"""Fragments one by one, and which packets lack some of theirs at a point (RFC 791, 3.2)."""

from __future__ import annotations

from collections import defaultdict
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets
from ipipdiag.table import Table

REASSEMBLY_NS = 30_000_000_000  # net.ipv4.ipfrag_time: what is not whole by then is thrown away


class FragmentPieces(Table):
    """A row a fragment: of an outer header (``is_outer``), or of a packet that is bare or lies inside a tunnel.

    ``offset`` and ``length`` are bytes of what follows the IPv4 header.
    """

    number: npt.NDArray[np.int64]
    time_ns: npt.NDArray[np.int64]
    is_outer: npt.NDArray[np.int64]
    source: npt.NDArray[np.int64]
    destination: npt.NDArray[np.int64]
    id: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    has_more: npt.NDArray[np.int64]


def fragment_piece_rows(packets: Packets) -> FragmentPieces:
    """A row for each fragment of a batch, in the order of the frames; a packet fragmented in both headers gives two."""
    pieces = FragmentPieces.concatenate([_pieces(packets, "outer"), _pieces(packets, "inner")])
    return pieces.select(np.argsort(pieces.number, kind="stable"))


def _pieces(packets: Packets, side: str) -> FragmentPieces:
    fragmented = getattr(packets, f"{side}_more_fragments") | (getattr(packets, f"{side}_fragment_offset") > 0)
    rows = np.flatnonzero(fragmented & (getattr(packets, f"{side}_header_length") > 0))
    wide = {
        name: getattr(packets, f"{side}_{name}")[rows].astype(np.int64)
        for name in ("source", "destination", "id", "fragment_offset", "more_fragments", "total_length",
                     "header_length")
    }  # fmt: skip
    return FragmentPieces(
        number=packets.number[rows],
        time_ns=packets.time_ns[rows],
        is_outer=np.full(len(rows), int(side == "outer"), dtype=np.int64),
        source=wide["source"],
        destination=wide["destination"],
        id=wide["id"],
        offset=wide["fragment_offset"],
        length=wide["total_length"] - wide["header_length"],
        has_more=wide["more_fragments"],
    )


def incomplete_packets(pieces: FragmentPieces) -> tuple[int, ...]:
    """Numbers of the frames with a first fragment whose packet is not whole at this point: it went no further."""
    waiting: dict[tuple[int, ...], list[tuple[int, ...]]] = defaultdict(list)
    for number, time_ns, *key, offset, length, has_more in pieces.rows(*FragmentPieces.column_names()):
        waiting[tuple(key)].append((time_ns, number, offset, length, has_more))
    incomplete: list[int] = []
    for rows in waiting.values():
        rows.sort()
        packet = _Reassembly(rows[0][0])
        for time_ns, number, offset, length, has_more in rows:
            if time_ns - packet.first_ns > REASSEMBLY_NS or (offset == 0 and packet.is_whole()):
                incomplete += packet.unfinished()
                packet = _Reassembly(time_ns)
            packet.add(number, offset, length, has_more=bool(has_more))
        incomplete += packet.unfinished()
    return tuple(sorted(incomplete))


class _Reassembly:
    """The pieces of one packet, however many come and in whatever order."""

    def __init__(self, first_ns: int) -> None:
        self.first_ns = first_ns
        self._firsts: list[int] = []
        self._reached = 0  # from the first byte to here nothing is missing
        self._beyond: list[tuple[int, int]] = []  # a heap: offset and end of the pieces behind a hole
        self._end: int | None = None  # of the piece after which none comes

    def add(self, number: int, offset: int, length: int, *, has_more: bool) -> None:
        """Take the piece that came in frame ``number``."""
        end = offset + length
        if offset == 0:
            self._firsts.append(number)
        if not has_more:
            self._end = max(end, self._end or 0)
        heappush(self._beyond, (offset, end))
        while self._beyond and self._beyond[0][0] <= self._reached:
            self._reached = max(self._reached, heappop(self._beyond)[1])

    def is_whole(self) -> bool:
        """Whether the pieces cover everything from the first byte to the end of the one after which none comes."""
        return self._end is not None and self._reached >= self._end

    def unfinished(self) -> list[int]:
        """Numbers of the frames with a first fragment, where the packet is not whole."""
        return [] if self.is_whole() else self._firsts
