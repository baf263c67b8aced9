"""Header bytes at many positions of a buffer at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

U8Matrix = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]

SLACK = 64  # the longest header that is gathered in one go


class ByteWindow:
    """Gathers runs of bytes; ``end`` is for each frame the position after its last captured byte.

    A run may reach past ``end`` or the buffer: callers compare positions with ``end`` before they believe a byte.
    """

    def __init__(self, buffer: U8Matrix, end: Positions) -> None:
        needed = (int(end.max()) if len(end) else 0) + SLACK
        if needed > len(buffer):
            buffer = np.concatenate([buffer, np.zeros(needed - len(buffer), dtype=np.uint8)])
        self._buffer = buffer
        self.end = end

    def gather(self, positions: Positions, size: int) -> U8Matrix:
        """``size`` bytes from each position, at most SLACK: shape (positions, size), a copy."""
        views = np.lib.stride_tricks.as_strided(
            self._buffer, shape=(len(self._buffer) - size + 1, size), strides=(1, 1), writeable=False
        )
        return views[np.minimum(positions, len(views) - 1)]


def words(run: U8Matrix) -> npt.NDArray[np.uint32]:
    """The 16-bit big-endian words of gathered bytes: shape (rows, size // 2)."""
    return run.view(">u2").astype(np.uint32)


def u16(run: U8Matrix, at: int) -> npt.NDArray[np.int64]:
    """The 16-bit big-endian number at byte ``at`` of each run."""
    return (run[:, at].astype(np.int64) << 8) | run[:, at + 1]


def u32(run: U8Matrix, at: int) -> npt.NDArray[np.int64]:
    """The 32-bit big-endian number at byte ``at`` of each run."""
    return (u16(run, at) << 16) | u16(run, at + 2)


def u48(run: U8Matrix, at: int) -> npt.NDArray[np.int64]:
    """The 48-bit big-endian number (a MAC) at byte ``at`` of each run."""
    return (u32(run, at) << 16) | u16(run, at + 4)
