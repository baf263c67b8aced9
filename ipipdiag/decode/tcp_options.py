"""TCP options: maximum segment size (RFC 9293), window scale and timestamps (RFC 7323), SACK permitted (RFC 2018),
MD5 (RFC 2385).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.window import ByteWindow, Positions, u16, u32
from ipipdiag.kinds import StopReason

FIXED, MOST = 20, 40
END, NOP, MSS, WINDOW_SCALE, SACK_PERMITTED, TIMESTAMPS, MD5 = 0, 1, 2, 3, 4, 8, 19
LENGTHS = {MSS: 4, WINDOW_SCALE: 3, SACK_PERMITTED: 2, TIMESTAMPS: 10, MD5: 18}


@dataclass(slots=True)
class TcpOptions:
    """Option columns of the packet table, and why their reading stopped."""

    tcp_mss: npt.NDArray[np.int64]
    tcp_window_scale: npt.NDArray[np.int64]
    tcp_sack_permitted: npt.NDArray[np.bool_]
    tcp_timestamp: npt.NDArray[np.int64]
    tcp_timestamp_echo: npt.NDArray[np.int64]
    tcp_md5: npt.NDArray[np.bool_]
    stop_reason: npt.NDArray[np.int64]

    @classmethod
    def of(cls, count: int) -> TcpOptions:
        """Rows without options."""
        absent = {
            name: np.full(count, -1, dtype=np.int64)
            for name in ("tcp_mss", "tcp_window_scale", "tcp_timestamp", "tcp_timestamp_echo")
        }
        return cls(
            **absent,
            tcp_sack_permitted=np.zeros(count, dtype=np.bool_),
            tcp_md5=np.zeros(count, dtype=np.bool_),
            stop_reason=np.zeros(count, dtype=np.int64),
        )


def read_tcp_options(
    window: ByteWindow,
    options: TcpOptions,
    header: Positions,
    header_end: Positions,
    packet_end: Positions,
    captured_end: Positions,
    chosen: npt.NDArray[np.intp],
) -> None:
    """Fill in the options of the chosen rows; one that was cut ends the list, those before it count."""
    start = header[chosen] + FIXED
    stated = header_end[chosen] - start
    by_packet = packet_end[chosen] - start
    captured = captured_end[chosen] - start
    there = np.minimum(np.minimum(stated, by_packet), captured)
    chosen, start, stated, by_packet, there = (
        values[stated > 0] for values in (chosen, start, stated, by_packet, there)
    )
    if len(chosen) == 0:
        return
    options.stop_reason[chosen[there < stated]] = StopReason.CAPTURED_LENGTH
    options.stop_reason[chosen[by_packet < stated]] = StopReason.TOTAL_LENGTH
    run = window.gather(start, MOST)
    # nearly every segment of an established connection: NOP NOP timestamps, and nothing else
    usual = (there == 12) & (u32(run, 0) == 0x0101080A)
    options.tcp_timestamp[chosen[usual]] = u32(run, 4)[usual]
    options.tcp_timestamp_echo[chosen[usual]] = u32(run, 8)[usual]
    _walk(options, chosen[~usual], run[~usual], np.maximum(there[~usual], 0), stated[~usual])


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
