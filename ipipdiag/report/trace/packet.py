"""One packet in words: what it is, where each point saw it, and where its way ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ipipdiag.addresses import format_address
from ipipdiag.cluster.model import Cluster
from ipipdiag.decode.packets import Packets
from ipipdiag.kinds import Network, Tunnel
from ipipdiag.protocols import ECHO_REPLY, ECHO_REQUEST, ICMP, TCP, UDP
from ipipdiag.report.files import Files
from ipipdiag.report.naming import name_addresses
from ipipdiag.report.trace.between import what_lives_between
from ipipdiag.report.trace.headers import change_between, tunnel_name
from ipipdiag.report.trace.model import Answer, HeaderReport, PacketReport, SightingReport, WayState
from ipipdiag.report.trace.routes import place_id
from ipipdiag.trace.model import Route, Trace
from ipipdiag.trace.packet import Fate, PacketWay, Sighting
from ipipdiag.trace.places import Place

_FLAGS = ((2, "SYN"), (1, "FIN"), (4, "RST"), (8, "PSH"), (16, "ACK"))
_STATES = {
    Fate.LOST: WayState.LOST, Fate.REFUSED: WayState.REFUSED, Fate.ANSWERED: WayState.UNSEEN,
    Fate.UNKNOWN: WayState.UNSEEN,
}  # fmt: skip

Rows = Mapping[tuple[str, int], Packets]  # one row each, by id of the input and number of the frame


def frames_of(way: PacketWay, files: Files) -> dict[str, set[int]]:
    """The frames whose headers are shown, by input: the first of each sighting."""
    wanted: dict[str, set[int]] = {}
    for sighting in way.sightings:
        name, number = files.locate(sighting.point.input, sighting.frames[0])
        wanted.setdefault(name, set()).add(number)
    return wanted


class PacketWriter:
    """Writes one packet of a trace; ``rows`` are the decoded frames whose headers are shown, as far as they could be
    read again.
    """

    def __init__(self, trace: Trace, cluster: Cluster, files: Files, rows: Rows) -> None:
        self._trace, self._cluster, self._files, self._rows = trace, cluster, files, rows

    def report(self, way: PacketWay, route: Route | None, route_id: str, input_id: str, frame: int) -> PacketReport:
        """The packet in a frame; ``route`` is the way of all packets between its addresses."""
        row = self._rows.get((input_id, frame))
        return PacketReport(
            text="a packet" if row is None else describe(row),
            input=input_id,
            frame=frame,
            source=format_address(way.source),
            destination=format_address(way.destination),
            size=way.size,
            transmission=way.transmission,
            transmissions=way.transmissions,
            route=route_id,
            sightings=self._sightings(way),
            missing=None if way.following is None else self._label(way.following),
            between=None if route is None or way.following is None else self._between(way.last, way.following, route),
        )

    def answer(self, way: PacketWay, packet: PacketReport, route: Route | None, input_name: str) -> Answer:
        """What became of the packet, as a sentence."""
        frame = f"the packet of frame {packet.frame} of {input_name}"
        last = packet.sightings[-1]
        where = f"{last.label} (frame {last.frames[0]} of {last.input_name})"
        if self._loops(way):
            passes = max(self._passes(way, place) for place in {sighting.place for sighting in way.sightings})
            text = f"{frame} goes round in a circle: one place sees it {passes} times, its TTL falling"
            return Answer(WayState.LOOP, text, packet.between)
        if way.fate is Fate.END:
            arrives = route is not None and self._is_at_end(way.last, route)
            state = WayState.ARRIVES if arrives else WayState.FOLLOWED
            end = "its destination" if arrives else "the last place on its way that was captured"
            return Answer(state, f"{frame} reaches {end}: {where}")
        never = f"{frame} is last seen at {where}, never at {packet.missing}"
        if way.fate is Fate.LOST:
            return Answer(WayState.LOST, never.replace(" is last seen", " is lost: last seen", 1), packet.between)
        why = {
            Fate.REFUSED: ": it is turned down, and its sender told",
            Fate.ANSWERED: ", whose capture lacks it: it is answered, or seen further on",
            Fate.UNKNOWN: ", which was not captured at that time, or cannot be put in order",
        }[way.fate]
        return Answer(_STATES[way.fate], never + why, packet.between if way.fate is Fate.REFUSED else None)

    def _is_at_end(self, place: Place, route: Route) -> bool:
        return (place is route.stops[-1].place and place.lead.is_pod_link) or (
            self._cluster.is_node(route.destination) and place.node == route.destination
        )

    def _loops(self, way: PacketWay) -> bool:
        return any(self._passes(way, place) > 1 for place in {sighting.place for sighting in way.sightings})

    @staticmethod
    def _passes(way: PacketWay, place: Place) -> int:
        """How often one point of a place saw the packet."""
        points = [sighting.point for sighting in way.sightings if sighting.place is place]
        return max(points.count(point) for point in points)

    def _label(self, place: Place) -> str:
        return name_addresses(place.label, self._cluster)

    def _between(self, last: Place, following: Place, route: Route) -> str | None:
        stations = {stop.place: stop.station for stop in route.stops}
        if last not in stations or following not in stations:
            return None
        return what_lives_between(stations[last], stations[following], route, self._cluster)

    def _sightings(self, way: PacketWay) -> tuple[SightingReport, ...]:
        """In the order of the way; round a circle the TTL tells it."""
        ordered = sorted(way.sightings, key=lambda sighting: -sighting.ttl) if self._loops(way) else way.sightings
        reports: list[SightingReport] = []
        before: Sighting | None = None
        for sighting in ordered:
            header = self._header(sighting)
            name, number = self._files.locate(sighting.point.input, sighting.frames[0])
            is_further = before is not None and before.place is not sighting.place
            delta, error = self._delta(ordered, sighting) if before is not None else (None, None)
            frames = [self._files.locate(sighting.point.input, frame) for frame in sighting.frames]
            reports.append(
                SightingReport(
                    place=place_id(sighting.place),
                    label=self._label(sighting.place),
                    point=sighting.point.id,
                    input=name,
                    input_name=self._files.name(name),
                    frames=tuple(own for known, own in frames if known == name) or (number,),
                    time_ns=sighting.time_ns,
                    common_ns=sighting.common_ns,
                    delta_ns=delta,
                    clock_error_ns=error,
                    size=sighting.size,
                    is_wrapped=sighting.is_wrapped,
                    header=header,
                    change=change_between(reports[-1].header if reports else None, header)
                    if is_further or not reports
                    else None,
                )
            )
            before = sighting
        return tuple(reports)

    def _delta(self, ordered: Sequence[Sighting], sighting: Sighting) -> tuple[int | None, int | None]:
        """The time since the sighting before at another place, or of an earlier pass, and the error of the clocks."""
        position = next(number for number, known in enumerate(ordered) if known is sighting)
        passes: list[Sighting] = []  # the first sighting of each place, or of each pass of it
        for known in ordered[: position + 1]:
            if not passes or (passes[-1].place, passes[-1].ttl) != (known.place, known.ttl):
                passes.append(known)
        same = (passes[-1].place, passes[-1].ttl) == (sighting.place, sighting.ttl)
        before = (passes[-2] if len(passes) > 1 else None) if same else passes[-1]
        timeline = self._trace.timeline
        if before is None or timeline is None:
            return None, None
        error = timeline.error_between(before.place, sighting.place)
        if error is None or before.common_ns is None or sighting.common_ns is None:
            return None, None
        return sighting.common_ns - before.common_ns, error

    def _header(self, sighting: Sighting) -> HeaderReport:
        """As the frame has it; without the outer header's addresses where the file could not be read again."""
        name, number = self._files.locate(sighting.point.input, sighting.frames[0])
        row = self._rows.get((name, number))
        tunnel = Tunnel.IPIP if sighting.is_wrapped else Tunnel.NONE
        outer: tuple[str, str, int] | None = None
        if row is not None:
            tunnel = Tunnel(int(row.tunnel[0]))
            if row.outer_header_length[0]:
                outer = (
                    format_address(int(row.outer_source[0])), format_address(int(row.outer_destination[0])),
                    int(row.outer_ttl[0]),
                )  # fmt: skip
        return HeaderReport(
            source=format_address(sighting.source),
            destination=format_address(sighting.destination),
            ttl_min=sighting.ttl,
            ttl_max=sighting.ttl,
            tunnel=tunnel_name(tunnel),
            outer_source=outer[0] if outer else None,
            outer_destination=outer[1] if outer else None,
            outer_ttl_min=outer[2] if outer else None,
            outer_ttl_max=outer[2] if outer else None,
        )


