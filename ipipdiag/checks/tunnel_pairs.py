"""What went into each tunnel and what came back, at one point: shared by the checks of protocol 4 between two nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import ATTEMPTS, SILENCE_NS
from ipipdiag.checks.model import Evidence
from ipipdiag.checks.sightings import EVIDENCE_FRAMES, duration, evidence_of, several
from ipipdiag.kinds import Tunnel
from ipipdiag.protocols import BGP_PORT, ICMP, TCP

if TYPE_CHECKING:
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


@dataclass(frozen=True, slots=True)
class Silence:
    """A tunnel that was answered and is no more: since the last packet that came back, at least ATTEMPTS requests.

    ``frames`` are the last few requests since, ``destinations`` the inner addresses they ask that fell silent together
    with it: pods that end do so one by one.
    """

    since_ns: int
    requests: int  # at least
    frames: tuple[int, ...]
    destinations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TunnelPair:
    """One directed pair of outer addresses at one point.

    ``sent`` are its flows, ``back`` how many tunnel packets come the other way, ``destinations`` the inner addresses
    that were asked and did not answer. ``silence`` is where nothing comes back any more.
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
    silence: Silence | None

    @property
    def is_unanswered(self) -> bool:
        """Whether nothing comes back, from the beginning or any more."""
        return self.back == 0 or self.silence is not None

    @property
    def unanswered_requests(self) -> int:
        """Requests that nothing came back for; of a tunnel that has fallen silent at least."""
        return self.silence.requests if self.silence else self.requests

    @property
    def unanswered_destinations(self) -> tuple[int, ...]:
        """The inner addresses that those requests ask."""
        return self.silence.destinations if self.silence else self.destinations

    @property
    def silent_from_ns(self) -> int:
        """When the last packet came back; without any, when the first packet was sent."""
        return self.silence.since_ns if self.silence else self.first_ns

    def evidence(self, point: Point) -> Evidence:
        """The frames that show it."""
        text = display_filters.tunnel(self.outer_source, self.outer_destination)
        return (
            Evidence(point.input, self.silence.frames, text)
            if self.silence
            else evidence_of(point, self.sent.frames, text)
        )

    def in_words(self) -> str:
        """The requests, and since when nothing comes back."""
        if self.silence is None:
            return several(self.requests, "request")
        silent_for = duration(self.last_request_ns - self.silence.since_ns)
        return f"at least {several(self.silence.requests, 'request')} in the {silent_for} since the last answer"


@dataclass(frozen=True, slots=True)
class Contact:
    """Other traffic between the same two addresses, outside the tunnel and answered; counts are of whole flows."""

    bgp: int
    ping: int
    other: int
    from_destination: int  # packets that the far node sent, of any kind but protocol 4
    is_since: bool = False  # of flows that go on after a time: their counts say nothing of the time since

    def in_words(self) -> str | None:
        """What worked, as the report says it; None where nothing was seen to work."""
        parts = []
        if self.is_since:
            named = (("BGP", self.bgp), ("ping", self.ping), ("other traffic", self.other))
            return " and ".join([name for name, count in named if count][:2]) or None
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
        back = wrapped.select((wrapped.outer_source == destination) & (wrapped.outer_destination == source))
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
            back=int(back.packets.sum()),
            destinations=tuple(sorted(set(unanswered.destination.tolist()))),
            first_ns=int(sent.first_ns.min()),
            last_request_ns=int(sent.last_request_ns.max()),
            silence=_silence(sent, back),
        )


def _silence(sent: Flows, back: Flows) -> Silence | None:
    """What was asked since the last packet that came back; None where too little was, or none came at all."""
    if not len(back):
        return None
    late = sent.late_requests > back.last_frame.max()
    since_ns = int(back.last_ns.max())
    requests = int(late.sum())
    if requests < ATTEMPTS or int(sent.last_request_ns.max()) - since_ns < SILENCE_NS:
        return None
    together = late.any(axis=1) & (sent.last_answer_ns > since_ns - SILENCE_NS)
    destinations = tuple(sorted(set(sent.destination[together].tolist())))
    frames = sorted(sent.late_requests[late].tolist())[-EVIDENCE_FRAMES:]
    return Silence(since_ns, requests, tuple(frames), destinations)


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


def contact_between(flows: Flows, pair: TunnelPair) -> Contact:
    """What passes between two nodes outside the tunnel; only flows that are answered count as working.

    Of a tunnel that has fallen silent only what is answered well after that.
    """
    one, other = pair.outer_source, pair.outer_destination
    since_ns = pair.silence.since_ns + SILENCE_NS if pair.silence else -1
    bare = flows.select(flows.tunnel == Tunnel.NONE)
    answered = (bare.answers > 0) & (bare.last_answer_ns > since_ns)
    between = bare.select((bare.source == one) & (bare.destination == other) & answered)
    is_bgp = (between.protocol == TCP) & ((between.source_port == BGP_PORT) | (between.destination_port == BGP_PORT))
    is_ping = (between.protocol == ICMP) & (between.source_port >= 0)
    return Contact(
        bgp=int(between.answers[is_bgp].sum()),
        ping=int(between.answers[is_ping].sum()),
        other=int(between.answers[~is_bgp & ~is_ping].sum()),
        from_destination=int(bare.packets[(bare.source == other) & (bare.last_ns > since_ns)].sum()),
        is_since=pair.silence is not None,
    )
