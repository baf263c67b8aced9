"""HandshakeUnanswered: a SYN is repeated, and neither SYN-ACK nor RST answers it.

Expected
    A SYN is answered within a round trip, by SYN-ACK, or by RST where nobody listens.

How it is observed
    The opener sends its SYN again, a second later and once more after that, with the same ports;
    no point shows any answer to it. Which point was the last to see it says where to look next.
    All clients of one silent address whose SYNs end at the same point are one finding. An error
    where both ends are pods, services or nodes; a notice for others, whose firewalls are not the
    cluster's.

What can mislead
    This is the general symptom. Where another check explains it, that one leads. It is not said
    where the answer may be missing only in the file: nothing of the other end, nor of anybody
    behind the same next hop was captured; frames were lost; the capture ended within a second. Nor
    of a connection whose SYN is not in the file. A policy may deny it on purpose. A pod that moves
    to another node has no place for a moment: SYNs that the old node still hears, before the new
    one announces the pod or sends its packets, are a notice.

    A policy that denies in silence and an address that no pod has (the blackhole route of its block
    is as silent) look alike on the wire: which of them is named first follows from whether the
    address is ever seen to send anything. Where the opener is answered by another address of the
    same node meanwhile, neither the network between nor reverse path filtering is the cause.

What to do
    Capture at the next point on the way, at the same time: pod, cali interface, tunl0, NIC, and
    the same on the other node. Then give all the captures to one run.
    Threshold: unanswered-requests.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import incomplete, limit_reached, waited_long_enough
from ipipdiag.checks.answered_beside import AnsweredBeside
from ipipdiag.checks.forwarding import FiveTuple
from ipipdiag.checks.gravest import Sighting, gravest
from ipipdiag.checks.handshakes import (
    Attempt,
    attempts,
    is_heard,
    names_of,
    outer_pair,
    ports_in_words,
    routes_by_ends,
)
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Evidence,
    Finding,
    Missing,
    Outcome,
    Reason,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import duration, evidence_of, in_words, several
from ipipdiag.checks.thresholds import Thresholds, from_requests_on
from ipipdiag.points.commands import IN_POD, capture_command
from ipipdiag.points.model import Role
from ipipdiag.trace.places import Station, home_of

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.points.model import Point
    from ipipdiag.trace.model import Route, Stop, Trace

MOST_WORKED = 3
MOST_FILTERS = 4
MOST_COMPARED = 20  # connections of a pair for which another answer is looked for
MOST_ADDRESSES = 100  # by which a notice is tied to others
SYN_FILTER = "tcp[tcpflags] & (tcp-syn|tcp-rst) != 0 or icmp or arp"

_ON_THE_WAY = (Station.SOURCE_TUNNEL, Station.SOURCE_NIC, Station.BETWEEN)

Ends = tuple[int, int]


def examine(points: tuple[Point, ...], trace: Trace, cluster: Cluster, thresholds: Thresholds) -> Outcome:
    """A finding for each pair of the cluster's addresses, and a notice for each that gets no answer from outside."""
    routes = routes_by_ends(trace)
    silent = [attempt for point in points for attempt in attempts(point) if not attempt.resets]
    answered = _answered(points, silent)
    opened = sum(int((point.facts.flows.syns > 0).sum()) for point in points)
    examined = opened - sum(attempt.flow not in answered for attempt in silent)
    groups: dict[Ends, list[Attempt]] = defaultdict(list)
    missing = None
    for attempt in silent:
        if attempt.flow in answered:
            continue
        if why_not := _why_not(attempt):
            missing = missing or _missing(attempt, why_not)
            continue
        examined += 1
        ends = (attempt.flow.source, attempt.flow.destination)
        route = routes.get(ends)
        groups[(route.source, route.destination) if route else ends].append(attempt)
    unanswered: dict[tuple[object, ...], list[_Unanswered]] = defaultdict(list)
    outside: dict[int, list[Attempt]] = defaultdict(list)
    for ends, group in groups.items():
        if _syns(group) < thresholds.unanswered_requests:
            least = f"{thresholds.unanswered_requests:g}"
            text = f"{names_of(ends)[0]} asked {names_of(ends)[1]} fewer than {least} times"
            missing = missing or Missing(Reason.TOO_FEW_PACKETS, text, _command(group[0].point))
        elif cluster.is_ours(ends[0]) and cluster.is_ours(ends[1]):
            one = _Unanswered.of(ends, group, routes.get(ends), cluster)
            unanswered[ends[1], one.place, one.nodes[-1:]].append(one)
        else:
            outside[ends[0]] += group
    beside = AnsweredBeside.at(points if groups else ())
    sightings = [_sighting(alike, beside, cluster, thresholds) for alike in unanswered.values()]
    findings, untold = gravest(sightings)
    findings += tuple(_outside(source, group, beside) for source, group in outside.items())
    if not opened:
        missing = Missing(Reason.NO_HANDSHAKE, "no SYN was captured", capture_command(Role.NODE, capture_filter=""))
    return Outcome(examined, findings, missing, untold)


