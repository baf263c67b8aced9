"""DNS messages over UDP (RFC 1035, 4.1): their header, and of the first question the name and the type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.window import SLACK, ByteWindow, Positions, u16
from ipipdiag.table import Table

HEADER = 12  # bytes
NAME_ROOM = 4 * SLACK  # bytes; a name has 255 at most
LONGEST_LABEL = 63  # longer is a pointer, which a first question cannot have
TYPE = 2  # bytes
A, AAAA = 1, 28
QUERY_OPCODE = 0


@dataclass(frozen=True, slots=True)
class DnsMessages(Table):
    """One message a row; ``row`` is its position among the positions given, messages cut in the header have none.

    ``name`` is the name asked for as on the wire, in lower case and zero from its end on, its width SLACK or NAME_ROOM
    as the longest needs it; all zero, and the type -1, where it was cut or there is no question.
    """

    row: npt.NDArray[np.int64]
    id: npt.NDArray[np.int64]
    is_response: npt.NDArray[np.bool_]
    opcode: npt.NDArray[np.int64]
    is_truncated: npt.NDArray[np.bool_]  # TC: the rest is to be asked for over TCP
    response_code: npt.NDArray[np.int64]  # RCODE
    question_type: npt.NDArray[np.int64]  # QTYPE
    name: npt.NDArray[np.uint8]


def read_dns(window: ByteWindow, start: Positions, end: Positions) -> DnsMessages:
    """The messages that begin at ``start`` and of which the bytes up to ``end`` are there."""
    row = np.flatnonzero(end - start >= HEADER)
    start, end = start[row], end[row]
    head = window.gather(start, HEADER)
    flags = u16(head, 2).astype(np.int64)
    question, has_question = start + HEADER, u16(head, 4) > 0
    room = np.where(has_question, end - question - TYPE, 0)
    name, length, is_all = _read_names(window, question, room, SLACK)
    if not is_all:  # seldom: few names are so long
        name, length, _ = _read_names(window, question, room, NAME_ROOM)
    kind = u16(window.gather(question + length, TYPE), 0).astype(np.int64)
    return DnsMessages(
        row=row,
        id=u16(head, 0).astype(np.int64),
        is_response=flags >> 15 == 1,
        opcode=flags >> 11 & 15,
        is_truncated=flags >> 9 & 1 == 1,
        response_code=flags & 15,
        question_type=np.where(length > 0, kind, -1),
        name=name,
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