def describe(row: Packets) -> str:
    """What the packet of a frame is; ``row`` is one row of the packet table."""
    if not row.inner_header_length[0]:
        network = Network(int(row.network[0]))
        names = {
            Network.ARP: "an ARP message", Network.IPV6: "an IPv6 packet", Network.IPV4: "IPv4 without a whole header",
        }  # fmt: skip
        return names.get(network, "no IPv4 packet")
    length, ip_id = int(row.inner_total_length[0]), int(row.inner_id[0])
    ends = f"{format_address(int(row.inner_source[0]))} > {format_address(int(row.inner_destination[0]))}"
    return f"{_transport(row)}, {ends}, {length} bytes, IP id {ip_id}"


def _transport(row: Packets) -> str:
    protocol = int(row.inner_protocol[0])
    if row.inner_fragment_offset[0] or row.inner_more_fragments[0]:
        return f"a fragment of protocol {protocol}"
    if protocol == ICMP and row.icmp_type[0] in (ECHO_REPLY, ECHO_REQUEST):
        kind = "request" if row.icmp_type[0] == ECHO_REQUEST else "reply"
        return f"ICMP echo {kind} id {int(row.icmp_id[0])} sequence {int(row.icmp_sequence[0])}"
    if protocol == ICMP and row.icmp_type[0] >= 0:
        return f"ICMP type {int(row.icmp_type[0])} code {int(row.icmp_code[0])}"
    ports = f"{int(row.source_port[0])} > {int(row.destination_port[0])}"
    if protocol == TCP and row.tcp_header_length[0]:
        flags = " ".join(name for bit, name in _FLAGS if int(row.tcp_flags[0]) & bit) or "no flag"
        payload = int(row.payload_length[0])
        data = f" with {payload} bytes" if payload > 0 else ""
        return f"TCP {ports} {flags}{data}, sequence {int(row.tcp_sequence[0])}"
    if protocol == UDP and row.source_port[0] >= 0:
        dns = f" DNS id {int(row.dns_id[0])}" if row.dns_id[0] >= 0 else ""
        return f"UDP {ports}{dns}"
    return f"IP protocol {protocol}"
