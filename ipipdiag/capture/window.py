"""A window over a stream of bytes: one buffer, refilled in place, that always holds whole records."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipipdiag.capture.stream import ByteStream


class Window:
    """The bytes of a stream from ``offset`` on, as far as they have been read into the reused buffer.

    ``data[start:end]`` are the bytes not yet consumed. ``fill`` moves them to the front and reads on; the buffer grows
    only for a record larger than itself.
    """

    def __init__(self, stream: ByteStream, size: int) -> None:
        self._stream = stream
        self._buffer = bytearray(size)
        self.data = memoryview(self._buffer)
        self.start = 0
        self.end = 0
        self.ended = False
        self._base = 0  # stream offset of data[0]

    @property
    def offset(self) -> int:
        """Offset in the expanded stream of the first byte not consumed."""
        return self.offset_of(self.start)

    def offset_of(self, position: int) -> int:
        """Offset in the expanded stream of a byte of the buffer."""
        return self._base + position

    def array(self) -> npt.NDArray[np.uint8]:
        """The buffer as an array; valid until the next ``fill``."""
        return np.frombuffer(self._buffer, dtype=np.uint8)

    def fill(self, need: int = 1) -> bool:
        """Read on until ``need`` bytes are unconsumed; False where the stream ends before."""
        left = self.end - self.start
        if need > len(self._buffer):
            grown = bytearray(need)
            grown[:left] = self.data[self.start : self.end]
            self._buffer = grown
            self.data = memoryview(grown)
        elif self.start:
            self.data[:left] = bytes(self.data[self.start : self.end])
        self._base += self.start
        self.start, self.end = 0, left
        while self.end < len(self._buffer) and not self.ended:
            count = self._stream.read_into(self.data[self.end :])
            self.end += count
            self.ended = self.end < len(self._buffer)
        return self.end >= need
