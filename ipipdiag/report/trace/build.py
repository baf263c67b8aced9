"""Builds the answer of ``ipipdiag trace`` from a trace and what was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ipipdiag import __version__
from ipipdiag.addresses import format_address
from ipipdiag.cluster.model import Cluster
from ipipdiag.decode.packets import Packets
from ipipdiag.facts.collect import CaptureFacts
from ipipdiag.points.model import Point
from ipipdiag.report.build import input_report, point_report
from ipipdiag.report.files import Files, FrameLocation
from ipipdiag.report.left_out import left_out
from ipipdiag.report.model import InputError
from ipipdiag.report.naming import name_addresses
from ipipdiag.report.trace.absence import Absence
from ipipdiag.report.trace.machines import captured_apart, clock_reports, machines_of, window_of
from ipipdiag.report.trace.model import (
    Answer,
    Asked,
    PacketReport,
    PlaceReport,
    RouteReport,
    TraceReport,
    UntracedReport,
    WayState,
)
from ipipdiag.report.trace.packet import PacketWriter
from ipipdiag.report.trace.routes import BAD_STATES, RouteWriter, place_id
from ipipdiag.report.units import format_count
from ipipdiag.trace.model import Trace
from ipipdiag.trace.packet import PacketWay
from ipipdiag.trace.places import Place
from ipipdiag.trace.query import Query
from ipipdiag.trace.selection import asked_routes
from ipipdiag.trace.timeline import machine_of

MOST_DRAWN = 3
MOST_TOLD = 5_000  # routes; a report of them has some 16 MB
MOST_NAMED = 6  # pairs of addresses that there are instead of what was asked for


class TraceReporter:
    """Answers queries about one trace."""

    def __init__(
        self,
        captures: Sequence[CaptureFacts],
        points: Sequence[Point],
        cluster: Cluster,
        trace: Trace,
        errors: Sequence[InputError],
    ) -> None:
        self._points, self._cluster, self._trace = points, cluster, trace
        self.files = Files(captures)
        self._errors = (
            *errors,
            *(
                InputError(summary.name, damage.text, fatal=False)
                for summary in self.files.summaries
                for damage in summary.damages
            ),
            *left_out(captures),
        )
        self._routes = RouteWriter(cluster, self.files, trace)
        self._absence = Absence(points, cluster, trace)

    def routes(self, query: Query) -> TraceReport:
        """The answer about all packets, or those between some addresses."""
        chosen = asked_routes(self._trace, self._cluster, query)
        routes = self._routes.reports(chosen)
        forward = [route for route in routes if _is_forward(route, query)]
        if not forward:
            answer = self._absence.no_route(query)
            return self._report(query, answer, routes if query.source and query.destination else (), ())
        return self._report(query, _answer(query, forward, routes), routes, _drawn(forward, routes, query))

    def packet(
        self, query: Query, frame: FrameLocation, way: PacketWay | None, rows: Mapping[tuple[str, int], Packets]
    ) -> TraceReport:
        """The answer about the packet in one frame; ``way`` is None where it cannot be followed."""
        name = self.files.name(frame.input)
        asked = (name, frame.number)
        if way is None:
            answer = self._absence.no_way(name, frame, rows.get((frame.input, frame.number)))
            return self._report(query, answer, (), (), frame=asked)
        route = next(
            known for known in self._trace.routes if (known.source, known.destination) == (way.source, way.destination)
        )
        written = self._routes.reports((route,))
        writer = PacketWriter(self._trace, self._cluster, self.files, rows)
        packet = writer.report(way, route, written[0].id, frame.input, frame.number)
        answer = replace(writer.answer(way, packet, route, name), also=(_all_of(written[0]),))
        return self._report(query, answer, written, (), packet, asked)

    def _report(
        self,
        query: Query,
        answer: Answer,
        routes: tuple[RouteReport, ...],
        drawn: tuple[str, ...],
        packet: PacketReport | None = None,
        frame: tuple[str, int] | None = None,
    ) -> TraceReport:
        told = [route for position, route in enumerate(routes) if position < MOST_TOLD or route.id in drawn]
        return TraceReport(
            version=__version__,
            answer=answer,
            asked=Asked(
                source=query.source.text if query.source else None,
                destination=query.destination.text if query.destination else None,
                input=frame[0] if frame else None,
                frame=frame[1] if frame else None,
            ),
            inputs=tuple(input_report(number, summary) for number, summary in enumerate(self.files.summaries, start=1)),
            points=tuple(point_report(point, self._cluster, self.files) for point in self._points),
            places=self._places(),
            clocks=clock_reports(self._trace, self._cluster),
            apart=captured_apart(self._trace, self._cluster),
            routes=tuple(told),
            more_routes=len(routes) - len(told),
            drawn=drawn,
            packet=packet,
            untraced=tuple(
                UntracedReport(entry.point.id, entry.point.label, entry.point.input, entry.reason)
                for entry in self._trace.untraced
            ),
            notes=(*self._trace.notes, *self._limits(), *self._merged()),
            flow_fraction=self._trace.flow_fraction,
            errors=self._errors,
        )

    def _limits(self) -> list[str]:
        if self._trace.flow_fraction == 1:
            return []
        return [f"one flow in {self._trace.flow_fraction} was matched: there are more packets than are kept"]

    def _merged(self) -> list[str]:
        """Points that show packets more than once: files put together by mergecap, mirror ports."""
        notes = []
        for point in self._points:
            if repeated := int(point.facts.duplicates.packets.sum()):
                several = f"{format_count(repeated, 'packet')} more than once, counted once"
                notes.append(f"{point.label} shows {several}: a mirror port, or captures put together in one file")
        return notes

    def _places(self) -> tuple[PlaceReport, ...]:
        timeline = self._trace.timeline
        machines = list(machines_of(self._trace))
        if timeline is not None:
            machines.sort(key=lambda machine: machine != timeline.reference)
        return tuple(self._place(place, f"m{machines.index(machine_of(place)) + 1}") for place in self._trace.places)

    def _place(self, place: Place, clock: str) -> PlaceReport:
        window = window_of(place, self._trace.timeline)
        inputs = [name for point in place.points for name in self.files.of(point.input)]
        return PlaceReport(
            id=place_id(place),
            label=name_addresses(place.label, self._cluster),
            role=place.role.value,
            node=None if place.node is None else format_address(place.node),
            why=place.node_source,
            pods=tuple(format_address(pod) for pod in place.pods),
            points=tuple(point.id for point in place.points),
            inputs=tuple(dict.fromkeys(inputs)),
            frames=place.lead.facts.extent.frames,
            first_ns=window.first_ns if window else None,
            last_ns=window.last_ns if window else None,
            clock=clock,
        )


def _answer(query: Query, forward: Sequence[RouteReport], routes: Sequence[RouteReport]) -> Answer:
    """The worst of the routes, else the first that was asked for, or what all of them have in common."""
    worst = next((route for route in routes if route.state in BAD_STATES), forward[0])
    others = [route for route in routes if route is not worst]
    beyond = () if worst.beyond is None else (worst.beyond,)
    if not others or (query.source is not None and query.destination is not None):
        also = (*beyond, *(route.headline for route in others[:MOST_DRAWN]))
        return Answer(worst.state, worst.headline, worst.there, also, worst.enable)
    ends_in_silence = worst.state is WayState.FOLLOWED and not worst.is_answered
    if worst.state in (*BAD_STATES, WayState.UNSEEN) or ends_in_silence:
        return Answer(worst.state, worst.headline, worst.there, _also(worst, others), worst.enable)
    packets = format_count(sum(route.packets for route in routes), "packet")
    arrive = sum(route.state is WayState.ARRIVES for route in routes)
    return Answer(
        state=worst.state,
        headline=f"nothing is seen to be lost: {packets} of {len(routes)} pairs of addresses",
        also=(
            f"{arrive} of them are followed to their destination, {len(routes) - arrive} as far as captures reach",
            *(route.headline for route in routes if route.state is WayState.UNSEEN),
        ),
        enable=worst.enable,
    )


def _is_forward(route: RouteReport, query: Query) -> bool:
    """Whether a route leads the way that was asked for, rather than that of the answers."""
    if query.source is None or query.destination is None:
        return True
    ends = ((route.source, route.destination), *route.translations)
    return any(query.source.matches(one) for one, _ in ends) and any(
        query.destination.matches(other) for _, other in ends
    )


def _drawn(forward: Sequence[RouteReport], routes: Sequence[RouteReport], query: Query) -> tuple[str, ...]:
    """The routes worth a picture: those asked for with their answers, else the worst of each place where packets end,
    else the first.
    """
    if query.source is not None and query.destination is not None:
        back = [route for route in routes if route not in forward]
        return tuple(route.id for route in (*forward[:MOST_DRAWN], *back[:MOST_DRAWN]))
    worst: dict[str | None, RouteReport] = {}
    for route in routes:
        if route.state in BAD_STATES:
            worst.setdefault(route.where, route)
    return tuple(route.id for route in list(worst.values())[:MOST_DRAWN]) or (routes[0].id,)


def _also(worst: RouteReport, others: Sequence[RouteReport]) -> tuple[str, ...]:
    """What became of the other pairs of addresses, in a sentence or two."""
    said = []
    bad = [route for route in others if route.state in BAD_STATES]
    same = [route for route in bad if route.where == worst.where]
    if same:
        packets = format_count(sum(route.lost for route in same), "packet")
        said.append(f"{format_count(len(same), 'more pair')} of addresses the same way there ({packets} lost)")
    elsewhere = [route for route in bad if route.where != worst.where]
    said += [route.headline for route in elsewhere[:MOST_DRAWN]]
    if len(elsewhere) > MOST_DRAWN:
        said.append(f"{len(elsewhere) - MOST_DRAWN} more pairs of addresses elsewhere")
    if uncertain := sum(route.state is WayState.UNSEEN for route in others):
        said.append(f"{format_count(uncertain, 'more pair')} of addresses not seen further, which proves no loss")
    quiet = [route for route in others if route.state in (WayState.ARRIVES, WayState.FOLLOWED)]
    if quiet:
        said.append(f"{format_count(len(quiet), 'other pair')} of addresses: nothing lost as far as captures reach")
    return tuple(said)


def _all_of(route: RouteReport) -> str:
    return f"of all of them: {route.headline}"
