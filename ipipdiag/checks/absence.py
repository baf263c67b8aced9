"""When "no answer" may be said: the point is shown to receive, the wait was long enough, and nothing was dropped."""

from __future__ import annotations

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
    if not point.drops:
        return None
    return Missing(Reason.CAPTURE_DROPS, f"{point.input_name} records {point.drops} dropped frames")


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
