"""TCP connections that never got beyond their SYN, as one point shows them: nothing came back, or RSTs alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.absence import NEARLY_A_SECOND_NS
from ipipdiag.checks.forwarding import FiveTuple
from ipipdiag.checks.sightings import in_words
from ipipdiag.kinds import Tunnel
from ipipdiag.protocols import BGP_PORT, TCP

if TYPE_CHECKING:
    from ipipdiag.points.model import Point
    from ipipdiag.trace.model import Route, Trace


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection of whose opener a point shows SYNs and nothing else.

    ``resets`` are the RSTs that came back, nothing else did. ``sent`` and ``back`` are the rows of both directions in
    the point's flows, one a form on the link.
    """

    point: Point
    flow: FiveTuple
    syns: int
    resets: int
    first_ns: int
    last_ns: int
    sent: tuple[int, ...]
    back: tuple[int, ...]

    @property
    def is_repeated(self) -> bool:
        """Whether the opener sent its SYN again after a second: it has no answer, whatever the capture lacks."""
        return self.last_ns - self.first_ns >= NEARLY_A_SECOND_NS


@lru_cache(maxsize=256)
def attempts(point: Point) -> tuple[Attempt, ...]:
    """The connections of a point that never got beyond their SYN; those of BGP are left to family 4."""
    flows = point.facts.flows
    opening = (flows.protocol == TCP) & (flows.syns > 0) & (flows.packets == flows.syns)
    wanted = {FiveTuple._make(flow) for flow in flows.select(opening).rows(*FiveTuple._fields)}
    wanted = {flow for flow in wanted if BGP_PORT not in (flow.source_port, flow.destination_port)}
    if not wanted:
        return ()
    forms: dict[FiveTuple, list[int]] = {flow: [] for one in wanted for flow in (one, one.reverse)}
    for position, flow in enumerate(flows.rows(*FiveTuple._fields)):
        if flow in forms:
            forms[FiveTuple._make(flow)].append(position)
    counts = list(flows.rows("packets", "syns", "resets", "first_request_ns", "last_request_ns"))
    found = []
    for one in sorted(wanted):
        sent, back = [counts[row] for row in forms[one]], [counts[row] for row in forms[one.reverse]]
        if any(packets > syns for packets, syns, *_ in sent) or any(
            packets > resets for packets, _, resets, *_ in back
        ):
            continue
        first_ns, last_ns = min(row[3] for row in sent), max(row[4] for row in sent)
        # the forms of one point show the same SYNs; more than one a second are what a slow mirror shows twice
        most = 1 + (last_ns - first_ns) // NEARLY_A_SECOND_NS
        found.append(
            Attempt(
                point=point,
                flow=one,
                syns=min(max(row[1] for row in sent), most),
                resets=max((row[2] for row in back), default=0),
                first_ns=first_ns,
                last_ns=last_ns,
                sent=tuple(forms[one]),
                back=tuple(forms[one.reverse]),
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Heard:
    """Who shows as a sender at a point, in all the ways in which the end behind a next hop can be known."""

    sources: frozenset[int]  # inner
    destinations: frozenset[int]
    bare_sources: frozenset[int]
    outer_sources: frozenset[int]
    outer_destinations: frozenset[int]
    mac_pairs: frozenset[tuple[int, int]]


@lru_cache(maxsize=256)
def _heard_at(point: Point) -> _Heard:
    flows = point.facts.flows
    wrapped, bare = flows.select(flows.tunnel != Tunnel.NONE), flows.select(flows.tunnel == Tunnel.NONE)
    return _Heard(
        sources=frozenset(flows.source.tolist()),
        destinations=frozenset(flows.destination.tolist()),
        bare_sources=frozenset(bare.source.tolist()),
        outer_sources=frozenset(wrapped.outer_source.tolist()),
        outer_destinations=frozenset(wrapped.outer_destination.tolist()),
        mac_pairs=frozenset(flows.rows("source_mac", "destination_mac")),
    )


def is_heard(attempt: Attempt) -> bool:
    """Whether a point shows packets of the end that should have answered, or of another behind the same next hop."""
    flows, row, heard = attempt.point.facts.flows, attempt.sent[0], _heard_at(attempt.point)
    if attempt.flow.destination in heard.sources:
        return True
    here, there = int(flows.source_mac[row]), int(flows.destination_mac[row])
    is_wrapped = flows.tunnel[row] != Tunnel.NONE
    near, far = int(flows.outer_source[row]), int(flows.outer_destination[row])
    if is_wrapped and (far in heard.outer_sources or far in heard.bare_sources):
        return True
    if here >= 0 and there >= 0:
        return (there, here) in heard.mac_pairs
    # tunl0 and cooked captures do not tell the next hop
    return near in heard.outer_destinations if is_wrapped else attempt.flow.source in heard.destinations


def outer_pair(attempt: Attempt) -> tuple[int, int] | None:
    """The nodes between which an attempt is wrapped at its point; None where it is bare there."""
    flows = attempt.point.facts.flows
    for row in attempt.sent:
        if flows.tunnel[row] == Tunnel.IPIP:
            return int(flows.outer_source[row]), int(flows.outer_destination[row])
    return None


def ports_in_words(group: list[Attempt]) -> str:
    """The destination ports of some attempts: ``port 80``, ``ports 80, 443 and 8080``."""
    ports = sorted({attempt.flow.destination_port for attempt in group})
    return f"port{'s' if len(ports) > 1 else ''} {in_words([str(port) for port in ports])}"


def routes_by_ends(trace: Trace) -> dict[tuple[int, int], Route]:
    """The routes of a trace by every pair of addresses that their packets bear somewhere."""
    found: dict[tuple[int, int], Route] = {}
    for route in trace.routes:
        for ends in ((route.source, route.destination), *route.translations):
            found.setdefault(ends, route)
    return found


def names_of(ends: tuple[int, int]) -> tuple[str, str]:
    """Both addresses of a pair as text."""
    return format_address(ends[0]), format_address(ends[1])
