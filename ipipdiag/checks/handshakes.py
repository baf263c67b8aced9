"""TCP connections that never got beyond their SYN, as one point shows them: nothing came back, or RSTs alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.absence import NEARLY_A_SECOND_NS, NO_TIME
from ipipdiag.checks.forwarding import FiveTuple
from ipipdiag.checks.sightings import in_words
from ipipdiag.checks.tcp_directions import TcpDirections
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


@lru_cache(maxsize=1024)
def attempts(point: Point) -> tuple[Attempt, ...]:
    """The connections of a point that never got beyond their SYN; those of BGP are left to family 4."""
    import numpy as np

    flows = point.facts.flows
    if not ((flows.syns > 0) & (flows.packets == flows.syns)).any():
        return ()
    tcp = TcpDirections(flows)
    is_only_opened = (tcp.total(flows.syns) > 0) & (tcp.total(flows.packets > flows.syns) == 0)
    is_only_reset = tcp.total(flows.packets > flows.resets) == 0
    chosen = np.flatnonzero(is_only_opened & is_only_reset[tcp.back])
    source, destination, source_port, destination_port = tcp.ends(chosen)
    order = np.lexsort((destination_port, source_port, destination, source))
    chosen = chosen[order[((source_port != BGP_PORT) & (destination_port != BGP_PORT))[order]]]
    first_ns = tcp.smallest(flows.first_request_ns, NO_TIME)[chosen]
    last_ns = tcp.largest(flows.last_request_ns, -NO_TIME)[chosen]
    # the forms of one point show the same SYNs; more than one a second are what a slow mirror shows twice
    syns = np.minimum(tcp.largest(flows.syns, 0)[chosen], 1 + (last_ns - first_ns) // NEARLY_A_SECOND_NS)
    resets = tcp.largest(flows.resets, 0)[tcp.back[chosen]]
    values = (column.tolist() for column in (*tcp.ends(chosen), syns, resets, first_ns, last_ns))
    rows = (tcp.rows_of(directions) for directions in (chosen, tcp.back[chosen]))
    return tuple(
        Attempt(point, FiveTuple(one, other, TCP, near, far), *rest)
        for one, other, near, far, *rest in zip(*values, *rows, strict=True)
    )


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
