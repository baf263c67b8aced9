"""Single frames of a file that is read once more, for what the facts do not keep of every packet."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from ipipdiag.capture import FrameBatch, Limits, open_capture
from ipipdiag.decode.frames import decode
from ipipdiag.decode.packets import Packets


def read_rows(name: str, numbers: Collection[int], limits: Limits) -> Iterator[tuple[int, Packets]]:
    """The number and the row of the packet table of some frames; none of an input that cannot be read twice."""
    if not Path(name).is_file():
        return
    with open_capture(name, limits) as capture:
        for batch in capture.batches():
            wanted = np.isin(batch.frames.number, list(numbers))
            if wanted.any():
                part = FrameBatch(batch.buffer, batch.frames.select(wanted))
                packets = decode(part, capture.interfaces).packets
                yield from ((number, packets.select([row])) for row, number in enumerate(packets.number.tolist()))
            if int(batch.frames.number[-1]) >= max(numbers):
                return
