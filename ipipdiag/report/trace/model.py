"""The finished answer of ``ipipdiag trace``: everything that is shown, decided before any renderer sees it.

The fields are those of its JSON (schema version 1.0) under the same names. Places are "l1", clocks "m1", routes "r1";
inputs and points bear the numbers of the report of ``ipipdiag analyze``. Sentences name addresses as far as names are
known.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipipdiag.report.model import InputError, InputReport, PointReport
    from ipipdiag.report.trace.machines import ClockReport

SCHEMA_VERSION = "1.0"


class WayState(StrEnum):
    """What became of the packets of a route, of one packet, or of all."""

    LOST = "lost"  # proven: sent while the next place was captured, and not there
    ASTRAY = "astray"  # seen at a node that is not on their way, and not at the destination
    LOOP = "loop"  # seen at one place again and again, their TTL falling
    REFUSED = "refused"  # too big for the way; their sender was told
    UNSEEN = "unseen"  # not seen at the next place, which is no proof that they are lost
    FOLLOWED = "followed"  # nothing lost as far as the captures reach, which is not to the destination
    ARRIVES = "arrives"  # nothing lost on the way to the destination
    NOT_CAPTURED = "not_captured"  # no capture has what was asked for
    NOT_TRACED = "not_traced"  # captured, but it cannot be matched between points


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer in one sentence; what lives where the packets end, what else there is, and what would tell more."""

    state: WayState
    headline: str
    there: str | None = None
    also: tuple[str, ...] = ()
    enable: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for; None where it does not narrow the answer. Frames are of one input."""

    source: str | None
    destination: str | None
    input: str | None
    frame: int | None


@dataclass(frozen=True, slots=True)
class PlaceReport:
    """A place packets pass by, and the points that show it; ``frames`` are those of the first.

    Times are by the reference clock where ``clock`` tells how far its own differs, else by its own; None where it has
    no frame.
    """

    id: str
    label: str
    role: str
    node: str | None
    why: str  # it belongs to that node; empty where none is known
    pods: tuple[str, ...]
    points: tuple[str, ...]
    inputs: tuple[str, ...]  # names
    frames: int
    first_ns: int | None
    last_ns: int | None
    clock: str


@dataclass(frozen=True, slots=True)
class HeaderReport:
    """Headers as they stand at a place; the outer ones are None where the packet is bare. TTLs are a range."""

    source: str
    destination: str
    ttl_min: int
    ttl_max: int
    tunnel: str | None
    outer_source: str | None
    outer_destination: str | None
    outer_ttl_min: int | None
    outer_ttl_max: int | None


@dataclass(frozen=True, slots=True)
class StopReport:
    """A place on the way: how many packets were seen there, and how they looked, the most frequent form first.

    ``change`` says what happened to the header since the stop before, None where nothing did.
    """

    place: str
    label: str
    station: str
    packets: int
    is_expected: bool
    is_order_known: bool
    length_max: int
    headers: tuple[HeaderReport, ...]
    change: str | None
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlowReport:
    """A flow that lost something on a hop, as it looks at its start; ``text`` is how people write it."""

    protocol: int
    source: str
    source_port: int | None
    destination: str
    destination_port: int | None
    sent: int
    lost: int
    answers: int
    text: str


@dataclass(frozen=True, slots=True)
class HopReport:
    """From one stop to the next. Counts are of packets as the finest cut of any place has them.

    ``flows`` are those that lost most, ``more_flows`` how many others lost something. ``is_proven`` is whether ``lost``
    may be called so; ``doubts`` say why not, or on what it rests. ``between`` is what
    lives there. ``lost_frames`` are input and number at the start, the first few.
    """

    start: str
    end: str
    sent: int
    seen: int
    lost: int
    missed: int
    refused: int
    uncovered: int
    lost_bytes: int
    is_proven: bool
    delay_median_ns: int | None
    delay_p99_ns: int | None
    clock_error_ns: int | None
    first_lost_ns: int | None
    last_lost_ns: int | None
    lost_frames: tuple[tuple[str, int], ...]
    flows: tuple[FlowReport, ...]
    more_flows: int
    between: str
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RouteReport:
    """All packets from one address to another; ``translations`` are pairs of addresses they bear elsewhere.

    ``ends`` is the position of the hop that the state is about, None where nothing ends; ``is_answered`` whether any
    capture has a packet of the other direction. ``beyond`` says what is not
    known behind the last captured place, ``enable`` the capture that would tell.
    """

    id: str
    source: str
    source_name: str | None
    destination: str
    destination_name: str | None
    source_node: str | None
    destination_node: str | None
    is_wrapped: bool | None
    packets: int
    flows: int
    translations: tuple[tuple[str, str], ...]
    state: WayState
    lost: int
    headline: str
    where: str | None
    there: str | None
    ends: int | None
    is_answered: bool
    stops: tuple[StopReport, ...]
    hops: tuple[HopReport, ...]
    beyond: str | None
    enable: str | None


@dataclass(frozen=True, slots=True)
class SightingReport:
    """A packet at one point: the frames that carry it, when, and the headers it bears.

    ``time_ns`` is that of its first frame by the point's own clock, ``common_ns`` by the reference clock. ``delta_ns``
    is the time since the stop before, None at the first one, and where the clocks cannot be compared.
    """

    place: str
    label: str
    point: str
    input: str
    input_name: str
    frames: tuple[int, ...]
    time_ns: int
    common_ns: int | None
    delta_ns: int | None
    clock_error_ns: int | None
    size: int
    is_wrapped: bool
    header: HeaderReport
    change: str | None


@dataclass(frozen=True, slots=True)
class PacketReport:
    """One packet: what it is, and where it was seen, in the order of its way.

    ``missing`` is the label of the place where it is missed, None where no place behind the last one was captured.
    """

    text: str
    input: str
    frame: int
    source: str
    destination: str
    size: int
    transmission: int
    transmissions: int
    route: str
    sightings: tuple[SightingReport, ...]
    missing: str | None
    between: str | None


@dataclass(frozen=True, slots=True)
class UntracedReport:
    """A point that takes no part in matching, and why."""

    point: str
    label: str
    input: str
    reason: str


@dataclass(frozen=True, slots=True)
class TraceReport:
    """The whole answer. ``routes`` are those asked for, the worst first, and ``more_routes`` how many others there are,
    none of them worse; ``drawn`` are the ids of those worth a picture. ``apart`` names places whose captures do not
    overlap in time.
    """

    version: str
    answer: Answer
    asked: Asked
    inputs: tuple[InputReport, ...]
    points: tuple[PointReport, ...]
    places: tuple[PlaceReport, ...]
    clocks: tuple[ClockReport, ...]
    apart: tuple[str, ...]
    routes: tuple[RouteReport, ...]
    more_routes: int
    drawn: tuple[str, ...]
    packet: PacketReport | None
    untraced: tuple[UntracedReport, ...]
    notes: tuple[str, ...]
    flow_fraction: int
    errors: tuple[InputError, ...]
