"""What a trace says: the way of packets between two addresses, place by place, and what became of them on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ipipdiag.kinds import Tunnel
from ipipdiag.trace.clocks import Offset
from ipipdiag.trace.places import Place, Station, Untraced
from ipipdiag.trace.timeline import Timeline
from ipipdiag.trace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Form:
    """How packets look at a place: addresses as they stand there, TTLs, the outer header of IP-in-IP, and the kind of
    tunnel they are in.
    """

    source: int
    destination: int
    outer_source: int  # 0: bare
    outer_destination: int
    ttl: int
    outer_ttl: int
    tunnel: int = Tunnel.NONE


@dataclass(frozen=True, slots=True)
class Stop:
    """A place on the way. ``packets`` are units seen there; ``is_expected`` is False of a detour."""

    place: Place
    station: Station
    is_expected: bool
    is_order_known: bool
    packets: int
    length_max: int  # bytes of the longest inner packet there
    forms: tuple[Form, ...]  # the most frequent first
    more_forms: int  # of fewer packets each


@dataclass(frozen=True, slots=True)
class FlowLoss:
    """One flow on one hop, as it looks at the hop's start; ``answers`` are packets of its other direction, at the place
    that saw most of them: what is answered anywhere was delivered.
    """

    source: int
    destination: int
    protocol: int
    source_port: int
    destination_port: int
    sent: int
    lost: int
    answers: int


@dataclass(frozen=True, slots=True)
class Hop:
    """From one place to the next: what was sent, seen and lost, and how long it took.

    Counts are of units: packets as the finest cut of any place has them. ``sent`` and ``lost`` are those sent while
    the next place was captured; ``uncovered`` those outside that time, and second sightings, of which nothing is said;
    ``missed`` are not at the next place but at one beyond, or are answered: its capture lacks them; ``refused`` were
    too big, or probes whose TTL ran out, and their sender was told so by ICMP. ``is_assumed`` where the next place
    shows no frame around that time, and that it was captured is taken from others of its node. Delays are None where
    nothing was seen at both, or the clocks are not comparable; ``error_ns`` is that of the clocks. ``lost_whole`` are
    those of ``lost`` whose flow did not get over at all and is answered nowhere, ``lost_in_part`` the others; neither
    counts sessions on TCP/179, of which BGP itself tells more.
    """

    start: Place
    end: Place
    sent: int
    seen: int
    lost: int
    missed: int
    refused: int
    uncovered: int
    is_assumed: bool
    lost_bytes: int
    delay_median_ns: int | None
    delay_p99_ns: int | None
    error_ns: int | None
    first_lost_ns: int | None
    last_lost_ns: int | None
    lost_frames: tuple[tuple[str, int], ...]  # input and frame number at the start, the first few
    lost_over_time: tuple[tuple[int, int], ...]  # start of a bucket in nanoseconds, and how many were lost in it
    flows: tuple[FlowLoss, ...]  # those that lost something, most first
    more_flows: int  # that lost something as well
    lost_whole: int
    lost_in_part: int
    is_one_clock: bool = False  # both places are of one machine


@dataclass(frozen=True, slots=True)
class Route:
    """All packets from one address to another. ``translations`` are addresses they bear at other places."""

    source: int
    destination: int
    source_node: int | None
    destination_node: int | None
    is_wrapped: bool | None
    packets: int
    flows: int
    stops: tuple[Stop, ...]
    hops: tuple[Hop, ...]
    translations: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """How far the clock of a machine is ahead of that of the reference; both named by one of their places."""

    machine: Place
    reference: Place
    offset: Offset


@dataclass(frozen=True, slots=True)
class Trace:
    """All routes of a run, and what could not be followed."""

    places: tuple[Place, ...] = ()
    untraced: tuple[Untraced, ...] = ()
    clocks: tuple[Clock, ...] = ()
    routes: tuple[Route, ...] = ()
    notes: tuple[str, ...] = ()
    flow_fraction: int = 1  # one flow in so many was matched
    table: Workspace | None = field(default=None, compare=False, repr=False)  # for the way of single packets
    timeline: Timeline | None = field(default=None, compare=False, repr=False)
