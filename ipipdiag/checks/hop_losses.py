"""What the trace says of packets that end on the way: shared by the checks that compare two points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import incomplete, is_one_sided
from ipipdiag.checks.model import Evidence, Missing, Reason, Subject, SubjectKind
from ipipdiag.checks.sightings import duration, several
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import BGP_PORT, TCP

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.trace.model import FlowLoss, Hop, Route, Stop, Trace
    from ipipdiag.trace.places import Place, Station

LINK_LOCAL, MULTICAST = 0xA9FE0000, 0xE0000000
EVIDENCE_FRAMES = 8
BARE = 0  # in place of an outer destination


@dataclass(frozen=True, slots=True)
class Leg:
    """A hop with the route it is on and the stops at both of its ends."""

    route: Route
    hop: Hop
    start: Stop
    end: Stop

    @property
    def lost_flows(self) -> tuple[FlowLoss, ...]:
        """Flows of which nothing at all got over the hop, and that nothing answers; of those that lost most.

        Sessions on TCP/179 are left to family 4, which knows what a BGP session does when it is cut.
        """
        return tuple(
            flow for flow in self.hop.flows if flow.lost == flow.sent and not flow.answers and not _is_bgp(flow)
        )

    @property
    def lost_packets(self) -> int:
        """Packets of all such flows."""
        return self.hop.lost_whole


def _is_bgp(flow: FlowLoss) -> bool:
    return flow.protocol == TCP and BGP_PORT in (flow.source_port, flow.destination_port)


def legs(trace: Trace) -> Iterator[Leg]:
    """Every hop of every route, but for those from or to a detour and those whose order is not known."""
    for route in trace.routes:
        for position, hop in enumerate(route.hops):
            start, end = route.stops[position], route.stops[position + 1]
            if start.is_expected and end.is_expected and start.is_order_known and end.is_order_known:
                yield Leg(route, hop, start, end)


def has_detour(route: Route) -> bool:
    """Whether packets of the route were seen at a node that has no business with them."""
    return any(not stop.is_expected and stop.packets and stop.place.role is Role.NODE for stop in route.stops)


def is_between_pods(route: Route, cluster: Cluster) -> bool:
    """Whether both ends are pods on nodes that are known and not the same."""
    nodes = (route.source_node, route.destination_node)
    return None not in nodes and nodes[0] != nodes[1] and all(
        cluster.is_pod(address) for address in (route.source, route.destination)
    )  # fmt: skip


def is_deaf(place: Place) -> Missing | None:
    """Why nothing can be missed at a place: its captures lost frames, or hold one direction only.

    What is seen there, and what is answered, is known of every packet by its key, whether its flow found room or not.
    That a capture lost frames shows in the flows alone: of one that had no room for some it is not known.
    """
    for point in place.points:
        if lost := incomplete(point):
            return lost
        if is_one_sided(point.facts.flows):
            text = f"{point.input_name} holds only one direction of its conversations"
            return Missing(Reason.ONE_DIRECTION, text, capture_command(point.role))
    return None


def is_live(place: Place) -> bool:
    """Whether a place shows any IPv4 packet: then neither a filter nor a wrong interface explains what it lacks."""
    return any(point.facts.extent.ipv4 for point in place.points)


def shows_tunnels(place: Place) -> bool:
    """Whether a place shows any packet of protocol 4, of whatever pair."""
    return any(bool((point.facts.flows.tunnel == Tunnel.IPIP).any()) for point in place.points)


def hears(leg: Leg) -> bool:
    """Whether the place where packets are missed shows anything else from the sender's node, or of its own tunnels."""
    if leg.hop.seen or shows_tunnels(leg.end.place):
        return True
    node = leg.route.source_node
    return any(bool((point.facts.flows.source == node).any()) for point in leg.end.place.points)