@dataclass(frozen=True, slots=True)
class _Unanswered:
    """What one address asks another in vain: ``at_last`` at the last point that shows it, which is at ``place``."""

    ends: Ends
    group: list[Attempt]
    at_last: list[Attempt]
    place: str
    station: Station
    nodes: tuple[int, ...]  # of both ends, or none

    @classmethod
    def of(cls, ends: Ends, group: list[Attempt], route: Route | None, cluster: Cluster) -> _Unanswered:
        """The attempts of two addresses, with what the trace knows of their way."""
        stop = _last_seen(group, route)
        at_last = [attempt for attempt in group if stop is None or attempt.point in stop.place.points]
        place = stop.place.label if stop else at_last[0].point.label
        station = stop.station if stop else _station(at_last[0])
        return cls(ends, group, at_last, place, station, _nodes(ends, group, route, cluster))


def _why_not(attempt: Attempt) -> Reason | None:
    """What keeps the absence of an answer from being a finding."""
    if limit_reached(attempt.point):
        return Reason.LIMIT_REACHED
    if not waited_long_enough(attempt.last_ns, attempt.point.facts.extent):
        return Reason.TOO_SHORT
    if not attempt.is_repeated:
        return Reason.TOO_FEW_PACKETS
    if not is_heard(attempt):
        return Reason.ONE_DIRECTION
    return Reason.CAPTURE_DROPS if incomplete(attempt.point) else None


def _missing(attempt: Attempt, reason: Reason) -> Missing | None:
    """The same in words, with the capture that would settle it."""
    if reason in (Reason.CAPTURE_DROPS, Reason.LIMIT_REACHED):
        return incomplete(attempt.point)
    one, other = names_of((attempt.flow.source, attempt.flow.destination))
    text = {
        Reason.TOO_SHORT: f"the capture ends within a second of a SYN from {one} to {other}",
        Reason.TOO_FEW_PACKETS: f"{one} does not repeat its SYN to {other}",
        Reason.ONE_DIRECTION: f"{attempt.point.input_name} holds nothing from {other}, nor from anybody behind the "
        "same next hop",
    }[reason]
    return Missing(reason, text, _command(attempt.point))


def _command(point: Point) -> str:
    """The same capture once more, both ways and long enough for two retries."""
    role = Role.CALI if point.is_pod_link else Role.ANY if point.role is Role.UNKNOWN else point.role
    return capture_command(role, capture_filter=None if role in (Role.NODE, Role.FABRIC) else "")


def _answered(points: tuple[Point, ...], silent: list[Attempt]) -> set[FiveTuple]:
    """Of the silent connections those that some other point shows answered, or open."""
    import numpy as np

    from ipipdiag.facts.groups import Groups

    wanted = list({attempt.flow for attempt in silent})
    if not wanted:
        return set()
    asked, answers = (np.array(flows).T for flows in (wanted, [flow.reverse for flow in wanted]))
    flows = [point.facts.flows for point in points]
    of_flow = Groups.of(
        [
            np.concatenate([asked[position], answers[position], *(getattr(table, name) for table in flows)])
            for position, name in enumerate(FiveTuple._fields)
        ]
    )
    of_asked, of_answers, of_rows = np.split(of_flow.codes, [len(wanted), 2 * len(wanted)])
    is_more = np.concatenate([table.packets > table.syns for table in flows])
    is_seen, is_open = np.zeros((2, len(of_flow)), dtype=np.bool_)
    is_seen[of_rows] = True
    is_open[of_rows[is_more]] = True
    is_answered = is_seen[of_answers] | is_open[of_asked]
    return {flow for flow, answered in zip(wanted, is_answered.tolist(), strict=True) if answered}


