"""The figures from which on something is reported: each named, and settable with ``--threshold NAME=VALUE``.

A finding shows the figures that decided it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields


def _threshold(default: float, meaning: str) -> float:
    value: float = field(default=default, metadata={"meaning": meaning})
    return value


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Shares are of 1; times in milliseconds."""

    unanswered_requests: float = _threshold(3, "requests of one end to another without an answer, or lost on one hop")
    lost_share: float = _threshold(0.005, "loss between two points: share of the packets")
    lost_packets: float = _threshold(5, "loss between two points: packets")
    retransmitted_share: float = _threshold(0.02, "sent again: share of the bytes of one address to another")
    retransmitted_segments: float = _threshold(10, "sent again: segments of one address to another")
    stuck_repeats: float = _threshold(3, "how often a segment is sent again, unacknowledged, to be called stuck")
    stuck_ms: float = _threshold(500, "time between the first and the last of these")
    stuck_bytes: float = _threshold(1000, "length of a stuck packet from which on a path MTU can be the reason")
    ignored_errors: float = _threshold(3, "ICMP 3/4 about one flow, each after the sender could have heard the last")
    reordered_segments: float = _threshold(3, "segments of one address to another that others overtook")
    window_closed_ms: float = _threshold(100, "time without a receive window, all connections of two addresses")
    gateway_arp_ms: float = _threshold(20, "median time in which 169.254.1.1 is answered")
    gateway_arp_replies: float = _threshold(3, "how many replies make that median")
    gateway_arp_first_ms: float = _threshold(2000, "time from a pod's first request for 169.254.1.1 to the first reply")
    slow_ms: float = _threshold(10, "median time from one place to the next, between two nodes there and back")
    slow_times: float = _threshold(5, "how many times what other nodes of the run need that must be")
    slow_packets: float = _threshold(3, "packets seen at both places, for a time to count")
    wrong_checksums: float = _threshold(3, "segments without payload and with a wrong checksum, from node to node")


def threshold_names() -> tuple[str, ...]:
    """The names as the command line has them."""
    return tuple(threshold.name.replace("_", "-") for threshold in fields(Thresholds))


def meaning_of(name: str) -> str:
    """What a threshold is about, and its default."""
    (found,) = (threshold for threshold in fields(Thresholds) if threshold.name == name.replace("-", "_"))
    return f"{found.metadata['meaning']} (default {found.default:g})"


def from_requests_on(thresholds: Thresholds) -> str:
    """The figure that decides whether silence is reported, for the end of a sentence."""
    return f" (reported from {thresholds.unanswered_requests:g} unanswered requests on)"


def percent(share: float) -> str:
    """A share as a percentage without needless zeros: 2 %, 0.5 %."""
    return f"{100 * share:g} %"
