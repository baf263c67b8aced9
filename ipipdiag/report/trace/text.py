"""The answer of ``ipipdiag trace`` as text: where it ends first, then the way as a picture, place under place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len

from ipipdiag.report.layout import Page, styled
from ipipdiag.report.presentation import Presentation
from ipipdiag.report.sanitise import visible
from ipipdiag.report.trace.model import (
    HeaderReport,
    HopReport,
    PacketReport,
    RouteReport,
    SightingReport,
    StopReport,
    TraceReport,
    WayState,
)
from ipipdiag.report.units import format_count, format_duration, format_span, format_time

_STATES = {
    WayState.LOST: ("LOST", "bold red"),
    WayState.ASTRAY: ("ASTRAY", "bold red"),
    WayState.LOOP: ("LOOP", "bold red"),
    WayState.REFUSED: ("TURNED DOWN", "bold yellow"),
    WayState.UNSEEN: ("NOT SEEN FURTHER", "bold yellow"),
    WayState.FOLLOWED: ("FOLLOWED", "bold green"),
    WayState.ARRIVES: ("ARRIVES", "bold green"),
    WayState.NOT_CAPTURED: ("NOT CAPTURED", "bold cyan"),
    WayState.NOT_TRACED: ("NOT TRACED", "bold cyan"),
}
_ROUTE_WORDS = {WayState.FOLLOWED: "nothing lost as far as captures reach", WayState.ARRIVES: "nothing lost"}
_MOST_ROUTES = 20
_MOST_FLOWS = 5
_MOST_FRAMES = 8
_MOST_HEADERS = 3
_MOST_SIGHTINGS = 32
_LARGE = 500  # bytes, from which the size of what is lost may tell why
_RAIL = "  │  "
_HOP_INDENT = 5


def render(report: TraceReport, presentation: Presentation) -> bytes:
    """The answer as UTF-8 text of at most the given width, ended by a newline."""
    page = Page(presentation)
    _answer(page, report)
    if report.packet is not None:
        _packet(page, report.packet)
    routes = {route.id: route for route in report.routes}
    for number in report.drawn:
        _picture(page, routes[number])
    if report.packet is None and len(report.routes) + report.more_routes > len(report.drawn):
        _routes(page, report.routes, report.more_routes)
    if report.packet is None:  # whose sightings name their files
        _places(page, report)
        _clocks(page, report)
    _untraced(page, report)
    return bytes(page)


def _answer(page: Page, report: TraceReport) -> None:
    answer = report.answer
    page.paragraph(styled(_STATES[answer.state], "  ", (answer.headline, "bold")))
    if answer.there:
        page.field("There", answer.there)
    for position, text in enumerate(answer.also):
        page.field("" if position else "Also", text)
    if answer.enable:
        page.command(answer.enable, 0, "Capture")


def _picture(page: Page, route: RouteReport) -> None:
    ends = [
        f"{name} ({address})" if name else address
        for name, address in ((route.source_name, route.source), (route.destination_name, route.destination))
    ]
    page.heading(f"{ends[0]} → {ends[1]}")
    facts = [format_count(route.packets, "packet"), format_count(route.flows, "flow"), _form(route)]
    if None not in (route.source_node, route.destination_node):
        same = route.source_node == route.destination_node
        facts.append(
            f"within node {route.source_node}" if same else f"node {route.source_node} to node {route.destination_node}"
        )
    page.paragraph(styled(", ".join(fact for fact in facts if fact)), 2)
    for source, destination in route.translations:
        page.paragraph(styled(f"also as {source} > {destination}, translated on the way"), 2)
    width = max(cell_len(visible(stop.label)) for stop in route.stops)
    counts = max(len(format_count(stop.packets, "packet")) for stop in route.stops)
    for position, stop in enumerate(route.stops):
        _stop(page, stop, width, counts, is_last=position == len(route.stops) - 1)
        if position < len(route.hops):
            _hop(page, route.hops[position], stop, is_end=position == route.ends)
    if route.beyond:
        page.paragraph(styled(("  ┆  ", "dim"), (route.beyond, "dim")), 0, _HOP_INDENT)


def _form(route: RouteReport) -> str:
    return {True: "wrapped between the nodes", False: "never wrapped", None: ""}[route.is_wrapped]


def _stop(page: Page, stop: StopReport, width: int, counts: int, *, is_last: bool) -> None:
    mark = ("●", "green" if stop.is_expected else "bold red") if stop.packets else ("○", "bold red")
    count = format_count(stop.packets, "packet").rjust(counts)
    label = stop.label + " " * (width - cell_len(visible(stop.label)))
    line = styled("  ", mark, "  ", (label, "bold"), "  ", (count, "" if stop.packets else "bold red"))
    rail = "     " if is_last else _RAIL
    looks = _looks(stop)
    if line.cell_len + cell_len(looks) + 2 <= page.width:
        line += styled(f"  {looks}" if looks else "")
        looks = ""
    page.paragraph(line, 0, _HOP_INDENT)
    if looks:
        page.railed(rail, looks)
    remarks = [] if stop.change is None else [stop.change]
    remarks += [f"also {_header(header)}" for header in stop.headers[1:_MOST_HEADERS]]
    if len(stop.headers) > _MOST_HEADERS:
        remarks.append(f"and {len(stop.headers) - _MOST_HEADERS} more forms")
    for remark in remarks:
        page.railed(rail, styled((remark, "cyan")))
    for remark in stop.remarks:
        page.railed(rail, styled((remark, "yellow")))


def _looks(stop: StopReport) -> str:
    """TTL and size of the packets at a stop; empty where none was seen."""
    if not stop.headers:
        return ""
    ttl = _range(min(header.ttl_min for header in stop.headers), max(header.ttl_max for header in stop.headers))
    return f"TTL {ttl}  up to {format_count(stop.length_max, 'byte')}"


def _hop(page: Page, hop: HopReport, start: StopReport, *, is_end: bool) -> None:
    """What happened between two stops: counts and delay, and where packets end what lives there."""
    if not start.packets:
        return
    rail, style = ("  ╳  ", "bold red") if hop.lost or is_end else (_RAIL, "")
    page.railed(rail, styled((_counts(hop), "bold red" if hop.lost and hop.is_proven else "dim"), _delay(hop)), style)
    if not (hop.lost or is_end):
        return
    page.railed(_RAIL, styled(("between them: ", "dim"), hop.between))
    for flow in hop.flows[:_MOST_FLOWS]:
        page.railed(_RAIL, styled(flow.text))
    if more := len(hop.flows[_MOST_FLOWS:]) + hop.more_flows:
        page.railed(_RAIL, styled(f"and {format_count(more, 'more flow')}"))
    for doubt in hop.doubts:
        page.railed(_RAIL, styled((doubt, "yellow")))
    if hop.first_lost_ns is not None and hop.last_lost_ns is not None:
        span = (
            format_time(hop.first_lost_ns)
            if hop.first_lost_ns == hop.last_lost_ns
            else format_span(hop.first_lost_ns, hop.last_lost_ns)
        )
        page.railed(_RAIL, styled((f"{span}", "dim")))


def _counts(hop: HopReport) -> str:
    """What became of the packets on a hop; what is zero is not said."""
    said = []
    if hop.lost:
        word = "lost" if hop.is_proven else "not seen further"
        average = round(hop.lost_bytes / hop.lost)
        large = f" (of {average:,} bytes on average)" if average >= _LARGE and hop.seen else ""
        said.append(f"{hop.lost} of {format_count(hop.sent, 'packet')} {word}{large}")
    elif hop.sent:
        said.append(f"all {hop.seen} arrive" if hop.seen == hop.sent else f"{hop.seen} of {hop.sent} arrive")
    if hop.missed:
        said.append(f"{hop.missed} missed by that capture")
    if hop.refused:
        said.append(f"{hop.refused} turned down aloud (too big, or a probe's TTL ran out)")
    if hop.uncovered:
        said.append(f"{hop.uncovered} sent while it was not captured")
    return ", ".join(said) or "nothing to compare"


def _delay(hop: HopReport) -> str:
    if hop.delay_median_ns is None or hop.delay_p99_ns is None:
        return ", delay not known" if hop.seen and hop.clock_error_ns is None else ""
    error = f" (clocks ± {format_duration(hop.clock_error_ns)})" if hop.clock_error_ns else ""
    median, p99 = max(hop.delay_median_ns, 0), max(hop.delay_p99_ns, 0)  # stamps of one clock may be out of order
    return f", median {format_duration(median)}, p99 {format_duration(p99)}{error}"


def _header(header: HeaderReport) -> str:
    text = f"{header.source} > {header.destination}"
    if header.outer_source:
        outer = f"{header.outer_source} > {header.outer_destination}"
        text += f" in {header.tunnel} {outer} TTL {_range(header.outer_ttl_min, header.outer_ttl_max)}"
    elif header.tunnel:
        text += f" in {header.tunnel}"
    return text


def _range(low: int | None, high: int | None) -> str:
    return f"{high}" if low == high else f"{high} to {low}"


def _packet(page: Page, packet: PacketReport) -> None:
    page.blank()
    page.paragraph(styled((packet.text, "bold")))
    if packet.transmissions > 1:
        page.paragraph(f"sent {packet.transmissions} times; this is number {packet.transmission}", 2)
    width = max(cell_len(visible(sighting.label)) for sighting in packet.sightings)
    before: SightingReport | None = None
    shown = packet.sightings[:_MOST_SIGHTINGS]
    for position, sighting in enumerate(shown):
        is_end = position == len(shown) - 1 and packet.missing is None
        is_again = before is not None and (before.place, before.header.ttl_max) == (
            sighting.place,
            sighting.header.ttl_max,
        )
        _sighting(page, sighting, width, packet.size, "     " if is_end else _RAIL, is_again=is_again)
        before = sighting
    if len(packet.sightings) > len(shown):
        page.paragraph(f"and {len(packet.sightings) - len(shown)} more sightings; -f json has all", 2)
    elif packet.missing:
        page.railed("  ╳  ", styled(("between them: ", "dim"), packet.between or "not known"), "bold red")
        page.paragraph(styled("  ", ("○", "bold red"), "  ", (packet.missing, "bold"), ("  not seen", "bold red")))


def _sighting(page: Page, sighting: SightingReport, width: int, size: int, rail: str, *, is_again: bool) -> None:
    if not is_again:
        if sighting.delta_ns is not None:
            error = f" (clocks ± {format_duration(sighting.clock_error_ns)})" if sighting.clock_error_ns else ""
            sign = "" if sighting.delta_ns < 0 else "+"
            page.railed(_RAIL, styled((f"{sign}{format_duration(sighting.delta_ns)}{error}", "dim")))
        label = sighting.label + " " * (width - cell_len(visible(sighting.label)))
        common = sighting.common_ns
        time = format_time(sighting.time_ns if common is None else common, 9)[11:]
        own = " by its own clock" if common is None else ""
        line = styled("  ", ("●", "green"), "  ", (label, "bold"), f"  {time}{own}  TTL {sighting.header.ttl_max}")
        page.paragraph(line, 0, _HOP_INDENT)
    if sighting.change:
        page.railed(rail, styled((sighting.change, "cyan")))
    frames = ", ".join(str(number) for number in sighting.frames[:_MOST_FRAMES])
    more = ", …" if len(sighting.frames) > _MOST_FRAMES else ""
    noun = "frame" if len(sighting.frames) == 1 else "frames"
    part = f", {sighting.size} of its {size} bytes" if sighting.size < size else ""
    page.railed(rail, styled(f"{noun} {frames}{more} of {sighting.input_name}{part}"))


def _routes(page: Page, routes: Sequence[RouteReport], untold: int) -> None:
    page.heading("ALL PAIRS OF ADDRESSES, THE WORST FIRST")
    times = Counter((route.source, route.destination) for route in routes)
    rows = [
        [_ends(route, times[route.source, route.destination]), format_count(route.packets, "packet"), _outcome(route)]
        for route in routes[:_MOST_ROUTES]
    ]
    page.table(rows, right=(1,))
    if more := len(routes[_MOST_ROUTES:]) + untold:
        page.paragraph(f"and {more} more; --src and --dst choose among them", 2)


def _ends(route: RouteReport, times: int) -> str:
    """Both addresses; with their nodes where one has moved, and the pair is told once for each of its homes."""
    ends = ((route.source, route.source_node), (route.destination, route.destination_node))
    return " → ".join(f"{address} on {node}" if times > 1 and node else address for address, node in ends)


def _outcome(route: RouteReport) -> str:
    if route.state in _ROUTE_WORDS:
        return _ROUTE_WORDS[route.state] + ("" if route.is_answered else "; nothing comes back")
    word = _STATES[route.state][0].lower()
    count = f"{route.lost} {word}" if route.lost else word
    return f"{count} {route.where}" if route.where else count


def _places(page: Page, report: TraceReport) -> None:
    if not report.places:
        return
    page.heading("PLACES")
    names = {entry.id: entry.name for entry in report.inputs}
    rows, notes = [], []
    for place in report.places:
        rows.append([place.label, format_count(place.frames, "frame"), ", ".join(names[one] for one in place.inputs)])
        span = (
            "no frame"
            if place.first_ns is None or place.last_ns is None
            else format_span(place.first_ns, place.last_ns)
        )
        notes.append(span)
    page.table(rows, right=(1,), notes=notes)


def _clocks(page: Page, report: TraceReport) -> None:
    if len(report.clocks) > 1:
        page.heading("CLOCKS")
        for clock in report.clocks:
            if clock.offset_ns is not None:
                page.paragraph(clock.text, 2, 3)
        apart = [clock.label for clock in report.clocks if clock.offset_ns is None]
        if apart:
            page.paragraph(f"not comparable, since none of their packets was seen elsewhere: {', '.join(apart)}", 2, 3)
    if report.apart:
        page.heading("CAPTURED AT DIFFERENT TIMES")
        for text in report.apart:
            page.paragraph(styled((text, "yellow")), 2, 3)


def _untraced(page: Page, report: TraceReport) -> None:
    if report.untraced or report.notes:
        page.heading("NOT TRACED")
        for entry in report.untraced:
            page.paragraph(styled((entry.label, "bold"), f": {entry.reason}"), 2, 3)
        for note in report.notes:
            page.paragraph(note, 2, 3)
    if report.errors:
        page.heading("INPUTS THAT COULD NOT BE READ")
        for error in report.errors:
            part = "" if error.fatal else " (read in part)"
            page.paragraph(styled((error.name, "bold"), f": {error.error}{part}"), 2, 3)
