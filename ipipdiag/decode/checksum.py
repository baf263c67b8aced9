"""The checksum of IPv4, TCP and UDP: the ones' complement sum of 16-bit words (RFC 1071)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.window import U8Matrix

ALL_ONES = 0xFFFF  # the sum of what carries its own right checksum


def word_sum(run: U8Matrix) -> npt.NDArray[np.uint64]:
    """The sum of each run's 32-bit words, of which there must be whole ones; :func:`fold` makes 16 bits of it."""
    words = run.view(">u4")
    total = words[:, 0].astype(np.uint64)
    for at in range(1, words.shape[1]):  # by columns: a sum over so short an axis takes numpy seven times as long
        total += words[:, at]
    return total


def fold(total: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """A sum of some 16-bit and 32-bit words folded to 16 bits; carries are added at the other end."""
    total = (total & 0xFFFFFFFF) + (total >> 32)
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16)
