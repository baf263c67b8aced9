"""What went into each tunnel and what came back, at one point: shared by the checks of protocol 4 between two nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipipdiag.kinds import Tunnel

if TYPE_CHECKING:
    from ipipdiag.facts.flows import Flows

ICMP, TCP = 1, 6
BGP_PORT = 179


@dataclass(frozen=True, slots=True)
class TunnelPair:
    """One directed pair of outer addresses at one point.

    ``sent`` are its flows, ``back`` how many tunnel packets come the other way, ``destinations`` the inner addresses
    that were asked and did not answer.
    """

    outer_source: int
    outer_destination: int
    sent: Flows
    requests: int
    packets: int
    back: int
    destinations: tuple[int, ...]
    first_ns: int
    last_request_ns: int


@dataclass(frozen=True, slots=True)
class Contact:
    """Other traffic between the same two addresses, outside the tunnel and answered."""

    bgp: int
    ping: int
    other: int
    from_destination: int  # packets that the far node sent, of any kind but protocol 4

    def in_words(self) -> str | None:
        """What worked, as the report says it; None where nothing was seen to work."""
        parts = []
        if self.bgp:
            parts.append(f"BGP ({self.bgp} packets back)")
        if self.ping:
            parts.append(f"ping ({self.ping} replies)")
        if self.other and not parts:
            parts.append(f"other traffic ({self.other} packets back)")
        return " and ".join(parts) or None


def tunnel_pairs(flows: Flows) -> Iterator[TunnelPair]:
    """The directed pairs of a point with requests that need an answer."""
    wrapped = flows.select(flows.tunnel == Tunnel.IPIP)
    for source, destination in sorted(set(wrapped.rows("outer_source", "outer_destination"))):
        sent = wrapped.select((wrapped.outer_source == source) & (wrapped.outer_destination == destination))
        back = (wrapped.outer_source == destination) & (wrapped.outer_destination == source)
        requests = int(sent.requests.sum())
        if requests == 0:
            continue
        unanswered = sent.select((sent.requests > 0) & (sent.answers == 0))
        yield TunnelPair(
            outer_source=source,
            outer_destination=destination,
            sent=sent,
            requests=requests,
            packets=int(sent.packets.sum()),
            back=int(wrapped.packets[back].sum()),
            destinations=tuple(sorted(set(unanswered.destination.tolist()))),
            first_ns=int(sent.first_ns.min()),
            last_request_ns=int(sent.last_request_ns.max()),
        )


@dataclass(frozen=True, slots=True)
class Opening:
    """A tunnel whose requests are answered only once the far node has sent first: what a stateful filter does."""

    opened_ns: int
    before: Flows  # requests before that, none answered
    after: Flows  # flows that begin later, answered


def opening_of(flows: Flows, pair: TunnelPair) -> Opening | None:
    """The moment at which the far node's own request opens a tunnel in which nothing was answered; None without one."""
    wrapped = flows.select(flows.tunnel == Tunnel.IPIP)
    back = wrapped.select(
        (wrapped.outer_source == pair.outer_destination) & (wrapped.outer_destination == pair.outer_source)
    )
    if not len(back):
        return None
    first = int(back.first_ns.argmin())
    opened_ns = int(back.first_ns[first])
    if not back.requests[first] or int(back.first_request_ns[first]) != opened_ns:
        return None  # an answer: requests of this side had got through
    sent = pair.sent
    asked = sent.requests > 0
    before = sent.select(asked & (sent.answers == 0) & (sent.last_request_ns < opened_ns))
    after = sent.select(asked & (sent.answers > 0) & (sent.first_request_ns > opened_ns))
    return Opening(opened_ns, before, after) if len(before) and len(after) else None


def contact_between(flows: Flows, one: int, other: int) -> Contact:
    """What passes between two nodes outside the tunnel; only flows that are answered count as working."""
    bare = flows.select(flows.tunnel == Tunnel.NONE)
    between = bare.select((bare.source == one) & (bare.destination == other) & (bare.answers > 0))
    is_bgp = (between.protocol == TCP) & ((between.source_port == BGP_PORT) | (between.destination_port == BGP_PORT))
    is_ping = (between.protocol == ICMP) & (between.source_port >= 0)
    return Contact(
        bgp=int(between.answers[is_bgp].sum()),
        ping=int(between.answers[is_ping].sum()),
        other=int(between.answers[~is_bgp & ~is_ping].sum()),
        from_destination=int(bare.packets[bare.source == other].sum()),
    )