def is_meant_for(leg: Leg) -> bool:
    """Whether the lost packets were sent towards the node at which they are missed: in the tunnel to it, or bare where
    the route is bare. What leaves bare instead of wrapped has taken another way (IPD2001, IPD3003).
    """
    lost = leg.lost_flows
    sent_to = {outer for point in leg.start.place.points for outer in _outer_destinations(point.facts.flows, lost)}
    if leg.route.is_wrapped:
        return leg.route.destination_node in sent_to
    return sent_to == {BARE}


def _outer_destinations(flows: Flows, lost: tuple[FlowLoss, ...]) -> set[int]:
    """Outer destinations of some flows, BARE where they have none."""
    found: set[int] = set()
    for flow in lost:
        same = (flows.source == flow.source) & (flows.destination == flow.destination)
        same &= (flows.protocol == flow.protocol) & (flows.source_port == flow.source_port)
        same &= flows.destination_port == flow.destination_port
        rows = flows.select(same)
        found |= {
            outer if tunnel == Tunnel.IPIP else BARE for tunnel, outer in rows.rows("tunnel", "outer_destination")
        }
    return found


def crosses(leg: Leg, first: Station, last: Station) -> bool:
    """Whether a hop begins at or behind one station and ends at or before another."""
    return first <= leg.start.station and leg.end.station <= last


def subject_of(route: Route, cluster: Cluster, kind: SubjectKind = SubjectKind.FLOW) -> Subject:
    """The route as the subject of a finding."""
    source, destination = format_address(route.source), format_address(route.destination)
    nodes = tuple(format_address(node) for node in (route.source_node, route.destination_node) if node is not None)
    return Subject(kind, f"{source} to {destination}", nodes=nodes, addresses=(source, destination))


def evidence_at(leg: Leg) -> tuple[Evidence, ...]:
    """The lost packets, at the last place that saw them."""
    by_input: dict[str, list[int]] = {}
    for name, number in leg.hop.lost_frames:
        by_input.setdefault(name, []).append(number)
    forms = leg.start.forms
    ends = (forms[0].source, forms[0].destination) if forms else (leg.route.source, leg.route.destination)
    text = display_filters.conversation(*ends)
    return tuple(
        Evidence(name, tuple(sorted(set(frames)))[:EVIDENCE_FRAMES], text) for name, frames in by_input.items()
    )


def counts_along(route: Route) -> str:
    """How many packets each place on the way saw: ``4 at eth0 of pod X, 4 at tunl0 of node Y, 0 at …``."""
    return ", ".join(f"{stop.packets} at {stop.place.label}" for stop in route.stops)


def where_seen(leg: Leg) -> str:
    """The two counts that matter, as a sentence without its end."""
    hop = leg.hop
    return f"{several(hop.sent, 'packet')} at {leg.start.place.label}, {hop.seen} at {leg.end.place.label}"


def what_holds(leg: Leg) -> tuple[str, ...]:
    """What the count rests on, where that is less than both captures at one time."""
    told = []
    if leg.hop.is_assumed:
        told.append(f"the capture at {leg.end.place.label} was not running: it shows no frame around that time")
    if leg.end.place.guessed_pod is not None:
        told.append(f"the quiet interface in {leg.end.place.lead.input_name} is another pod's")
    return tuple(told)


def nothing_to_compare(trace: Trace, what: str, command: str) -> Missing:
    """Why no hop could be judged: points are lacking, or no packet was seen at two of them."""
    if len(trace.places) < 2:
        return Missing(Reason.SINGLE_POINT, f"{what} shows from two points, and this is one", command)
    return Missing(Reason.SINGLE_POINT, f"{what}: no two of the points lie on the way of the same packets", command)


def delay_text(hop: Hop) -> str | None:
    """Median and 99th percentile of the delay, with the error of the clocks."""
    if hop.delay_median_ns is None or hop.delay_p99_ns is None:
        return None
    error = f" ± {duration(hop.error_ns)}" if hop.error_ns else ""
    return f"median {duration(max(hop.delay_median_ns, 0))}, 99 % below {duration(max(hop.delay_p99_ns, 0))}{error}"
