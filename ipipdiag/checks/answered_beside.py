"""What is answered beside connections that are not: by somebody else, later on, or to other ports.

All is looked up by addresses, for there may be as many silent connections as there are flows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.handshakes import Attempt, outer_pair
from ipipdiag.kinds import Tunnel
from ipipdiag.protocols import TCP, UDP

if TYPE_CHECKING:
    from ipipdiag.points.model import Point

Ends = tuple[int, int]


@dataclass(frozen=True, slots=True)
class AnsweredBeside:
    """What some points show answered. Of values that are told apart by an address, those of two are kept: one of them
    is not the one that is asked about.
    """

    senders: set[int] = field(default_factory=set)  # of packets, or of ARP
    openers: dict[tuple[int, int, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    answered_ports: dict[Ends, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    syn_acks: dict[tuple[Point, int, int], dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    answered_in_tunnel: dict[tuple[Point, int, int, int], dict[int, int]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    @classmethod
    def at(cls, points: Sequence[Point]) -> AnsweredBeside:
        """What is answered at some points."""
        found = cls()
        for point in points:
            found._add(point)
        return found

    def _add(self, point: Point) -> None:
        flows = point.facts.flows
        self.senders.update(flows.source.tolist(), point.facts.arp_messages.sender.tolist())
        opened = flows.select((flows.protocol == TCP) & (flows.syns > 0) & (flows.packets > flows.syns))
        for *key, first_ns in opened.rows("source", "destination", "destination_port", "first_request_ns"):
            self.openers[key[0], key[1], key[2]].append(first_ns)
        answered = flows.select((flows.requests > 0) & (flows.answers > 0))
        for source, destination, protocol, port in answered.rows(
            "source", "destination", "protocol", "destination_port"
        ):
            self.answered_ports[source, destination].append((protocol, port))
        accepting = flows.select(flows.syn_acks > 0)
        for source, source_port, destination, port in accepting.rows(
            "source", "source_port", "destination", "destination_port"
        ):
            first_two = self.syn_acks[point, destination, port]
            if len(first_two) < 2:
                first_two.setdefault(source, source_port)
        self._add_answered_in_tunnel(point)

    def _add_answered_in_tunnel(self, point: Point) -> None:
        """Of each sender in each tunnel the two addresses that answered last, and when."""
        import numpy as np

        flows = point.facts.flows
        answered = flows.select((flows.tunnel == Tunnel.IPIP) & (flows.answers > 0))
        answered = answered.select(np.argsort(-answered.last_answer_ns, kind="stable"))
        for *tunnel, source, destination, last_ns in answered.rows(
            "outer_source", "outer_destination", "source", "destination", "last_answer_ns"
        ):
            last_two = self.answered_in_tunnel[point, tunnel[0], tunnel[1], source]
            if len(last_two) < 2:
                last_two.setdefault(destination, last_ns)

    def other_answer(self, attempt: Attempt) -> tuple[int, int] | None:
        """Address and port from which a SYN-ACK comes to the port that asks, where it is not the end that was asked."""
        flow = attempt.flow
        answers = self.syn_acks.get((attempt.point, flow.source, flow.source_port), {})
        return next(((source, port) for source, port in answers.items() if source != flow.destination), None)

    def waits_ns(self, group: Sequence[Attempt]) -> Iterator[int]:
        """How long after the last of some attempts each connection of the same ends to the same port is answered."""
        last_ns: dict[tuple[int, int, int], int] = {}
        for attempt in group:
            key = (attempt.flow.source, attempt.flow.destination, attempt.flow.destination_port)
            last_ns[key] = max(attempt.last_ns, last_ns.get(key, 0))
        for key, since_ns in last_ns.items():
            yield from (first_ns - since_ns for first_ns in self.openers.get(key, ()) if first_ns > since_ns)

    def is_way_open(self, attempt: Attempt) -> bool:
        """Whether the opener is answered meanwhile, by another address in the tunnel between the same two nodes:
        neither the way nor reverse path filtering, which looks at the source alone, explains the silence then.
        """
        pair, flow = outer_pair(attempt), attempt.flow
        answers = self.answered_in_tunnel.get((attempt.point, *pair, flow.source), {}) if pair else {}
        return any(end != flow.destination and last_ns >= attempt.first_ns for end, last_ns in answers.items())

    def working(self, ends: Ends) -> Iterator[str]:
        """What else from one address to another is answered, as parts of sentences."""
        one, other = map(format_address, ends)
        for protocol, port in self.answered_ports.get(ends, ()):
            what = f"TCP port {port}" if protocol == TCP else f"UDP port {port}" if protocol == UDP else "ping"
            yield f"{what} from {one} to {other} is answered"
