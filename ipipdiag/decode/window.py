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
        """``size`` bytes from each position, at most SLACK: shape (positions, size), a copy.

        A run is one element of an overlapping view, so that each is copied in one go: 4 ns, where a row of a
        two-dimensional view takes 10.
        """
        runs: npt.NDArray[np.void] = np.ndarray(
            len(self._buffer) - size + 1, dtype=f"V{size}", buffer=self._buffer, strides=(1,)
        )
        return runs[np.minimum(positions, len(runs) - 1)].view(np.uint8).reshape(-1, size)


def u16(run: U8Matrix, at: int) -> npt.NDArray[np.uint16]:
    """The 16-bit big-endian number at byte ``at`` of each run."""
    return run[:, at : at + 2].view(">u2")[:, 0].astype(np.uint16)


def u32(run: U8Matrix, at: int) -> npt.NDArray[np.uint32]:
    """The 32-bit big-endian number at byte ``at`` of each run."""
    return run[:, at : at + 4].view(">u4")[:, 0].astype(np.uint32)


def u48(run: U8Matrix, at: int) -> npt.NDArray[np.int64]:
    """The 48-bit big-endian number (a MAC) at byte ``at`` of each run."""
    return u16(run, at).astype(np.int64) << 32 | u32(run, at + 2)
