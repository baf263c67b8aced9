"""DNS over UDP: which questions were put to which server, how often, and when they were answered.

Of the names asked for only a hash is kept: enough to tell questions apart, and nothing that a report could give away.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.dns import QUERY_OPCODE
from ipipdiag.decode.packets import Decoded
from ipipdiag.facts.tally import Tally, frame_numbers, key, largest, smallest, total
from ipipdiag.kinds import Tunnel
from ipipdiag.protocols import DNS_PORT

NO_TIME = np.iinfo(np.int64).max


class DnsExchanges(Tally):
    """A row a question of one client: its queries to one server, known by port and transaction id, and their answers.

    A query that is sent again with the same id adds to its row. Where the name was not captured, ``question`` is 0 and
    the type -1.
    """

    client: npt.NDArray[np.int64] = key()
    server: npt.NDArray[np.int64] = key()
    client_port: npt.NDArray[np.int64] = key()
    id: npt.NDArray[np.int64] = key()
    question: npt.NDArray[np.int64] = key()  # hash of the name
    question_type: npt.NDArray[np.int64] = key()  # QTYPE: 1 A, 28 AAAA
    queries: npt.NDArray[np.int64] = total()
    answers: npt.NDArray[np.int64] = total()
    first_query_ns: npt.NDArray[np.int64] = smallest()  # largest int64 without
    last_query_ns: npt.NDArray[np.int64] = largest()  # -1 without
    first_answer_ns: npt.NDArray[np.int64] = smallest()  # largest int64 without
    last_answer_ns: npt.NDArray[np.int64] = largest()  # -1 without
    response_code_max: npt.NDArray[np.int64] = largest()  # -1 without an answer
    truncated: npt.NDArray[np.int64] = total()  # answers with the TC bit
    fragmented: npt.NDArray[np.int64] = total()  # answers that are the first fragment of a longer datagram
    wrapped: npt.NDArray[np.int64] = total()  # queries and answers inside IP-in-IP
    frames: npt.NDArray[np.int64] = frame_numbers()


def dns_rows(decoded: Decoded, kept: npt.NDArray[np.bool_]) -> DnsExchanges:
    """A row for each query and answer of a batch; ``kept`` leaves out duplicates."""
    packets, messages = decoded.packets, decoded.dns_messages
    row = messages.row
    to_server, from_server = packets.destination_port[row] == DNS_PORT, packets.source_port[row] == DNS_PORT
    is_judged = kept[row] & (messages.opcode == QUERY_OPCODE)
    is_judged &= (messages.is_response & from_server) | (~messages.is_response & to_server)
    messages = messages.select(is_judged)
    row, is_answer = messages.row, messages.is_response
    time_ns = packets.time_ns[row]
    source, destination = packets.inner_source[row], packets.inner_destination[row]
    return DnsExchanges.unmerged(
        client=np.where(is_answer, destination, source),
        server=np.where(is_answer, source, destination),
        client_port=np.where(is_answer, packets.destination_port[row], packets.source_port[row]),
        id=messages.id,
        question=messages.question,
        question_type=messages.question_type,
        queries=~is_answer,
        answers=is_answer,
        first_query_ns=np.where(is_answer, NO_TIME, time_ns),
        last_query_ns=np.where(is_answer, -1, time_ns),
        first_answer_ns=np.where(is_answer, time_ns, NO_TIME),
        last_answer_ns=np.where(is_answer, time_ns, -1),
        response_code_max=np.where(is_answer, messages.response_code.astype(np.int16), -1),
        truncated=is_answer & messages.is_truncated,
        fragmented=is_answer & packets.inner_more_fragments[row],
        wrapped=packets.tunnel[row] == Tunnel.IPIP,
        frames=packets.number[row][:, None],
    )
