"""Requests and replies of ARP put together: who asked for what, and which requests nobody answered."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from ipipdiag.checks.absence import attempts
from ipipdiag.protocols import ARP_REPLY, ARP_REQUEST

if TYPE_CHECKING:
    from ipipdiag.facts.extent import Extent
    from ipipdiag.points.model import Point

ANSWER_WINDOW_NS = 1_000_000_000


@dataclass(slots=True)
class Question:
    """All requests of one asker (MAC and address) for one target, and the replies it got."""

    asker_mac: int
    asker: int
    target: int
    asked_ns: list[int] = field(default_factory=list)
    asked_frames: list[int] = field(default_factory=list)
    answered_ns: list[int] = field(default_factory=list)
    answered_frames: list[int] = field(default_factory=list)
    answering_macs: list[int] = field(default_factory=list)

    def open_since(self) -> list[int]:
        """Times of the requests after the last reply; all of them where there was none."""
        last = max(self.answered_ns, default=-1)
        return [time_ns for time_ns in self.asked_ns if time_ns > last]

    def open_frames(self) -> list[int]:
        """Frames of the requests after the last reply."""
        last = max(self.answered_ns, default=-1)
        pairs = zip(self.asked_ns, self.asked_frames, strict=True)
        return [frame for time_ns, frame in pairs if time_ns > last]

    def unanswered_attempts(self, extent: Extent) -> list[int]:
        """The open requests that count as attempts: a second apart and a second before the capture's end."""
        return attempts(self.open_since(), extent.last_ns)

    def delays_ns(self) -> list[int]:
        """For each reply the time since the latest request before it."""
        delays, asked = [], sorted(self.asked_ns)
        for answered in self.answered_ns:
            before = bisect_right(asked, answered)
            if before:
                delays.append(answered - asked[before - 1])
        return delays


@lru_cache(maxsize=256)
def questions(point: Point) -> tuple[Question, ...]:
    """The questions of a point in the order in which they were first asked.

    Probes (sender 0.0.0.0) and announcements of the own address are no questions. A reply answers the asker it is
    addressed to; a later request by the target itself shows that it lives, but answers nothing.
    """
    found: dict[tuple[int, int, int], Question] = {}
    columns = ("operation", "number", "time_ns", "sender_mac", "sender", "target_mac", "target")
    for operation, number, time_ns, sender_mac, sender, target_mac, target in point.facts.arp_messages.rows(*columns):
        if operation == ARP_REQUEST and sender not in (0, target):
            question = found.get((sender_mac, sender, target))
            if question is None:
                question = found[sender_mac, sender, target] = Question(sender_mac, sender, target)
            question.asked_ns.append(time_ns)
            question.asked_frames.append(number)
        elif operation == ARP_REPLY and (target_mac, target, sender) in found:
            question = found[target_mac, target, sender]
            question.answered_ns.append(time_ns)
            question.answered_frames.append(number)
            question.answering_macs.append(sender_mac)
    return tuple(found.values())
