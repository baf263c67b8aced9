"""When "no answer" may be said: the point is shown to receive, the wait was long enough, nothing was dropped, and the
tables in which the answer would stand are whole.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ipipdiag.checks.model import Missing, Reason
from ipipdiag.checks.sightings import duration, several
from ipipdiag.checks.tcp_directions import TcpDirections
from ipipdiag.points.commands import LARGE_BUFFER, capture_command, part_command
from ipipdiag.protocols import TCP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

RETRY_INTERVAL_NS = 1_000_000_000  # Linux repeats ARP requests, SYNs and its ping after a second
NEARLY_A_SECOND_NS = 900_000_000
ATTEMPTS = 3
FLOWS = ("flows",)  # tables of PointFacts, by their names: where answers of any kind stand
ARP = ("arp_messages", "mac_pairs", "flows")
BGP = ("bgp_messages", "flows")
DNS = ("dns_exchanges", "flows")
SEGMENTS = ("tcp_events", "icmp_reports", "flows")
SILENCE_NS = 2_000_000_000  # since the last answer: longer than any answer of a flow that works takes

CONTROL_BYTES = 2  # SYN and FIN count as a byte each
HALF_SEQUENCE_SPACE = 1 << 31
NO_TIME = (1 << 63) - 1  # where the smallest of none is asked for


def attempts(times_ns: list[int], end_ns: int | None) -> list[int]:
    """The requests that count as separate attempts: a second apart, and a retry interval before the end."""
    counted: list[int] = []
    for time_ns in sorted(times_ns):
        if end_ns is not None and time_ns > end_ns - RETRY_INTERVAL_NS:
            break
        if not counted or time_ns - counted[-1] >= NEARLY_A_SECOND_NS:
            counted.append(time_ns)
    return counted


@lru_cache(maxsize=1024)
def incomplete(point: Point, tables: tuple[str, ...] = FLOWS) -> Missing | None:
    """Why nothing can be missed at this point: the capture itself lost frames, or one of the ``tables`` in which the
    missed would stand was full.
    """
    unseen = sum(unseen for unseen, _ in unseen_bytes(point))
    if point.drops:
        text = f"{point.input_name} records {point.drops} dropped frames"
    elif unseen:
        text = f"{point.input_name} lacks {unseen} bytes that were acknowledged"
    else:
        return limit_reached(point, tables)
    return Missing(Reason.CAPTURE_DROPS, text, capture_command(point.role, buffer=LARGE_BUFFER))


def limit_reached(point: Point, tables: tuple[str, ...] = FLOWS) -> Missing | None:
    """What some tables of a point lack because they were full; None where they are whole."""
    left = sum(point.facts.left_out.get(table, 0) for table in tables)
    if not left:
        return None
    text = f"{point.input_name} holds more than there is room for: what is missed may be among {left} entries left out"
    return Missing(Reason.LIMIT_REACHED, text, part_command(point.input_name))


def first_limit(points: Iterable[Point], tables: tuple[str, ...] = FLOWS) -> Missing | None:
    """The same of the first of several points whose tables are not whole."""
    return next(filter(None, (limit_reached(point, tables) for point in points)), None)


def unless_judged(missing: Missing | None, examined: int) -> Missing | None:
    """What kept a check from judging, where it judged nothing else; what a full table kept from it, always."""
    is_limit = missing is not None and missing.reason is Reason.LIMIT_REACHED
    return missing if is_limit or not examined else None


@lru_cache(maxsize=1024)
def unseen_bytes(point: Point) -> tuple[tuple[int, tuple[int, int, int, int]], ...]:
    """Bytes that TCP acknowledges and the file never shows: for each direction how many at least, and its 4-tuple.

    Judged are connections whose one SYN was captured: what is acknowledged from then on must have been there. The span
    of the acknowledgements is held against all payload of the other direction, retransmissions included, so that the
    answer is a lower bound; connections beyond 2 GiB, or with payloads that the headers do not tell, are left out. Of
    a point whose flows found no room nothing is said: the payload may be in theirs.
    """
    if limit_reached(point):
        return ()
    import numpy as np

    from ipipdiag.table import distinct

    flows = point.facts.flows
    directions = TcpDirections(flows)
    back = directions.back
    opened, payload = directions.total(flows.syns), directions.total(flows.payload_bytes)
    unclear = directions.total(flows.payloads_unknown + flows.fragments) > 0
    first = directions.smallest(flows.acknowledgement_min, NO_TIME)
    last = directions.largest(flows.acknowledgement_max, -1)
    acknowledged = last[back] >= 0
    span = np.where(acknowledged, last[back] - first[back], 0)
    unseen = span - payload - CONTROL_BYTES
    judged = acknowledged & ~unclear & ~unclear[back] & (opened + opened[back] == 1) & (span < HALF_SEQUENCE_SPACE)
    found = distinct(directions.of_row[(judged & (unseen > 0))[directions.of_row]])
    at = (column.tolist() for column in directions.ends(found))
    return tuple(zip(unseen[found].tolist(), zip(*at, strict=True), strict=True))


def is_one_sided(flows: Flows) -> bool:
    """Whether the other direction of conversations is proven to exist and is not in the file.

    Segments other than SYN and RST acknowledge something, and a SYN-ACK or echo reply answers something: where no flow
    of the point has a packet in reverse, those that they answer were not captured.
    """
    if bool((flows.answers > 0).any()):
        return False
    answering = (flows.protocol == TCP) & (flows.packets > flows.syns + flows.resets)
    answering |= (flows.echo_replies > 0) & (flows.echo_requests == 0)
    return bool(answering.any())


def requests_since_answer(flow: Flows) -> int:
    """Requests of a flow, a table of one row, since its last answer; of many that followed answers at least the last
    few are counted.
    """
    if not flow.answers.any() or bool((flow.first_request_ns > flow.last_answer_ns).all()):
        return int(flow.requests.sum())
    return int((flow.late_requests > flow.last_answer_frame[:, None]).sum())


def is_unanswered(flow: Flows, point: Point) -> bool:
    """Whether a flow, a table of one row, has requests and no answer, or was answered at first and is no more.

    The latter is said of at least ATTEMPTS requests over SILENCE_NS, the last a retry interval before the end.
    """
    if not flow.requests.any():
        return False
    if not flow.answers.any():
        return limit_reached(point) is None
    last_ns = int(flow.last_request_ns.max())
    return (
        requests_since_answer(flow) >= ATTEMPTS
        and last_ns - int(flow.last_answer_ns.max()) >= SILENCE_NS
        and waited_long_enough(last_ns, point.facts.extent)
        and incomplete(point) is None
    )


def none_answered(flows: Flows, point: Point) -> bool:
    """Whether some flows of a point have requests and no answer; never where answers may have found no room."""
    return bool(flows.requests.any()) and not flows.answers.any() and limit_reached(point) is None


def answers_in_words(flows: Flows, point: Point) -> str:
    """How many packets came back, as far as the table of flows can tell."""
    answers = int(flows.answers.sum())
    if not answers and limit_reached(point):
        return "whether anything came back is not known: there was no room for all flows"
    return f"{several(answers, 'packet')} came back"


def unanswered_in_words(flow: Flows) -> str:
    """How many requests of an unanswered flow have no answer, and since when."""
    requests = several(requests_since_answer(flow), "request")
    if not flow.answers.any():
        return f"{requests}, none answered"
    silent_for = duration(int(flow.last_request_ns.max()) - int(flow.last_answer_ns.max()))
    return f"at least {requests} in the {silent_for} since the last answer, none answered"


def waited_long_enough(last_request_ns: int, extent: Extent) -> bool:
    """Whether the last request is a retry interval before the end of the capture."""
    return extent.last_ns is not None and extent.last_ns - last_request_ns >= RETRY_INTERVAL_NS
