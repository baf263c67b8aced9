"""What went into each tunnel and what came back, at one point: shared by the checks of protocol 4 between two nodes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import ATTEMPTS, SILENCE_NS
from ipipdiag.checks.model import Evidence
from ipipdiag.checks.sightings import EVIDENCE_FRAMES, duration, evidence_of, in_words, several
from ipipdiag.kinds import Tunnel
from ipipdiag.protocols import BGP_PORT, ICMP, TCP

if TYPE_CHECKING:
    from ipipdiag.facts.flows import Flows
    from ipipdiag.facts.tunnels import Tunnels
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


@dataclass(frozen=True, slots=True, eq=False)
class TunnelPair:
    """One directed pair of outer addresses at one point.

    ``rows`` are those of its flows among all of the point, ``rows_back`` those of the other direction, ``back`` how
    many tunnel packets come that way, ``destinations`` the inner addresses that were asked and did not answer.
    ``silence`` is where nothing comes back any more.
    """

    outer_source: int
    outer_destination: int
    point: Point
    rows: list[int]
    rows_back: list[int]
    requests: int
    packets: int
    back: int
    destinations: tuple[int, ...]
    first_ns: int
    last_request_ns: int
    silence: Silence | None

    @property
    def sent(self) -> Flows:
        """Its flows."""
        return self.point.facts.flows.select(self.rows)

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
        """The requests, since when nothing comes back, and whom they ask, as far as these fell silent together."""
        asked = [format_address(destination) for destination in self.unanswered_destinations]
        whom = f" to {in_words(asked)}" if asked else ""
        if self.silence is None:
            return several(self.requests, "request") + whom
        silent_for = duration(self.last_request_ns - self.silence.since_ns)
        return f"at least {several(self.silence.requests, 'request')} in the {silent_for} since the last answer{whom}"


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


def packets_by_pair(tunnels: Tunnels) -> dict[tuple[int, int], int]:
    """How many packets go from one outer address to another, in all forms."""
    packets: dict[tuple[int, int], int] = defaultdict(int)
    for source, destination, count in tunnels.rows("outer_source", "outer_destination", "packets"):
        packets[source, destination] += count
    return packets


@lru_cache(maxsize=256)
def tunnel_pairs(point: Point) -> tuple[TunnelPair, ...]:
    """The directed pairs of a point with requests that need an answer."""
    flows = point.facts.flows
    rows_of = flows.positions_by(flows.tunnel == Tunnel.IPIP, "outer_source", "outer_destination")
    found = []
    for (source, destination), rows in sorted(rows_of.items()):
        requests = flows.requests[rows]
        if not requests.any():
            continue
        back = rows_of.get((destination, source), [])
        unanswered = flows.destination[rows][(requests > 0) & (flows.answers[rows] == 0)]
        found.append(
            TunnelPair(
                outer_source=source,
                outer_destination=destination,
                point=point,
                rows=rows,
                rows_back=back,
                requests=int(requests.sum()),
                packets=int(flows.packets[rows].sum()),
                back=int(flows.packets[back].sum()),
                destinations=tuple(sorted(set(unanswered.tolist()))),
                first_ns=int(flows.first_ns[rows].min()),
                last_request_ns=int(flows.last_request_ns[rows].max()),
                silence=_silence(flows, rows, back),
            )
        )
    return tuple(found)


def _silence(flows: Flows, rows: list[int], back: list[int]) -> Silence | None:
    """What was asked since the last packet that came back; None where too little was, or none came at all."""
    if not back:
        return None
    since_ns = int(flows.last_ns[back].max())
    if int(flows.last_request_ns[rows].max()) - since_ns < SILENCE_NS:
        return None
    sent = flows.select(rows)
    late = sent.late_requests > flows.last_frame[back].max()
    requests = int(late.sum())
    if requests < ATTEMPTS:
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


def opening_of(pair: TunnelPair) -> Opening | None:
    """The moment at which the far node's own request opens a tunnel in which nothing was answered; None without one."""
    flows = pair.point.facts.flows
    if not pair.rows_back:
        return None
    first = pair.rows_back[int(flows.first_ns[pair.rows_back].argmin())]
    opened_ns = int(flows.first_ns[first])
    if not flows.requests[first] or int(flows.first_request_ns[first]) != opened_ns:
        return None  # an answer: requests of this side had got through
    sent = pair.sent
    asked = sent.requests > 0
    before = sent.select(asked & (sent.answers == 0) & (sent.last_request_ns < opened_ns))
    after = sent.select(asked & (sent.answers > 0) & (sent.first_request_ns > opened_ns))
    return Opening(opened_ns, before, after) if len(before) and len(after) else None


def contact_between(pair: TunnelPair) -> Contact:
    """What passes between two nodes outside the tunnel; only flows that are answered count as working.

    Of a tunnel that has fallen silent only what is answered well after that.
    """
    one, other = pair.outer_source, pair.outer_destination
    since_ns = pair.silence.since_ns + SILENCE_NS if pair.silence else -1
    flows, by_source = pair.point.facts.flows, _bare_rows_by_source(pair.point)
    own, others = by_source.get((one,), []), by_source.get((other,), [])
    answered = (flows.answers[own] > 0) & (flows.last_answer_ns[own] > since_ns)
    between = flows.select([own[at] for at in (answered & (flows.destination[own] == other)).nonzero()[0].tolist()])
    is_bgp = (between.protocol == TCP) & ((between.source_port == BGP_PORT) | (between.destination_port == BGP_PORT))
    is_ping = (between.protocol == ICMP) & (between.source_port >= 0)
    return Contact(
        bgp=int(between.answers[is_bgp].sum()),
        ping=int(between.answers[is_ping].sum()),
        other=int(between.answers[~is_bgp & ~is_ping].sum()),
        from_destination=int(flows.packets[others][flows.last_ns[others] > since_ns].sum()),
        is_since=pair.silence is not None,
    )


@lru_cache(maxsize=256)
def _bare_rows_by_source(point: Point) -> dict[tuple[int], list[int]]:
    return point.facts.flows.positions_by(point.facts.flows.tunnel == Tunnel.NONE, "source")
