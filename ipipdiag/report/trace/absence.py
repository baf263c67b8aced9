"""What to say where a query has no answer: why, and what the captures show instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ipipdiag.addresses import format_address
from ipipdiag.cluster.model import Cluster
from ipipdiag.decode.packets import Packets
from ipipdiag.facts.flows import Flows
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Point, Role
from ipipdiag.report.files import FrameLocation
from ipipdiag.report.naming import name_addresses
from ipipdiag.report.trace.model import Answer, WayState
from ipipdiag.report.trace.packet import describe
from ipipdiag.report.units import format_count
from ipipdiag.trace.model import Route, Trace
from ipipdiag.trace.query import ANY_PORT, End, Query
from ipipdiag.trace.selection import routes_between

MOST_NAMED = 6  # pairs of addresses, points or reasons


class Absence:
    """Answers queries that no route answers."""

    def __init__(self, points: Sequence[Point], cluster: Cluster, trace: Trace) -> None:
        self._points, self._cluster, self._trace = points, cluster, trace

    def no_route(self, query: Query) -> Answer:
        """Why no route leads from one end to the other."""
        sought = " ".join(
            f"{word} {end.text}" for word, end in (("from", query.source), ("to", query.destination)) if end
        )
        if not self._points:
            return Answer(WayState.NOT_TRACED, "nothing can be followed: none of the inputs could be read")
        command = capture_command(Role.NODE, "both nodes, at the same time")
        if not sought:
            text = "nothing can be followed: no capture shows a packet that could be looked for elsewhere"
            return Answer(WayState.NOT_TRACED, text, None, self._reasons(), command)
        if seen := tuple(self._seen_untraced(query))[:MOST_NAMED]:
            return Answer(
                WayState.NOT_TRACED, f"packets {sought} were captured, but cannot be followed", None, seen, command
            )
        return Answer(
            WayState.NOT_CAPTURED, f"no packet {sought} is in any of the captures", None, self._instead(query)
        )

    def no_way(self, name: str, frame: FrameLocation, row: Packets | None) -> Answer:
        """Why the packet of a frame cannot be followed; ``row`` is the frame as it was decoded."""
        untraced = next((entry for entry in self._trace.untraced if _is_at(entry.point, frame, row)), None)
        reason = "its point has this packet already, or its flow is not matched"
        if row is not None and not row.inner_header_length[0]:
            reason = "only IPv4 packets are followed through a cluster"
        elif row is not None and (row.inner_fragment_offset[0] or row.inner_more_fragments[0]):
            reason = "fragments are not followed"
        elif untraced is not None:
            reason = untraced.reason
        elif self._trace.flow_fraction > 1:
            reason = f"one flow in {self._trace.flow_fraction} was matched, and this is of none of them"
        elif self._trace.notes:
            reason = "; ".join(self._trace.notes)
        what = () if row is None else (f"it is {describe(row)}",)
        return Answer(WayState.NOT_TRACED, f"frame {frame.number} of {name} cannot be followed: {reason}", None, what)

    def _reasons(self) -> tuple[str, ...]:
        reasons = [f"{entry.point.label}: {entry.reason}" for entry in self._trace.untraced]
        return (*reasons, *self._trace.notes)[:MOST_NAMED]

    def _seen_untraced(self, query: Query) -> Iterator[str]:
        """Points that show such packets although they are on no route, and why they cannot be followed."""
        reasons = {entry.point.id: entry.reason for entry in self._trace.untraced}
        for point in self._points:
            flows = point.facts.flows
            packets = int(flows.packets[_asked(flows, query)].sum())
            if packets:
                reason = reasons.get(point.id, "; ".join(self._trace.notes) or "they cannot be told apart")
                yield f"{format_count(packets, 'packet')} at {point.label}: {reason}"

    def _instead(self, query: Query) -> tuple[str, ...]:
        """The other way, or with other ends, or of other ports; else what there is at all."""
        source, destination = (
            None if end is None else replace(end, port=ANY_PORT) for end in (query.source, query.destination)
        )
        tries: list[tuple[str, End | None, End | None]] = []
        if source and destination:
            tries += [("of other ports there are", source, destination), ("the other way", destination, source)]
        if source:
            tries += [(f"from {source.text}", source, None), (f"to {source.text}", None, source)]
        if destination:
            tries += [
                (f"to {destination.text}", None, destination),
                (f"from {destination.text}", destination, None),
            ]
        said = []
        for words, one, other in tries:
            if routes := routes_between(self._trace, self._cluster, one, other):
                said.append(f"{words}: {self._listed(routes)}")
        if said:
            return tuple(dict.fromkeys(said))
        if not self._trace.routes:
            return self._reasons()
        return (f"there are {self._listed(self._trace.routes)}",)

    def _listed(self, routes: Sequence[Route]) -> str:
        shown = sorted(routes, key=lambda route: -route.packets)[:MOST_NAMED]
        texts = [
            f"{format_count(route.packets, 'packet')} {self._named(route.source)} > {self._named(route.destination)}"
            for route in shown
        ]
        more = f" and {len(routes) - len(shown)} more pairs of addresses" if len(routes) > len(shown) else ""
        return ", ".join(texts) + more

    def _named(self, address: int) -> str:
        return name_addresses(format_address(address), self._cluster)


def _asked(flows: Flows, query: Query) -> npt.NDArray[np.bool_]:
    """Which flows are asked for."""
    asked = np.ones(len(flows), dtype=np.bool_)
    for end, addresses, ports in (
        (query.source, flows.source, flows.source_port),
        (query.destination, flows.destination, flows.destination_port),
    ):
        if end is not None:
            first, last = int(end.network.network_address), int(end.network.broadcast_address)
            asked &= (addresses >= first) & (addresses <= last)
            if end.port != ANY_PORT:
                asked &= ports == end.port
    return asked


def _is_at(point: Point, frame: FrameLocation, row: Packets | None) -> bool:
    """Whether a frame is of a point."""
    if point.input != frame.first_input:
        return False
    return row is None or (point.interface, point.interface_index) == (
        int(row.interface[0]),
        int(row.interface_index[0]),
    )
