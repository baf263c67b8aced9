"""IPv4 headers (RFC 791), of which one packet may have several: outer, inner, quoted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.window import ByteWindow, Positions, words
from ipipdiag.kinds import StopReason
from ipipdiag.table import Table

FIXED = 20
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ipv4Headers(Table):
    """One header a row. ``header_length`` 0: not there, for ``stop_reason``; a cut in the options leaves the fields.

    ``payload`` is the position after the header, ``payload_end`` that after the packet by its total length, but never
    beyond what encloses it.
    """

    header_length: I64
    dscp: I64
    ecn: I64
    total_length: I64
    id: I64
    dont_fragment: npt.NDArray[np.bool_]
    more_fragments: npt.NDArray[np.bool_]
    fragment_offset: I64
    ttl: I64
    protocol: I64
    checksum: I64
    checksum_good: npt.NDArray[np.bool_]
    source: I64
    destination: I64
    payload: Positions
    payload_end: Positions
    stop_reason: I64


FIELDS = Ipv4Headers.column_names()[: -len(("payload", "payload_end", "stop_reason"))]


def read_ipv4(
    window: ByteWindow, position: Positions, captured_end: Positions, enclosing_end: Positions, *, quoted: bool = False
) -> Ipv4Headers:
    """The headers at ``position``; ``enclosing_end`` is where the enclosing packet or frame ends by its own length.

    A total length of 0 (segmentation offload, BIG TCP) means all that is enclosed. Of a ``quoted`` packet only the
    start is there, so its total length is not held against it.
    """
    run = window.gather(position, FIXED)
    word = words(run)
    header_length = (run[:, 0] & 0x0F).astype(np.int64) * 4
    total_length = word[:, 1].astype(np.int64)
    captured = captured_end - position
    reason = np.select(
        [
            enclosing_end - position < FIXED,
            captured < FIXED,
            run[:, 0] >> 4 != 4,
            header_length < FIXED,
            (total_length < header_length) & (total_length > 0),
            captured < header_length,
        ],
        [
            int(StopReason.TOTAL_LENGTH),
            int(StopReason.CAPTURED_LENGTH),
            int(StopReason.VERSION),
            int(StopReason.HEADER_LENGTH),
            int(StopReason.TOTAL_LENGTH),
            int(StopReason.CAPTURED_LENGTH),
        ],
        int(StopReason.NONE),
    )
    present = (
        (captured >= FIXED) & (enclosing_end - position >= FIXED) & (run[:, 0] >> 4 == 4) & (header_length >= FIXED)
    )
    stated_end = position + np.where(total_length > 0, total_length, enclosing_end - position)
    flags = word[:, 3]
    columns = {
        "header_length": header_length,
        "dscp": run[:, 1] >> 2,
        "ecn": run[:, 1] & 3,
        "total_length": total_length,
        "id": word[:, 2],
        "dont_fragment": flags & 0x4000 != 0,
        "more_fragments": flags & 0x2000 != 0,
        "fragment_offset": (flags & 0x1FFF) * 8,
        "ttl": run[:, 8],
        "protocol": run[:, 9],
        "checksum": word[:, 5],
        "checksum_good": _checksum_good(window, position, captured_end, word, header_length),
        "source": (word[:, 6] << 16) | word[:, 7],
        "destination": (word[:, 8] << 16) | word[:, 9],
    }
    cleared: dict[str, npt.NDArray[Any]] = {
        name: values & present if values.dtype == np.bool_ else np.where(present, values, 0).astype(np.int64)
        for name, values in columns.items()
    }
    return Ipv4Headers(
        **cleared,
        payload=position + header_length,
        payload_end=stated_end if quoted else np.minimum(stated_end, enclosing_end),
        stop_reason=reason,
    )


def _checksum_good(
    window: ByteWindow, position: Positions, captured_end: Positions, word: npt.NDArray[np.uint32], header_length: I64
) -> npt.NDArray[np.bool_]:
    """Whether the header's ones' complement sum is all ones (RFC 1071), options included where they were captured."""
    total = word.sum(axis=1, dtype=np.uint32)
    long = np.flatnonzero((header_length > FIXED) & (captured_end - position >= header_length))
    if len(long):
        options = words(window.gather(position[long] + FIXED, 40))
        is_option = np.arange(20) < ((header_length[long] - FIXED) // 2)[:, None]
        total[long] += (options * is_option).sum(axis=1, dtype=np.uint32)
    good: npt.NDArray[np.bool_] = fold(total) == 0xFFFF
    good[(header_length > FIXED) & (captured_end - position < header_length)] = False
    return good


def fold(total: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """A sum of 16-bit words folded to 16 bits (RFC 1071); the sum must be below 2**32."""
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16)
