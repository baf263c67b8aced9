"""BGP messages (RFC 4271) that lie whole in one TCP segment; putting streams together is not done here."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets, Segments
from ipipdiag.table import Table

MARKER = b"\xff" * 16
HEADER = 19
LONGEST = 4096
UPDATE = 2
NEXT_HOP, MP_REACH_NLRI, MP_UNREACH_NLRI = 3, 14, 15
EXTENDED_LENGTH = 0x10
IPV4_UNICAST = b"\x00\x01\x01"
PATH_ID = 4

Prefix = tuple[int, int]


@dataclass(frozen=True, slots=True)
class BgpRoutes(Table):
    """Prefixes that UPDATE messages announce or withdraw; a row a prefix."""

    row: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    time_ns: npt.NDArray[np.int64]
    speaker: npt.NDArray[np.int64]  # IP source of the segment
    peer: npt.NDArray[np.int64]
    prefix: npt.NDArray[np.int64]
    prefix_length: npt.NDArray[np.int64]
    next_hop: npt.NDArray[np.int64]  # 0 for withdrawn prefixes
    withdrawn: npt.NDArray[np.int64]


def read_routes(buffer: npt.NDArray[np.uint8], segments: Segments, packets: Packets) -> BgpRoutes:
    """The routes of the UPDATE messages that lie whole in one of the segments."""
    rows: list[tuple[int, ...]] = []
    for row, offset, captured in zip(
        segments.row.tolist(), segments.offset.tolist(), segments.captured.tolist(), strict=True
    ):
        payload = buffer[offset : offset + captured].tobytes()
        carrier = (
            row,
            int(packets.number[row]),
            int(packets.time_ns[row]),
            int(packets.inner_source[row]),
            int(packets.inner_destination[row]),
        )
        for kind, body in read_messages(payload):
            if kind == UPDATE:
                rows.extend((*carrier, *route) for route in _read_update(body))
    columns = np.array(rows, dtype=np.int64).reshape(len(rows), len(BgpRoutes.column_names())).T
    return BgpRoutes(*columns)


def read_messages(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of each whole message, from the first marker on."""
    at = payload.find(MARKER)
    while at >= 0 and at + HEADER <= len(payload):
        length, kind = struct.unpack_from(">HB", payload, at + 16)
        if not HEADER <= length <= LONGEST:  # a byte of ones before the marker
            at = payload.find(MARKER, at + 1)
            continue
        if at + length > len(payload):
            return
        yield kind, payload[at + HEADER : at + length]
        at = payload.find(MARKER, at + length)


def _read_update(body: bytes) -> list[tuple[int, int, int, int]]:
    """Prefix, prefix length, next hop and whether it is withdrawn, for every route of an UPDATE (RFC 4271, 4.3)."""
    if len(body) < 4:
        return []
    withdrawn_length = int.from_bytes(body[:2], "big")
    attributes_at = 2 + withdrawn_length
    if attributes_at + 2 > len(body):
        return []
    attributes_length = int.from_bytes(body[attributes_at : attributes_at + 2], "big")
    nlri_at = attributes_at + 2 + attributes_length
    if nlri_at > len(body):
        return []
    withdrawn = _read_prefixes(body[2:attributes_at])
    announced = _read_prefixes(body[nlri_at:])
    next_hop = 0
    routes = []
    for kind, value in _read_attributes(body[attributes_at + 2 : nlri_at]):
        if kind == NEXT_HOP and len(value) == 4:
            next_hop = int.from_bytes(value, "big")
        elif kind == MP_REACH_NLRI and value[:3] == IPV4_UNICAST and len(value) >= 9 and value[3] == 4:
            hop = int.from_bytes(value[4:8], "big")
            routes += [(*prefix, hop, 0) for prefix in _read_prefixes(value[9:])]
        elif kind == MP_UNREACH_NLRI and value[:3] == IPV4_UNICAST:
            withdrawn += _read_prefixes(value[3:])
    routes += [(*prefix, next_hop, 0) for prefix in announced]
    return routes + [(*prefix, 0, 1) for prefix in withdrawn]


def _read_attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 3 <= len(data):
        flags, kind = data[at], data[at + 1]
        size = 2 if flags & EXTENDED_LENGTH else 1
        length = int.from_bytes(data[at + 2 : at + 2 + size], "big")
        start = at + 2 + size
        if start + length > len(data):
            return
        yield kind, data[start : start + length]
        at = start + length


def _read_prefixes(data: bytes) -> list[Prefix]:
    """The prefixes of a field, with path identifiers (RFC 7911) where they cannot be read without.

    Whether identifiers are there was agreed in the OPEN, which this capture may not hold: a field is read plainly if
    that uses it up with sound prefixes, else with an identifier before each.
    """
    plain = _parse_prefixes(data, skip=0)
    with_ids = _parse_prefixes(data, skip=PATH_ID)
    if plain is not None and (with_ids is None or not _looks_identified(data)):
        return plain
    return with_ids or []


def _looks_identified(data: bytes) -> bool:
    """Whether a field that reads both ways begins with a small identifier rather than with default routes."""
    return data[:3] == b"\x00\x00\x00" and len(data) > PATH_ID


def _parse_prefixes(data: bytes, skip: int) -> list[Prefix] | None:
    """The prefixes if they use the field up, have at most 32 bits and no host bits; else None."""
    prefixes: list[Prefix] = []
    at = 0
    while at < len(data):
        at += skip
        if at >= len(data):
            return None
        length = data[at]
        size = (length + 7) // 8
        octets = data[at + 1 : at + 1 + size]
        if length > 32 or len(octets) < size:
            return None
        prefix = int.from_bytes(octets.ljust(4, b"\0"), "big")
        if prefix & ((1 << (32 - length)) - 1):
            return None
        prefixes.append((prefix, length))
        at += 1 + size
    return prefixes
