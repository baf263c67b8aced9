"""Frames to a pcapng file (draft-ietf-opsawg-pcapng): with times in nanoseconds, names of interfaces, comments."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

SECTION, INTERFACE, ENHANCED_PACKET = 0x0A0D0D0A, 1, 6  # block types
BYTE_ORDER, MAJOR, MINOR, LENGTH_UNKNOWN = 0x1A2B3C4D, 1, 0, 0xFFFFFFFFFFFFFFFF
COMMENT, USER_APPLICATION, NAME, DESCRIPTION, RESOLUTION = 1, 4, 2, 3, 9  # options; the number depends on the block
NANOSECONDS = 9
LONGEST_OPTION = 0xFFFF


@dataclass(frozen=True, slots=True)
class OutputInterface:
    """An interface as the file shall describe it; ``link_type`` is the LINKTYPE_ number."""

    link_type: int
    snap_length: int
    name: str
    description: str


class PcapngWriter:
    """Writes one section: all interfaces first, then packets, each with its own number of comments."""

    def __init__(self, file: BinaryIO, interfaces: Sequence[OutputInterface], application: str) -> None:
        self._file = file
        header = struct.pack("<IHHQ", BYTE_ORDER, MAJOR, MINOR, LENGTH_UNKNOWN)
        self._block(SECTION, header, [(USER_APPLICATION, application.encode())])
        for interface in interfaces:
            fields = struct.pack("<HHI", interface.link_type, 0, interface.snap_length)
            options = [(NAME, interface.name.encode()), (DESCRIPTION, interface.description.encode())]
            self._block(INTERFACE, fields, [*options, (RESOLUTION, bytes([NANOSECONDS]))])

    def write(self, interface: int, time_ns: int, data: bytes, wire_length: int, comments: Sequence[str] = ()) -> None:
        """Append one packet; times before 1970, which the format does not have, become 1970."""
        ticks = max(time_ns, 0)
        fields = struct.pack("<IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(data), wire_length)
        body = fields + _padded(data)
        self._block(ENHANCED_PACKET, body, [(COMMENT, comment.encode()) for comment in comments])

    def _block(self, kind: int, body: bytes, options: Sequence[tuple[int, bytes]]) -> None:
        for code, value in options:
            kept = value[:LONGEST_OPTION]
            body += struct.pack("<HH", code, len(kept)) + _padded(kept)
        if options:
            body += struct.pack("<HH", 0, 0)
        length = struct.pack("<I", len(body) + 12)
        self._file.write(struct.pack("<I", kind) + length + body + length)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
