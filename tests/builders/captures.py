"""Capture files as bytes, and frames decoded without a file between.

A frame is its bytes, or ``(time_ns, bytes)``, or ``(time_ns, bytes, wire_length)`` where it was cut; a fourth element
may be the number of its interface. Frames without a time are a millisecond apart.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ipipdiag.capture import FrameBatch, Frames, Interface
from ipipdiag.decode import Decoded, decode

Frame = bytes | tuple[int, bytes] | tuple[int, bytes, int] | tuple[int, bytes, int, int]
START_NS = 1_700_000_000_000_000_000
MILLISECOND = 1_000_000
NULL, ETHERNET, PPP, RAW, SLL, SLL2 = 0, 1, 9, 101, 113, 276


@dataclass(frozen=True)
class CaptureInterface:
    """An interface of a pcapng file; times are in units of 10**-resolution seconds."""

    link_type: int = ETHERNET
    name: str = ""
    snap_length: int = 262144
    resolution: int = 9


def records(frames: Sequence[Frame]) -> Iterator[tuple[int, bytes, int, int]]:
    """Time, bytes, wire length and interface number of each frame."""
    for position, frame in enumerate(frames):
        if isinstance(frame, bytes):
            yield START_NS + position * MILLISECOND, frame, len(frame), 0
        else:
            time_ns, data, *rest = frame
            yield time_ns, data, rest[0] if rest else len(data), rest[1] if len(rest) > 1 else 0


def cut(frame: bytes, length: int, time_ns: int = START_NS) -> tuple[int, bytes, int]:
    """The frame as a capture with that snap length holds it."""
    return time_ns, frame[:length], len(frame)


def pcap(
    frames: Sequence[Frame],
    link_type: int = ETHERNET,
    nano: bool = False,
    big_endian: bool = False,
    snap_length: int = 262144,
) -> bytes:
    """A pcap file; without ``nano`` times are cut to microseconds."""
    order = ">" if big_endian else "<"
    unit = 1 if nano else 1000
    data = [struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snap_length, link_type)]
    for time_ns, frame, wire_length, _ in records(frames):
        seconds, rest = divmod(time_ns, 1_000_000_000)
        data += [struct.pack(order + "IIII", seconds, rest // unit, len(frame), wire_length), frame]
    return b"".join(data)


def pcapng(
    frames: Sequence[Frame],
    interfaces: Sequence[CaptureInterface] = (CaptureInterface(),),
    big_endian: bool = False,
    comment: str = "",
) -> bytes:
    """A pcapng file of one section, perhaps with a comment: its interfaces, then an Enhanced Packet Block a frame."""
    order = ">" if big_endian else "<"
    section = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
    if comment:
        section += _option(order, 1, comment.encode()) + _option(order, 0, b"")
    data = [_block(order, 0x0A0D0D0A, section)]
    for interface in interfaces:
        body = struct.pack(order + "HHI", interface.link_type, 0, interface.snap_length)
        if interface.name:
            body += _option(order, 2, interface.name.encode())
        body += _option(order, 9, bytes([interface.resolution])) + _option(order, 0, b"")
        data.append(_block(order, 1, body))
    for time_ns, frame, wire_length, number in records(frames):
        ticks = time_ns // 10 ** (9 - interfaces[number].resolution)
        head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), wire_length)
        data.append(_block(order, 6, head + frame + b"\0" * (-len(frame) % 4)))
    return b"".join(data)


def _block(order: str, kind: int, body: bytes) -> bytes:
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def _option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def batch_of_frames(frames: Sequence[Frame], filler: bytes = b"") -> FrameBatch:
    """The frames as the reader hands them on; ``filler`` stands before each and after the last, like record headers."""
    rows = list(records(frames))
    offsets, parts, at = [], [], 0
    for _, data, _, _ in rows:
        at += len(filler)
        offsets.append(at)
        parts += [filler, data]
        at += len(data)
    buffer = np.frombuffer(b"".join([*parts, filler]), dtype=np.uint8)
    columns: dict[str, Any] = {
        "number": np.arange(1, len(rows) + 1, dtype=np.int64),
        "time_ns": np.array([row[0] for row in rows], dtype=np.int64),
        "offset": np.array(offsets, dtype=np.int64),
        "captured_length": np.array([len(row[1]) for row in rows], dtype=np.int64),
        "wire_length": np.array([row[2] for row in rows], dtype=np.int64),
        "interface": np.array([row[3] for row in rows], dtype=np.int32),
    }
    return FrameBatch(buffer, Frames(**columns))


def decode_frames(frames: Sequence[Frame], link_type: int = ETHERNET) -> Decoded:
    """The frames decoded as one batch of one interface."""
    return decode(batch_of_frames(frames), [Interface(0, link_type, 262144)])
