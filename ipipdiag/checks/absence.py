"""When "no answer" may be said: the point is shown to receive, the wait was long enough, and nothing was dropped."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ipipdiag.checks.model import Missing, Reason

if TYPE_CHECKING:
    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

RETRY_INTERVAL_NS = 1_000_000_000  # Linux repeats ARP requests, SYNs and its ping after a second
NEARLY_A_SECOND_NS = 900_000_000
ATTEMPTS = 3

TCP = 6
CONTROL_BYTES = 2  # SYN and FIN count as a byte each
HALF_SEQUENCE_SPACE = 1 << 31


def attempts(times_ns: list[int], end_ns: int | None) -> list[int]:
    """The requests that count as separate attempts: a second apart, and a retry interval before the end."""
    counted: list[int] = []
    for time_ns in sorted(times_ns):
        if end_ns is not None and time_ns > end_ns - RETRY_INTERVAL_NS:
            break
        if not counted or time_ns - counted[-1] >= NEARLY_A_SECOND_NS:
            counted.append(time_ns)
    return counted


def drops_recorded(point: Point) -> Missing | None:
    """Why nothing can be missed at this point, where the capture itself lost frames."""
    if point.drops:
        return Missing(Reason.CAPTURE_DROPS, f"{point.input_name} records {point.drops} dropped frames")
    unseen = sum(unseen for unseen, _ in unseen_bytes(point))
    if unseen:
        return Missing(Reason.CAPTURE_DROPS, f"{point.input_name} lacks {unseen} bytes that were acknowledged")
    return None


@lru_cache(maxsize=256)
def unseen_bytes(point: Point) -> tuple[tuple[int, tuple[int, int, int, int]], ...]:
    """Bytes that TCP acknowledges and the file never shows: for each direction how many at least, and its 4-tuple.

    Judged are connections whose one SYN was captured: what is acknowledged from then on must have been there. The span
    of the acknowledgements is held against all payload of the other direction, retransmissions included, so that the
    answer is a lower bound; connections beyond 2 GiB, or with payloads that the headers do not tell, are left out.
    """
    sides: dict[tuple[int, int, int, int], list[int]] = {}
    for *ends, protocol, opened, payload, unknown, fragments, first, last in point.facts.flows.rows(
        "source", "destination", "source_port", "destination_port", "protocol", "syns", "payload_bytes",
        "payloads_unknown", "fragments", "acknowledgement_min", "acknowledgement_max",
    ):  # fmt: skip
        if protocol == TCP:
            key = (ends[0], ends[1], ends[2], ends[3])
            known = sides.setdefault(key, [0, 0, 0, first, last])
            sides[key] = [
                known[0] + opened, known[1] + payload, known[2] + unknown + fragments, min(known[3], first),
                max(known[4], last),
            ]  # fmt: skip
    found = []
    for key, (opened, payload, unclear, _, _) in sides.items():
        other = sides.get((key[1], key[0], key[3], key[2]))
        if other is None or unclear or other[2] or opened + other[0] != 1:
            continue
        span = other[4] - other[3]
        unseen = span - payload - CONTROL_BYTES
        if other[4] >= 0 and unseen > 0 and span < HALF_SEQUENCE_SPACE:
            found.append((unseen, key))
    return tuple(found)


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


def waited_long_enough(last_request_ns: int, extent: Extent) -> bool:
    """Whether the last request is a retry interval before the end of the capture."""
    return extent.last_ns is not None and extent.last_ns - last_request_ns >= RETRY_INTERVAL_NS
