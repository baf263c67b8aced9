"""Single frames out of a capture, by their numbers."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ipipdiag.capture import FrameBatch, Interface, open_capture
from ipipdiag.decode.frames import decode
from ipipdiag.decode.link import link_type_name
from ipipdiag.inspection.model import FrameRecord


class NoSuchFrameError(Exception):
    """A frame number that the capture does not have; the text names the capture and how many frames it has."""


def read_frames(capture_name: str, numbers: Collection[int], *, must_exist: bool = True) -> list[FrameRecord]:
    """The frames of those numbers, in their order in the file.

    Raises CaptureError where nothing can be read, NoSuchFrameError for a number beyond the last frame, unless frames
    need not exist.
    """
    wanted = set(numbers)
    sought = np.array(sorted(wanted), dtype=np.int64)
    found: list[FrameRecord] = []
    with open_capture(capture_name) as capture:
        for batch in capture.batches():
            rows = np.flatnonzero(np.isin(batch.frames.number, sought)).tolist()
            if rows:
                found += _records(capture.name, batch, rows, capture.interfaces)
            if len(found) == len(wanted):
                return found
        frames = capture.summary().frames
    if not must_exist:
        return found
    missing = min(wanted - {record.number for record in found})
    raise NoSuchFrameError(f"{capture_name}: has no frame {missing}; it holds {frames}")


def _records(name: str, batch: FrameBatch, rows: list[int], interfaces: list[Interface]) -> list[FrameRecord]:
    part = FrameBatch(batch.buffer, batch.frames.select(rows))
    packets = decode(part, interfaces).packets
    columns = ("number", "time_ns", "offset", "captured_length", "wire_length", "interface")
    return [
        FrameRecord(
            input=name,
            number=number,
            time_ns=time_ns,
            data=batch.buffer[offset : offset + captured].tobytes(),
            wire_length=wire,
            interface=interface,
            interface_name=interfaces[interface].name,
            link_type=interfaces[interface].link_type,
            link_type_name=link_type_name(interfaces[interface].link_type),
            record_offset=record_offset,
            interface_index=interface_index,
        )
        for (number, time_ns, offset, captured, wire, interface), (record_offset, interface_index) in zip(
            part.frames.rows(*columns), packets.rows("record_offset", "interface_index"), strict=True
        )
    ]
