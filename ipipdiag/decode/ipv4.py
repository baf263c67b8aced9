"""IPv4 headers (RFC 791), of which one packet may have several: outer, inner, quoted."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.checksum import ALL_ONES, fold, word_sum
from ipipdiag.decode.columns import I32, I64, U8, U16, U32, Bool, blank
from ipipdiag.decode.window import ByteWindow, Positions, U8Matrix, u16, u32
from ipipdiag.kinds import StopReason
from ipipdiag.table import Table

FIXED, LONGEST = 20, 60  # bytes
PLAIN = 0x45  # first byte of a header of version 4 without options


class Ipv4Headers(Table):
    """One header a row. ``header_length`` 0: not there, for ``stop_reason``; a cut in the options leaves the fields.

    ``payload`` is the position after the header, ``payload_end`` that after the packet by its total length, but never
    beyond what encloses it.
    """

    header_length: U8
    dscp: U8
    ecn: U8
    total_length: I32
    id: U16
    dont_fragment: Bool
    more_fragments: Bool
    fragment_offset: I32
    ttl: U8
    protocol: U8
    checksum: U16
    checksum_good: Bool
    source: U32
    destination: U32
    payload: Positions
    payload_end: Positions
    stop_reason: U8

    @classmethod
    def absent(cls, count: int) -> Self:
        """Rows without a header, for no reason."""
        return cls(**blank(cls, count))

    def put(self, rows: npt.NDArray[np.intp], headers: Self) -> None:
        """Replace some rows."""
        for name, column in self.columns().items():
            column[rows] = getattr(headers, name)


FIELDS = Ipv4Headers.column_names()[: -len(("payload", "payload_end", "stop_reason"))]


def read_ipv4(
    window: ByteWindow,
    position: Positions,
    captured_end: Positions,
    enclosing_end: Positions,
    *,
    expected: Bool | None = None,
    quoted: bool = False,
) -> Ipv4Headers:
    """The headers at ``position``; ``enclosing_end`` is where the enclosing packet or frame ends by its own length.

    Rows that are not ``expected`` to have one get none. A total length of 0 (segmentation offload, BIG TCP) means all
    that is enclosed. Of a ``quoted`` packet only the start is there, so its total length is not held against it.
    """
    run = window.gather(position, FIXED)
    header_length = ((run[:, 0] & 0x0F) * 4).astype(np.uint8)
    total_length = u16(run, 2).astype(np.int32)
    flags = u16(run, 6)
    captured, room = captured_end - position, enclosing_end - position
    plain = (run[:, 0] == PLAIN) & (captured >= FIXED) & (room >= FIXED)
    plain &= (total_length >= FIXED) | (total_length == 0)
    if expected is not None:
        plain &= expected
    payload_end = position + total_length
    unstated = np.flatnonzero(total_length == 0)
    payload_end[unstated] = enclosing_end[unstated]
    headers = Ipv4Headers(
        header_length=header_length,
        dscp=(run[:, 1] >> 2).astype(np.uint8),
        ecn=(run[:, 1] & 3).astype(np.uint8),
        total_length=total_length,
        id=u16(run, 4),
        dont_fragment=flags & 0x4000 != 0,
        more_fragments=flags & 0x2000 != 0,
        fragment_offset=((flags & 0x1FFF) * 8).astype(np.int32),
        ttl=run[:, 8].copy(),
        protocol=run[:, 9].copy(),
        checksum=u16(run, 10),
        checksum_good=fold(word_sum(run)) == ALL_ONES,
        source=u32(run, 12),
        destination=u32(run, 16),
        payload=position + header_length,
        payload_end=payload_end if quoted else np.minimum(payload_end, enclosing_end),
        stop_reason=np.zeros(len(run), dtype=np.uint8),
    )
    odd = np.flatnonzero(~plain)
    if len(odd):
        _examine(window, headers, odd, run[odd], captured[odd], room[odd])
        if expected is not None:
            headers.put(unexpected := np.flatnonzero(~expected), Ipv4Headers.absent(len(unexpected)))
    return headers


def _examine(
    window: ByteWindow, headers: Ipv4Headers, rows: npt.NDArray[np.intp], run: U8Matrix, captured: I64, room: I64
) -> None:
    """Look into the rows that do not hold a plain header: why one is not there or cut, and its options' checksum."""
    header_length, total_length = headers.header_length[rows], headers.total_length[rows]
    absent = np.select(
        [room < FIXED, captured < FIXED, run[:, 0] >> 4 != 4, header_length < FIXED],
        [StopReason.TOTAL_LENGTH, StopReason.CAPTURED_LENGTH, StopReason.VERSION, StopReason.HEADER_LENGTH],
        StopReason.NONE,
    )
    wrong = [(total_length < header_length) & (total_length > 0), captured < header_length]
    present = absent == StopReason.NONE
    cut = np.select(wrong, [StopReason.TOTAL_LENGTH, StopReason.CAPTURED_LENGTH], StopReason.NONE)
    headers.stop_reason[rows] = np.where(present, cut, absent)
    for name in FIELDS:
        getattr(headers, name)[rows[~present]] = 0
    options = present & (header_length > FIXED)
    headers.checksum_good[rows[options]] = False
    whole = options & (captured >= header_length)
    for length in np.unique(header_length[whole]).tolist():
        some = rows[whole & (header_length == length)]
        start = headers.payload[some] - length
        headers.checksum_good[some] = fold(word_sum(window.gather(start, length))) == ALL_ONES
