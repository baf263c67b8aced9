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

    ``name`` is the name asked for as on the wire, in lower case and zero from its end on (shape: rows, NAME_ROOM); all
    zero, and the type -1, where it was cut or there is no question.
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
    name, length = _read_names(window, start + HEADER, end, has_question=u16(head, 4) > 0)
    kind = u16(window.gather(start + HEADER + length, TYPE), 0).astype(np.int64)
    return DnsMessages(
        row=row.astype(np.int64),
        id=u16(head, 0).astype(np.int64),
        is_response=flags >> 15 == 1,
        opcode=flags >> 11 & 15,
        is_truncated=flags >> 9 & 1 == 1,
        response_code=flags & 15,
        question_type=np.where(length > 0, kind, -1),
        name=name,
    )


def _read_names(
    window: ByteWindow, start: Positions, end: Positions, *, has_question: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The names at ``start`` and their lengths on the wire; length 0 where the name or the type after it is not whole.

    Labels are followed for all names at once, one label of each in a step.
    """
    pieces = [window.gather(start + at, SLACK) for at in range(0, NAME_ROOM, SLACK)]
    name = np.concatenate(pieces, axis=1)
    room = np.minimum(end - start - TYPE, NAME_ROOM)
    at, length = np.zeros(len(start), dtype=np.int64), np.zeros(len(start), dtype=np.int64)
    walking = np.flatnonzero(has_question & (room > 0))
    while len(walking):
        label = name[walking, at[walking]].astype(np.int64)
        ends = label == 0
        length[walking[ends]] = at[walking[ends]] + 1
        walking, label = walking[~ends], label[~ends]
        at[walking] += label + 1
        walking = walking[(label <= LONGEST_LABEL) & (at[walking] < room[walking])]
    is_upper = (name >= ord("A")) & (name <= ord("Z"))
    name = np.where(is_upper, name + np.uint8(ord("a") - ord("A")), name)
    name[np.arange(NAME_ROOM) >= length[:, None]] = 0
    return name, length