def _syns(group: list[Attempt]) -> int:
    """SYNs of a group, each counted once though several points saw it."""
    most: dict[FiveTuple, int] = {}
    for attempt in group:
        most[attempt.flow] = max(attempt.syns, most.get(attempt.flow, 0))
    return sum(most.values())


def _last_seen(group: list[Attempt], route: Route | None) -> Stop | None:
    """The last place on the way that shows any of the SYNs; None where the order is not known."""
    if route is None:
        return None
    seen_at = {id(attempt.point) for attempt in group}
    on_the_way = [stop for stop in route.stops if any(id(point) in seen_at for point in stop.place.points)]
    return on_the_way[-1] if on_the_way and all(stop.is_order_known for stop in on_the_way) else None


def _sighting(alike: list[_Unanswered], beside: AnsweredBeside, cluster: Cluster, thresholds: Thresholds) -> Sighting:
    """What :func:`_finding` would say, for one silent address of perhaps many."""
    group = [attempt for one in alike for attempt in one.group]
    subject, severity = _subject(alike, cluster), _severity(_moved(group, cluster), _later_answered(group, beside))
    make = partial(_finding, alike, beside, cluster, thresholds)
    return Sighting((subject.kind, subject.text), severity, Confidence.LIKELY, _syns(group), make)


def _severity(moved: str | None, later: str | None) -> Severity:
    """A silence that is explained, or was not for long, weighs less."""
    return Severity.NOTICE if moved else Severity.WARNING if later else Severity.ERROR


def _finding(alike: list[_Unanswered], beside: AnsweredBeside, cluster: Cluster, thresholds: Thresholds) -> Finding:
    """One silent address, asked by one other or by several in the same way."""
    group = [attempt for one in alike for attempt in one.group]
    at_last = [attempt for one in alike for attempt in one.at_last]
    asked, nodes = alike[0].ends[1], alike[0].nodes
    destination = format_address(asked)
    sources = [format_address(one.ends[0]) for one in alike]
    moved, later = _moved(group, cluster), _later_answered(group, beside)
    asides = [text for text in (_answered_by_another(group, beside), later, moved) if text]
    syns, flows = _syns(group), len({attempt.flow for attempt in group})
    is_way_open = all(map(beside.is_way_open, at_last))
    station = Station.DESTINATION_NIC if is_way_open and alike[0].station in _ON_THE_WAY else alike[0].station
    is_nobodys = cluster.is_pod(asked) and asked not in cluster.placed and asked not in beside.senders
    causes = _causes(station, in_words(sources), destination, is_nobodys=is_nobodys, is_way_open=is_way_open)
    return Finding(
        severity=_severity(moved, later),
        confidence=Confidence.LIKELY,
        subject=_subject(alike, cluster),
        title=f"{destination} does not answer TCP from {in_words(sources)} to {ports_in_words(group)}: the SYNs are "
        f"last seen at {alike[0].place}",
        expected="SYN is answered by SYN-ACK, or by RST where nobody listens" + from_requests_on(thresholds),
        observed=f"{several(syns, 'SYN')} of {several(flows, 'connection')}"
        + (f" from {len(alike)} addresses" if len(alike) > 1 else "")
        + ", sent again with the same ports, no answer"
        + "".join(f"; {text}" for text in asides),
        count=syns,
        first_ns=min(attempt.first_ns for attempt in group),
        last_ns=max(attempt.last_ns for attempt in group),
        evidence=_evidence(at_last),
        component=_component(station),
        confirm=_confirm(station, nodes, destination, cluster),
        alternatives=(*(cause for one in alike for cause in _causes_at_nodes(one.ends, cluster)), *causes),
        worked=tuple(dict.fromkeys(text for one in alike for text in beside.working(one.ends)))[:MOST_WORKED],
        points=tuple(dict.fromkeys(attempt.point.id for attempt in group)),
    )


