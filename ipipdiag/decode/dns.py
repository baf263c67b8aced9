"""DNS messages over UDP (RFC 1035, 4.1): their header, and of the first question the name and the type."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import DnsMessages, Segments
from ipipdiag.decode.window import SLACK, ByteWindow, Positions, u16
from ipipdiag.hashing import hash_rows

HEADER = 12  # bytes
MESSAGES_AT_ONCE = 16_384  # their names are held side by side: 256 bytes each
NAME_ROOM = 4 * SLACK  # bytes; a name has 255 at most
LONGEST_LABEL = 63  # longer is a pointer, which a first question cannot have
TYPE = 2  # bytes
A, AAAA = 1, 28
QUERY_OPCODE = 0


def read_dns(window: ByteWindow, segments: Segments) -> DnsMessages:
    """The messages in the payloads of UDP packets; of one that is cut in its header there is no row."""
    segments = segments.select(segments.captured >= HEADER)
    parts = range(0, len(segments), MESSAGES_AT_ONCE)
    return DnsMessages.concatenate(
        [_read(window, segments.select(slice(start, start + MESSAGES_AT_ONCE))) for start in parts or (0,)]
    )


def _read(window: ByteWindow, segments: Segments) -> DnsMessages:
    start, end = segments.offset, segments.offset + segments.captured
    head = window.gather(start, HEADER)
    flags = u16(head, 2)
    question, has_question = start + HEADER, u16(head, 4) > 0
    room = np.where(has_question, end - question - TYPE, 0)
    name, length, is_all = _read_names(window, question, room, SLACK)
    if not is_all:  # seldom: few names are so long
        name, length, _ = _read_names(window, question, room, NAME_ROOM)
    is_whole = length > 0
    kind = u16(window.gather(question + length, TYPE), 0).astype(np.int32)
    return DnsMessages(
        row=segments.row,
        id=u16(head, 0),
        is_response=flags >> 15 == 1,
        opcode=(flags >> 11 & 15).astype(np.uint8),
        is_truncated=flags >> 9 & 1 == 1,
        response_code=(flags & 15).astype(np.uint8),
        question=np.where(is_whole, _hash_names(name), 0),
        question_type=np.where(is_whole, kind, -1),
    )


def _read_names(
    window: ByteWindow, start: Positions, room: Positions, width: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], bool]:
    """The names at ``start``, their lengths on the wire, and whether none goes on beyond ``width`` bytes.

    Length 0 where a name, or what follows it, is not whole: it has ``room`` bytes. Labels are followed for all names at
    once, one label of each in a step.
    """
    pieces = [window.gather(start + at, SLACK) for at in range(0, width, SLACK)]
    name = np.concatenate(pieces, axis=1)
    at, length = np.zeros(len(start), dtype=np.int64), np.zeros(len(start), dtype=np.int64)
    is_all = True
    walking = np.flatnonzero(room > 0)
    while len(walking):
        here = at[walking]
        label = name[walking, here].astype(np.int64)
        ends = label == 0
        length[walking[ends]] = here[ends] + 1
        following = here + label + 1
        at[walking] = following
        goes_on = ~ends & (label <= LONGEST_LABEL) & (following < room[walking])
        is_all &= not (goes_on & (following >= width)).any()
        walking = walking[goes_on & (following < width)]
    name |= ((name - np.uint8(ord("A"))) <= ord("Z") - ord("A")).view(np.uint8) << 5  # lower case
    name *= np.arange(width, dtype=np.uint16) < length.astype(np.uint16)[:, None]
    return name, length, is_all


def _hash_names(names: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """A hash of each name, the same however wide the others of its batch are: a long one has a hash of all of it."""
    words = np.ascontiguousarray(names).view(np.int64)
    hashes = hash_rows(list(words[:, : SLACK // 8].T)).view(np.int64)
    long = np.flatnonzero(words[:, SLACK // 8 :].any(axis=1))
    if len(long):
        hashes[long] = hash_rows(list(words[long].T)).view(np.int64)
    return hashes
