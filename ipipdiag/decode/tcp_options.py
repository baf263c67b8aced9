"""TCP options: maximum segment size (RFC 9293), window scale and timestamps (RFC 7323), SACK permitted (RFC 2018),
MD5 (RFC 2385).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.columns import I16, I32, I64, U8, Bool, blank
from ipipdiag.decode.window import U8Matrix, u16, u32
from ipipdiag.kinds import StopReason

MOST = 40
END, NOP, MSS, WINDOW_SCALE, SACK_PERMITTED, TIMESTAMPS, MD5 = 0, 1, 2, 3, 4, 8, 19
LENGTHS = {MSS: 4, WINDOW_SCALE: 3, SACK_PERMITTED: 2, TIMESTAMPS: 10, MD5: 18}
USUAL, USUAL_LENGTH = 0x0101080A, 12  # NOP, NOP, timestamps: nearly every segment of an established connection


@dataclass(slots=True)
class TcpOptions:
    """Option columns of the packet table, and why their reading stopped."""

    tcp_mss: I32
    tcp_window_scale: I16
    tcp_sack_permitted: Bool
    tcp_timestamp: I64
    tcp_timestamp_echo: I64
    tcp_md5: Bool
    stop_reason: U8

    @classmethod
    def of(cls, count: int) -> TcpOptions:
        """Rows without options."""
        return cls(**blank(cls, count))


def read_tcp_options(
    options: TcpOptions, rows: npt.NDArray[np.intp], run: U8Matrix, stated: I64, by_packet: I64, captured: I64
) -> None:
    """Fill in the options of some rows; one that was cut ends the list, those before it count.

    ``run`` is MOST bytes from where each row's options begin, of which ``stated`` are options by the header's length,
    ``by_packet`` are in the packet, and ``captured`` in the file.
    """
    usual = (stated == USUAL_LENGTH) & (by_packet >= USUAL_LENGTH) & (captured >= USUAL_LENGTH)
    usual &= u32(run, 0) == USUAL
    simple = np.flatnonzero(usual)
    options.tcp_timestamp[rows[simple]] = u32(run, 4)[simple]
    options.tcp_timestamp_echo[rows[simple]] = u32(run, 8)[simple]
    other = np.flatnonzero(~usual & (stated > 0))
    rows, run, stated, by_packet = rows[other], run[other], stated[other], by_packet[other]
    there = np.minimum(np.minimum(stated, by_packet), captured[other])
    options.stop_reason[rows[there < stated]] = StopReason.CAPTURED_LENGTH
    options.stop_reason[rows[by_packet < stated]] = StopReason.TOTAL_LENGTH
    _walk(options, rows, run, np.maximum(there, 0), stated)


def _walk(
    options: TcpOptions,
    rows: npt.NDArray[np.intp],
    run: npt.NDArray[np.uint8],
    there: npt.NDArray[np.int64],
    stated: npt.NDArray[np.int64],
) -> None:
    """Step through the options of all rows at once, an option a step."""
    padded = np.concatenate([run, np.zeros((len(run), MOST), dtype=np.uint8)], axis=1)
    at = np.zeros(len(rows), dtype=np.int64)
    active = np.flatnonzero(there > 0)
    while len(active):
        kind = padded[active, at[active]]
        length = np.where(kind == NOP, 1, padded[active, at[active] + 1]).astype(np.int64)
        is_end = kind == END
        has_length = (kind == NOP) | (at[active] + 1 < there[active])
        malformed = ~is_end & has_length & ((length < 1) | ((kind != NOP) & (length < 2)))
        malformed |= ~is_end & has_length & (at[active] + length > stated[active])
        options.stop_reason[rows[active[malformed]]] = StopReason.HEADER_LENGTH
        whole = ~is_end & has_length & ~malformed & (at[active] + length <= there[active])
        _take(options, rows, padded, at, active[whole], kind[whole], length[whole])
        at[active[whole]] += length[whole]
        active = active[whole]
        active = active[at[active] < there[active]]


def _take(
    options: TcpOptions,
    rows: npt.NDArray[np.intp],
    padded: npt.NDArray[np.uint8],
    at: npt.NDArray[np.int64],
    active: npt.NDArray[np.intp],
    kind: npt.NDArray[np.uint8],
    length: npt.NDArray[np.int64],
) -> None:
    """Read one whole option a row; an option of a known kind with another length is passed over."""
    for code, expected in LENGTHS.items():
        here = active[(kind == code) & (length == expected)]
        if len(here) == 0:
            continue
        value = padded[here[:, None], at[here, None] + np.arange(expected)]
        target = rows[here]
        if code == MSS:
            options.tcp_mss[target] = u16(value, 2)
        elif code == WINDOW_SCALE:
            options.tcp_window_scale[target] = value[:, 2]
        elif code == SACK_PERMITTED:
            options.tcp_sack_permitted[target] = True
        elif code == TIMESTAMPS:
            options.tcp_timestamp[target] = u32(value, 2)
            options.tcp_timestamp_echo[target] = u32(value, 6)
        else:
            options.tcp_md5[target] = True