def _subject(alike: list[_Unanswered], cluster: Cluster) -> Subject:
    """The flow; where several ask, the one that is silent. The addresses of all, the silent one's last."""
    sources, destination = [format_address(one.ends[0]) for one in alike], format_address(alike[0].ends[1])
    nodes = tuple(dict.fromkeys(format_address(node) for one in alike for node in one.nodes))
    kind = SubjectKind.POD if len(alike) > 1 and cluster.is_pod(alike[0].ends[1]) else SubjectKind.FLOW
    return Subject(kind, f"{in_words(sources)} to {destination}", nodes=nodes, addresses=(*sources, destination))


def _outside(source: int, group: list[Attempt], beside: AnsweredBeside) -> Finding:
    text = format_address(source)
    others = [format_address(address) for address in sorted({attempt.flow.destination for attempt in group})]
    syns, another = _syns(group), _answered_by_another(group, beside)
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.LIKELY,
        subject=Subject(
            SubjectKind.FLOW, f"{text} to addresses outside the cluster", addresses=(text, *others[:MOST_ADDRESSES])
        ),
        title=f"{in_words(others)} {'does' if len(others) == 1 else 'do'} not answer TCP from {text}",
        expected="an answer, if anybody is there: of these ends it is not known that both are the cluster's",
        observed=f"{several(syns, 'SYN')} to {ports_in_words(group)}, sent again with the same ports, no answer"
        + (f"; {another}" if another else ""),
        count=syns,
        first_ns=min(attempt.first_ns for attempt in group),
        last_ns=max(attempt.last_ns for attempt in group),
        evidence=_evidence(group),
        component=Component.NODE_NETWORK,
        confirm=("calicoctl get ippool -o wide  # are these addresses pods'? Then: --pod-cidr CIDR",),
        alternatives=("a firewall in front of that address drops the SYNs", "nobody has that address"),
        points=tuple(dict.fromkeys(attempt.point.id for attempt in group)),
    )


def _evidence(group: list[Attempt]) -> tuple[Evidence, ...]:
    """The SYNs at each point, under a filter for each pair of addresses; of the first few pairs."""
    shown: dict[tuple[Point, Ends], list[int]] = defaultdict(list)
    for attempt in group:
        shown[attempt.point, (attempt.flow.source, attempt.flow.destination)] += attempt.sent
    return tuple(
        evidence_of(point, point.facts.flows.frames[rows], display_filters.handshakes(*ends))
        for (point, ends), rows in list(shown.items())[:MOST_FILTERS]
    )


def _nodes(ends: Ends, group: list[Attempt], route: Route | None, cluster: Cluster) -> tuple[int, ...]:
    """The nodes of both ends, as the trace, the tunnel, or what is known of the addresses tells; both or none."""
    pairs = [
        (route.source_node, route.destination_node) if route else (None, None),
        *(pair for attempt in group if (pair := outer_pair(attempt))),
        (home_of(ends[0], cluster), home_of(ends[1], cluster)),
    ]
    return next(((one, other) for one, other in pairs if one is not None and other is not None), ())


def _station(attempt: Attempt) -> Station:
    """Where on the way a point is, by itself: at a pod's link or a tunnel's end; else somewhere between."""
    point = attempt.point
    if point.is_pod_link:
        return Station.DESTINATION_CALI if attempt.flow.destination in point.pods else Station.SOURCE_CALI
    pair = outer_pair(attempt)
    if pair and pair[0] in point.own_addresses:
        return Station.SOURCE_NIC
    return Station.DESTINATION_NIC if pair and pair[1] in point.own_addresses else Station.BETWEEN


def _component(station: Station) -> Component:
    if station >= Station.DESTINATION_CALI:
        return Component.POD
    if station in (Station.SOURCE_POD, Station.SOURCE_CALI, Station.DESTINATION_NIC, Station.DESTINATION_TUNNEL):
        return Component.FELIX
    return Component.NODE_NETWORK


