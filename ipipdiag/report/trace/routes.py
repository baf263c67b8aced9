"""Routes in words: what became of the packets on each, where they end, and what lives there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ipipdiag.addresses import format_address
from ipipdiag.checks.hop_losses import Leg, hears, is_deaf, is_meant_for, shows_tunnels, what_holds
from ipipdiag.checks.ready_commands import Known
from ipipdiag.checks.thresholds import Thresholds
from ipipdiag.cluster.model import Cluster
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import ICMP, SCTP, TCP, UDP
from ipipdiag.report.files import Files
from ipipdiag.report.naming import name_addresses
from ipipdiag.report.trace.between import what_lives_between
from ipipdiag.report.trace.headers import change_between, headers_of
from ipipdiag.report.trace.model import FlowReport, HopReport, RouteReport, StopReport, WayState
from ipipdiag.report.trace.outcome import is_nobodys, outcome_of
from ipipdiag.report.units import format_count
from ipipdiag.trace.model import FlowLoss, Route, Stop, Trace
from ipipdiag.trace.places import Place, Station

_PROTOCOLS = {TCP: "TCP", UDP: "UDP", ICMP: "ICMP echo", SCTP: "SCTP"}
_SEVERITY = {
    WayState.LOST: 0, WayState.ASTRAY: 0, WayState.LOOP: 0, WayState.REFUSED: 2, WayState.UNSEEN: 3,
    WayState.FOLLOWED: 4, WayState.ARRIVES: 4,
}  # fmt: skip
BAD_STATES = (WayState.LOST, WayState.ASTRAY, WayState.LOOP, WayState.REFUSED)


class RouteWriter:
    """Writes the routes of one trace."""

    def __init__(self, cluster: Cluster, files: Files, trace: Trace) -> None:
        self._cluster, self._files, self._timeline = cluster, files, trace.timeline
        self._known = Known([point for place in trace.places for point in place.points], cluster)
        self._ends = {
            ends for route in trace.routes for ends in ((route.source, route.destination), *route.translations)
        }

    def reports(self, routes: Sequence[Route]) -> tuple[RouteReport, ...]:
        """All routes, the worst first: those that lose whole conversations, then a part, then the others."""
        written = [(route, self._report(route)) for route in routes]
        written.sort(key=lambda entry: self._rank(*entry))
        return tuple(replace(report, id=f"r{number}") for number, (_, report) in enumerate(written, start=1))

    def _is_answered(self, route: Route) -> bool:
        """Whether any packet of the other direction was captured anywhere."""
        ends = ((route.source, route.destination), *route.translations)
        return any((destination, source) in self._ends for source, destination in ends)

    def _rank(self, route: Route, report: RouteReport) -> tuple[int, bool, bool, int, int]:
        severity = _SEVERITY[report.state]
        if report.state is WayState.LOST and not _blocked(route, report):
            severity = 1
        is_between_pods = self._cluster.is_pod(route.source) and self._cluster.is_pod(route.destination)
        return severity, not is_between_pods, report.is_answered, -report.lost, -report.packets

    def _report(self, route: Route) -> RouteReport:
        stops, hops = self._stops(route), self._hops(route)
        state, ends = outcome_of(route, hops, self._cluster)
        packets = f"packets from {self.named(route.source)} to {self.named(route.destination)}"
        where = None if ends is None else _where(stops, ends)
        beyond, enable = self._beyond(route, state)
        return RouteReport(
            id="",
            source=format_address(route.source),
            source_name=self._cluster.name_of(route.source),
            destination=format_address(route.destination),
            destination_name=self._cluster.name_of(route.destination),
            source_node=None if route.source_node is None else format_address(route.source_node),
            destination_node=None if route.destination_node is None else format_address(route.destination_node),
            is_wrapped=route.is_wrapped,
            packets=route.packets,
            flows=route.flows,
            translations=tuple((format_address(one), format_address(other)) for one, other in route.translations),
            state=state,
            lost=sum(hop.lost for hop in hops if hop.is_proven),
            headline=_headline(
                state, packets, stops, hops, ends, route, self._cluster, is_answered=self._is_answered(route)
            ),
            where=where,
            there=None if ends is None else self._there(state, hops[ends], route, stops[ends]),
            ends=ends,
            is_answered=self._is_answered(route),
            stops=stops,
            hops=hops,
            beyond=beyond,
            enable=enable,
        )

    def _there(self, state: WayState, hop: HopReport, route: Route, last: StopReport) -> str | None:
        """What lives where packets end; of those that went astray what sent them there; None of a mere suspicion."""
        if state is WayState.UNSEEN:
            return None
        if state is WayState.REFUSED:
            return f"the MTU behind {last.label}, less than these packets need"
        if state is not WayState.ASTRAY:
            return hop.between
        owner = (
            "" if route.destination_node is None else f", which is on {self._cluster.node_text(route.destination_node)}"
        )
        sender = (
            "the sending node" if route.source_node is None else f"node {self._cluster.node_text(route.source_node)}"
        )
        return f"the route of {sender} for {self.named(route.destination)}{owner}: it leads past {last.label}"

    def named(self, address: int) -> str:
        """An address with its name where one is known."""
        return name_addresses(format_address(address), self._cluster)

    def label(self, place: Place) -> str:
        """A place with the names of what has its address."""
        return name_addresses(place.label, self._cluster)

    def _stops(self, route: Route) -> tuple[StopReport, ...]:
        reports: list[StopReport] = []
        before = None
        for stop in route.stops:
            headers = headers_of(stop.forms)
            first = headers[0] if headers else None
            reports.append(
                StopReport(
                    place=place_id(stop.place),
                    label=self.label(stop.place),
                    station=stop.station.name.lower(),
                    packets=stop.packets,
                    is_expected=stop.is_expected,
                    is_order_known=stop.is_order_known,
                    length_max=stop.length_max,
                    headers=headers,
                    change=change_between(before, first),
                    remarks=_remarks(stop),
                )
            )
            before = first or before
        return tuple(reports)

    def _hops(self, route: Route) -> tuple[HopReport, ...]:
        return tuple(
            self._hop(Leg(route, hop, route.stops[number], route.stops[number + 1]))
            for number, hop in enumerate(route.hops)
        )

    def _hop(self, leg: Leg) -> HopReport:
        hop = leg.hop
        why_not = self._why_not(leg)
        doubts = tuple(name_addresses(text, self._cluster) for text in why_not or _rests_on(leg))
        return HopReport(
            start=place_id(hop.start),
            end=place_id(hop.end),
            sent=hop.sent,
            seen=hop.seen,
            lost=hop.lost,
            missed=hop.missed,
            refused=hop.refused,
            uncovered=hop.uncovered,
            lost_bytes=hop.lost_bytes,
            is_proven=not why_not,
            delay_median_ns=hop.delay_median_ns,
            delay_p99_ns=hop.delay_p99_ns,
            clock_error_ns=hop.error_ns,
            first_lost_ns=hop.first_lost_ns,
            last_lost_ns=hop.last_lost_ns,
            lost_frames=tuple(self._files.locate(name, number) for name, number in hop.lost_frames),
            flows=tuple(_flow(flow, is_proven=not why_not) for flow in hop.flows),
            more_flows=hop.more_flows,
            between=what_lives_between(leg.start.station, leg.end.station, leg.route, self._cluster),
            doubts=doubts,
        )

    def _why_not(self, leg: Leg) -> tuple[str, ...]:
        """Why what is not seen at the end of a hop may not be called lost."""
        if not (leg.hop.lost or leg.hop.uncovered):
            return ()
        start, end = leg.start, leg.end
        if not start.is_order_known or not end.is_order_known:
            return (f"which of {self.label(start.place)} and {self.label(end.place)} comes first is not known",)
        for stop in (start, end):
            if is_nobodys(stop):
                return (f"whose {self.label(stop.place)} is is not known",)
            if not stop.is_expected:
                return (f"{self.label(stop.place)} is not on the way of these packets",)
        if lost := is_deaf(end.place):
            return (lost.missing,)
        if not leg.hop.lost:
            return (self._uncovered(leg),)
        between_nodes = start.station >= Station.SOURCE_NIC and end.station <= Station.DESTINATION_NIC
        if between_nodes and not leg.hop.seen and not hears(leg):
            return (f"{end.place.label} shows nothing of the sending node: perhaps its capture was filtered",)
        if between_nodes and leg.lost_flows and not is_meant_for(leg):
            form = "without an outer header" if leg.route.is_wrapped else "in another form"
            return (f"some of them leave {start.place.label} {form}, and so perhaps by another way",)
        return ()

    def _uncovered(self, leg: Leg) -> str:
        start, end = self.label(leg.start.place), self.label(leg.end.place)
        if self._timeline is not None and not self._timeline.is_shared(leg.start.place, leg.end.place):
            return f"the clocks of {start} and {end} cannot be compared: no packet was seen at both"
        return f"{end} was not captured at that time, or only just"

    def _beyond(self, route: Route, state: WayState) -> tuple[str | None, str | None]:
        """What is not known behind the last place that was captured, and the capture that would tell."""
        if state is not WayState.FOLLOWED:
            return None, None
        last = next(stop for stop in reversed(route.stops) if stop.packets)
        label = self.label(last.place)
        if not self._is_ours(route.destination):
            return f"{label} is where these packets leave the cluster, or the last place captured", None
        node = route.destination_node
        where = f"node {self._cluster.node_text(node)}" if node is not None else "the destination's node"
        if last.station < Station.SOURCE_NIC and node != route.source_node:
            own = route.source_node
            where = f"node {self._cluster.node_text(own)}" if own is not None else "the source's node"
            return f"nothing was captured behind {label}", capture_command(Role.NODE, where)
        if last.station < Station.DESTINATION_NIC and node != route.source_node:
            return f"nothing was captured behind {label}", capture_command(Role.NODE, where)
        command = capture_command(Role.CALI, f"{where}, the interface of pod {format_address(route.destination)}")
        return f"nothing was captured behind {label}", self._known.ready(command, route.destination)

    def _is_ours(self, address: int) -> bool:
        return self._cluster.is_pod(address) or self._cluster.is_node(address)


def place_id(place: Place) -> str:
    """The id of a place in the report."""
    return f"l{place.number + 1}"


def _rests_on(leg: Leg) -> tuple[str, ...]:
    """What a loss rests on that is not shown by packets, each a condition."""
    if not leg.hop.lost:
        return ()
    told = [f"unless {text}" for text in what_holds(leg)]
    between_nodes = leg.start.station >= Station.SOURCE_NIC and leg.end.station <= Station.DESTINATION_NIC
    if between_nodes and leg.route.is_wrapped and not leg.hop.seen and not shows_tunnels(leg.end.place):
        told.append(f"unless the capture at {leg.end.place.label} leaves protocol 4 out: it shows none at all")
    return tuple(told)


def _remarks(stop: Stop) -> tuple[str, ...]:
    """What is to be known of a stop that packets need not pass, or that cannot be put in order."""
    if is_nobodys(stop):
        return ("whose it is, and so where on the way it lies, is not known",)
    remarks = []
    if not stop.is_expected:
        remarks.append("not on the way of these packets")
    if not stop.is_order_known:
        remarks.append("where on the way it lies is not known")
    if stop.more_forms:
        remarks.append(f"{format_count(stop.more_forms, 'more form')} with fewer packets left out")
    return tuple(remarks)


def _blocked(route: Route, report: RouteReport) -> int:
    """How many packets are lost of conversations of which nothing gets over the hop."""
    if report.ends is None:
        return 0
    leg = Leg(route, route.hops[report.ends], route.stops[report.ends], route.stops[report.ends + 1])
    return leg.lost_packets if leg.lost_packets >= Thresholds().unanswered_requests else 0


def _where(stops: Sequence[StopReport], ends: int) -> str:
    return f"between {stops[ends].label} and {stops[ends + 1].label}"


def _headline(
    state: WayState,
    packets: str,
    stops: Sequence[StopReport],
    hops: Sequence[HopReport],
    ends: int | None,
    route: Route,
    cluster: Cluster,
    *,
    is_answered: bool,
) -> str:
    """What became of the packets, as a sentence without its end."""
    total = format_count(route.packets, "packet") + packets.removeprefix("packets")
    seen = [stop for stop in stops if stop.packets]
    if state is WayState.LOOP:
        return f"{packets} go round in a circle: {_circle(route)}"
    if ends is None:
        if state is WayState.ARRIVES:
            return f"{total}: all followed from {seen[0].label} to {seen[-1].label}, nothing lost"
        answer = "" if is_answered else "; nothing comes back"
        if len(seen) == 1:
            return f"{total}: seen at {seen[0].label}, at no other place{answer}"
        last = f"{seen[-1].label}, which is as far as the captures reach"
        return f"{total}: all followed from {seen[0].label} to {last}{answer}"
    hop, start, end = hops[ends], stops[ends].label, stops[ends + 1].label
    if state is WayState.ASTRAY:
        gone = stops[ends].packets - hop.seen
        return f"{gone} of {total} go astray: to {start}, which is not on their way, and never to {end}"
    if state is WayState.REFUSED:
        why = "too big for the way, which their sender is told (ICMP fragmentation needed)"
        verb = "is" if hop.refused == 1 else "are"
        return f"{hop.refused} of {total} {verb} turned down behind {start}: {why}"
    if state is WayState.UNSEEN:
        missed = f"{hop.lost} of {total}" if hop.lost else total
        return f"{missed}: seen at {start} and not at {end}; {'; '.join(hop.doubts)}"
    share = f"{hop.lost} of {format_count(hop.sent, 'packet')}{packets.removeprefix('packets')}"
    return f"{share} {_last_seen(route, ends, hop, cluster)} lost between {start} and {end}"


def _last_seen(route: Route, ends: int, hop: HopReport, cluster: Cluster) -> str:
    """What a loss between two places means for the nodes at both ends, where nothing gets through."""
    nodes = [
        cluster.node_text(node) if node is not None else "" for node in (route.source_node, route.destination_node)
    ]
    start, end = route.stops[ends].station, route.stops[ends + 1].station
    several = hop.lost != 1
    if hop.seen or not all(nodes) or nodes[0] == nodes[1]:
        return "are" if several else "is"
    if end <= Station.SOURCE_NIC:
        return f"{'end' if several else 'ends'} on their own node {nodes[0]}:"
    if start >= Station.DESTINATION_NIC:
        return f"{'reach' if several else 'reaches'} node {nodes[1]} and {'end' if several else 'ends'} there:"
    never = f"never {'reach' if several else 'reaches'} node {nodes[1]}:"
    if start >= Station.SOURCE_NIC and end <= Station.DESTINATION_NIC:
        return f"{'leave' if several else 'leaves'} node {nodes[0]} and {never}"
    return never


def _circle(route: Route) -> str:
    """Where the loop shows most, and how long it lasts."""
    best = ("", 0, 0, 0)
    for stop in route.stops:
        for point in stop.place.points:
            loops = point.facts.loops
            for source, destination, most, first, last in loops.rows(
                "source", "destination", "sightings_max", "ttl_first", "ttl_last"
            ):
                if (source, destination) == (route.source, route.destination) and most > best[1]:
                    best = (stop.place.label, most, first, last)
    return (
        f"one packet is seen {best[1]} times in one direction at {best[0]}, its TTL falling from {best[2]} to {best[3]}"
    )


def _flow(flow: FlowLoss, *, is_proven: bool) -> FlowReport:
    source, destination = format_address(flow.source), format_address(flow.destination)
    name = _PROTOCOLS.get(flow.protocol, f"protocol {flow.protocol}")
    if flow.protocol in (TCP, UDP, SCTP) and flow.source_port >= 0:
        text = f"{name} {source}:{flow.source_port} > {destination}:{flow.destination_port}"
    elif flow.protocol == ICMP and flow.source_port >= 0:
        text = f"{name} {source} > {destination} id {flow.source_port}"
    else:
        text = f"{name.removesuffix(' echo')} {source} > {destination}"
    answers = "" if flow.answers else ", no answer"
    return FlowReport(
        protocol=flow.protocol,
        source=source,
        source_port=None if flow.source_port < 0 else flow.source_port,
        destination=destination,
        destination_port=None if flow.destination_port < 0 else flow.destination_port,
        sent=flow.sent,
        lost=flow.lost,
        answers=flow.answers,
        text=f"{text}: {flow.lost} of {flow.sent} {'lost' if is_proven else 'not seen further'}{answers}",
    )
