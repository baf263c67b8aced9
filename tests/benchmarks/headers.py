"""Header fields written into many frames at once, for the generator of large captures.

Rows are frames with room for a record header before them; positions count from the frame's first byte.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

RECORD_HEADER = 16
IPV4 = 20
Column = npt.NDArray[Any]
Rows = npt.NDArray[np.uint8]


def put(rows: Rows, at: int, kind: str, values: Column | int) -> None:
    """Write a number of a numpy type (">u2") at a position of every row."""
    dtype = np.dtype(kind)
    column = np.broadcast_to(np.asarray(values), (len(rows),)).astype(dtype)
    start = RECORD_HEADER + at
    rows[:, start : start + dtype.itemsize] = column.view(np.uint8).reshape(len(rows), dtype.itemsize)


def put_bytes(rows: Rows, at: int, data: bytes, where: Column) -> None:
    """Write bytes at a position of some rows, as far as they have room."""
    start = RECORD_HEADER + at
    room = np.frombuffer(data, np.uint8)[: rows.shape[1] - start]
    rows[np.flatnonzero(where)[:, None], start + np.arange(len(room))] = room


def put_mac(rows: Rows, at: int, node: Column) -> None:
    """A locally administered address whose last byte is the node's number."""
    put(rows, at, ">u2", 0x0200)
    put(rows, at + 2, ">u4", node)


def put_ipv4(
    rows: Rows,
    at: int,
    length: Column,
    identification: Column,
    dont_fragment: Column,
    time_to_live: int,
    protocol: int,
    source: Column,
    destination: Column,
) -> None:
    """An IPv4 header without options before ``length`` bytes, its checksum right (RFC 791)."""
    put(rows, at, ">u2", 0x4500)
    put(rows, at + 2, ">u2", length + IPV4)
    put(rows, at + 4, ">u2", identification % 65_536)
    put(rows, at + 6, ">u2", np.where(dont_fragment, 0x4000, 0))
    put(rows, at + 8, "u1", time_to_live)
    put(rows, at + 9, "u1", protocol)
    put(rows, at + 12, ">u4", source)
    put(rows, at + 16, ">u4", destination)
    start = RECORD_HEADER + at
    put(rows, at + 10, ">u2", checksum(rows[:, start : start + IPV4]))


def checksum(part: Rows, more: Column | int = 0) -> Column:
    """The Internet checksum (RFC 1071) of each row, of an even number of bytes, with numbers added to their sum."""
    words = part[:, 0::2].astype(np.int64) << 8 | part[:, 1::2]
    total = words.sum(axis=1) + more
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def put_transport_checksum(rows: Rows, at: int, length: Column, protocol: int) -> None:
    """Fill in the checksum of what begins at a position; what the rows have no room for must be zeros."""
    start = RECORD_HEADER + at
    part = rows[:, start:]
    part = part[:, : part.shape[1] // 2 * 2]
    if protocol == 1:
        put(rows, at + 2, ">u2", checksum(part))
        return
    addresses = rows[:, start - 8 : start]
    pseudo = (addresses[:, 0::2].astype(np.int64) << 8 | addresses[:, 1::2]).sum(axis=1) + protocol + length
    put(rows, at + {6: 16, 17: 6}[protocol], ">u2", checksum(part, pseudo))