def _confirm(station: Station, nodes: tuple[int, ...], destination: str, cluster: Cluster) -> tuple[str, ...]:
    """The capture that follows on the way, and what would show the drop before it."""
    near = cluster.node_text(nodes[0]) if nodes else "the node of the sender"
    far = cluster.node_text(nodes[-1]) if nodes else "the node of the receiver"
    if station >= Station.DESTINATION_CALI:
        return f"{IN_POD} ss -ltn  # on {far}: does it listen?", f"{IN_POD} nstat -az TcpExtListenDrops  # on {far}"
    if station in (Station.DESTINATION_NIC, Station.DESTINATION_TUNNEL):
        return (
            f'ip route get {destination}  # on {far}: a cali interface, or "Invalid argument" (no pod has it)?',
            f"calicoctl ipam show --ip={destination}",
            f"iptables-save -c | grep -e cali-tw -e cali-pi  # on {far}, twice: which DROP counts?",
            capture_command(Role.CALI, far, capture_filter=SYN_FILTER),
        )
    if station in (Station.SOURCE_POD, Station.SOURCE_CALI):
        capture = capture_command(Role.NODE, near)
        return (
            capture,
            f"iptables-save -c | grep -e cali-fw -e cali-po  # on {near}, twice",
            (f"ip route get {destination}  # on {near}"),
        )
    return (capture_command(Role.NODE, far), capture_command(Role.CALI, far, capture_filter=SYN_FILTER))


def _causes(station: Station, source: str, destination: str, *, is_nobodys: bool, is_way_open: bool) -> tuple[str, ...]:
    """What may lie behind it, as seen from the last point, the likeliest first; ``is_nobodys`` where no file tells of
    the address and no point hears it.
    """
    if station >= Station.DESTINATION_CALI:
        return (
            f"pod {destination} drops them: a firewall of its own, a full listen queue",
            f"an answer of {destination} is sent by another interface",
        )
    if station in (Station.DESTINATION_NIC, Station.DESTINATION_TUNNEL):
        policy = f"an ingress policy of {destination} denies them in silence"
        filtered = () if is_way_open else ("reverse path filtering drops them",)
        if not is_nobodys:
            return policy, *filtered
        nobody = f"no pod has {destination}, which sends nothing here itself: the blackhole route of its block"
        return f"{nobody} discards them in silence (IPD3004, told from a policy by cluster files)", policy, *filtered
    if station in (Station.SOURCE_POD, Station.SOURCE_CALI):
        causes = f"an egress policy of {source} denies them in silence", "the node has no route to the destination"
        return (*causes, "they are lost further on")
    return "the network between the nodes drops them", f"the node or the policy of {destination} drops them in silence"


def _causes_at_nodes(ends: Ends, cluster: Cluster) -> tuple[str, ...]:
    """What denies in silence where the other end is a node itself."""
    if not cluster.is_node(ends[1]):
        return ()
    if cluster.is_node(ends[0]):
        return ("a policy of the node's host endpoint denies it",)
    if home_of(ends[0], cluster) == ends[1]:
        return ("Felix denies pods their own node (defaultEndpointToHostAction Drop)",)
    return ()


def _answered_by_another(group: list[Attempt], beside: AnsweredBeside) -> str | None:
    """Who else answers one of the SYNs, with SYN-ACK to its port: an answer that nobody translates back."""
    for another in filter(None, map(beside.other_answer, group[:MOST_COMPARED])):
        return f"a SYN-ACK to the same port comes from {format_address(another[0])} port {another[1]} instead"
    return None


def _later_answered(group: list[Attempt], beside: AnsweredBeside) -> str | None:
    """Whether later connections of the same ends to the same port are answered, as part of a sentence."""
    wait_ns = min(beside.waits_ns(group), default=None)
    return None if wait_ns is None else f"{duration(wait_ns)} after the last of them such a connection is answered"


def _moved(group: list[Attempt], cluster: Cluster) -> str | None:
    """Whether the pod that was asked is known to be on another node afterwards, as part of a sentence: the SYNs came
    while it moved. None where any of them was sent later than that.
    """
    homes = []
    for attempt in group:
        pair = outer_pair(attempt)
        home = pair and cluster.later_home(attempt.flow.destination, pair[1], attempt.last_ns)
        if not home:
            return None
        homes.append((home.first_ns - attempt.last_ns, home.node))
    after_ns, node = min(homes)
    return f"{duration(after_ns)} after the last of them node {cluster.node_text(node)} has the address: the pod moved"


CHECK = Check(
    code="IPD6007",
    name="HandshakeUnanswered",
    severity=Severity.ERROR,
    summary="SYNs are repeated and answered neither by SYN-ACK nor by RST: whose, and the last point that saw them",
    points="any",
    examine=examine,
)
