"""ProtocolFourBlocked: IP-in-IP does not get from one node to another, while other traffic does.

Expected
    Protocol 4 gets through wherever other traffic of the same two nodes does.

How it is observed
    With captures of both nodes' NICs: tunnel packets leave one and none of them reaches the
    other, while other packets of the first node do arrive: confirmed. With one of them: at least
    three requests to at least two pods go into the tunnel, not one packet of protocol 4 comes
    back from that node, and TCP/179 or ping between the two nodes is answered: likely.

    The same holds where the tunnel was answered at first: since the last packet that came back, at
    least two seconds, three requests and two pods that fell silent together, while other traffic
    goes on.

    Or: requests to several pods stay unanswered until the far node sends a request of its own, and
    those that begin later are answered: a stateful filter.

What can mislead
    One pod that does not answer may be at fault itself (a policy, a dead pod): that is IPD6002. A
    node that drops what it receives looks the same from afar; only its own capture tells.

What to do
    Allow IP protocol 4 (not TCP or UDP port 4) both ways in the security group or firewall
    between the nodes. Azure never passes it; in OpenStack the name ``ipip`` means protocol 94.
    Else use VXLAN.
    Threshold: unanswered-requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import incomplete, waited_long_enough
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Finding,
    Missing,
    Outcome,
    Reason,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import evidence_of, in_words, several
from ipipdiag.checks.thresholds import Thresholds, from_requests_on
from ipipdiag.checks.tunnel_pairs import Contact, Opening, TunnelPair, contact_between, opening_of, tunnel_pairs
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.flows import Flows
    from ipipdiag.facts.tunnels import Tunnels
    from ipipdiag.points.model import Point

FEWEST_PODS = 2
SHUT_NS = 2_000_000_000  # longer than it takes a route or a pod to come up beside the first packet


def examine(
    points: tuple[Point, ...],
    flows: Mapping[Point, Flows],
    tunnels: Mapping[Point, Tunnels],
    extent: Mapping[Point, Extent],
    cluster: Cluster,
    thresholds: Thresholds,
) -> Outcome:
    """A finding for each pair of nodes between which protocol 4 is lost."""
    examined, findings, missing = 0, [], None
    for point in points:
        if point.role is not Role.NODE:
            continue
        for pair in tunnel_pairs(point):
            examined += 1
            if pair.back and not incomplete(point):
                opening = opening_of(pair)
                if opening is not None and _was_shut(opening, thresholds):
                    findings.append(_opened_late(point, pair, contact_between(pair), opening, cluster))
            if not pair.is_unanswered or pair.unanswered_requests < thresholds.unanswered_requests:
                continue
            contact = contact_between(pair)
            receivers = list(_receivers(points, point, pair, flows, extent))
            if lost := incomplete(point):
                missing = missing or lost
            elif not pair.silence and _never_arrived(receivers, pair, flows, tunnels):
                findings.append(_finding(point, pair, contact, receivers, cluster, thresholds))
            elif not receivers and _is_likely(pair, contact, extent[point], point):
                findings.append(_finding(point, pair, contact, [], cluster, thresholds))
    if not examined and missing is None:
        command = capture_command(Role.NODE)
        missing = Missing(Reason.WRONG_POINT, "no request into a tunnel was captured on a node's NIC", command)
    return Outcome(examined, tuple(findings), missing)


def _receivers(
    points: tuple[Point, ...],
    point: Point,
    pair: TunnelPair,
    flows: Mapping[Point, Flows],
    extent: Mapping[Point, Extent],
) -> Iterator[Point]:
    """Captures of the far node's NIC that cover the time of the requests and show packets of the near node."""
    for other in points:
        if other is point or other.role is not Role.NODE or pair.outer_destination not in other.own_addresses:
            continue
        first, last = extent[other].first_ns, extent[other].last_ns
        if first is None or last is None or last < pair.first_ns or first > pair.last_request_ns:
            continue
        if bool((flows[other].source == pair.outer_source).any()):
            yield other


def _never_arrived(
    receivers: list[Point], pair: TunnelPair, flows: Mapping[Point, Flows], tunnels: Mapping[Point, Tunnels]
) -> bool:
    """Whether a capture of the far NIC exists, and none of them shows any tunnel packet of the near node."""
    return bool(receivers) and not any(
        bool((tunnels[receiver].outer_source == pair.outer_source).any()) or bool(incomplete(receiver))
        for receiver in receivers
    )


def _is_likely(pair: TunnelPair, contact: Contact, extent: Extent, point: Point) -> bool:
    return (
        pair.outer_source in point.own_addresses
        and len(pair.unanswered_destinations) >= FEWEST_PODS
        and contact.in_words() is not None
        and waited_long_enough(pair.last_request_ns, extent)
    )


def _finding(
    point: Point,
    pair: TunnelPair,
    contact: Contact,
    receivers: list[Point],
    cluster: Cluster,
    thresholds: Thresholds,
) -> Finding:
    here, there = cluster.node_text(pair.outer_source), cluster.node_text(pair.outer_destination)
    text = format_address(pair.outer_destination)
    pods = [format_address(pod) for pod in pair.unanswered_destinations]
    works = contact.in_words()
    if receivers:
        title = (
            f"{several(pair.packets, 'IP-in-IP packet')} leave the NIC of node {here}, and none reaches the NIC of "
            f"node {there}"
        )
        observed = (
            f"{several(pair.packets, 'tunnel packet')} on {here}'s NIC, 0 on {there}'s ({receivers[0].input_name})"
        )
    else:
        now = "no longer gets" if pair.silence else "does not get"
        title = f"IP-in-IP {now} through between node {here} and node {there}"
        observed = f"{pair.in_words()} through the tunnel, no packet of protocol 4 back"
    alternatives = [f"an XDP program or the NIC of node {there} drops protocol 4 before tcpdump sees it"]
    if not receivers:
        alternatives = [
            f"node {there} receives the packets and drops them (protocol-4 rule, tunl0, policy of each pod)",
            f"the answers of node {there} are lost on the way back",
        ]
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CONFIRMED if receivers else Confidence.LIKELY,
        subject=Subject(
            SubjectKind.NODE_PAIR,
            f"{here} to {there}",
            nodes=(format_address(pair.outer_source), text),
            addresses=tuple(sorted({*pods, *(format_address(pod) for pod in pair.sent.source.tolist())})),
        ),
        title=title,
        expected="protocol 4 gets through as other traffic between the two nodes does" + from_requests_on(thresholds),
        observed=observed,
        count=pair.unanswered_requests if pair.silence else pair.packets,
        first_ns=pair.silent_from_ns,
        last_ns=int(pair.sent.last_ns.max()),
        evidence=(pair.evidence(point),),
        component=Component.NODE_NETWORK,
        confirm=_confirm(there, pair, sure=bool(receivers)),
        fix=(
            "allow IP protocol 4 both ways between the nodes (security group, firewall); where the "
            "fabric cannot, use VXLAN",
        ),
        alternatives=tuple(alternatives),
        worked=_worked(works, pair),
        points=(point.id, *(receiver.id for receiver in receivers)),
    )


def _worked(works: str | None, pair: TunnelPair) -> tuple[str, ...]:
    after = " all the while" if pair.silence else ""
    return (f"{works} got through between the same two nodes{after}",) if works else ()


def _was_shut(opening: Opening, thresholds: Thresholds) -> bool:
    """Enough requests to enough pods, over a retry interval, that silence before the opening is not one pod's."""
    waited = opening.opened_ns - int(opening.before.first_request_ns.min())
    pods = set(opening.before.destination.tolist())
    requests = int(opening.before.requests.sum())
    return requests >= thresholds.unanswered_requests and len(pods) >= FEWEST_PODS and waited >= SHUT_NS


def _opened_late(point: Point, pair: TunnelPair, contact: Contact, opening: Opening, cluster: Cluster) -> Finding:
    here, there = cluster.node_text(pair.outer_source), cluster.node_text(pair.outer_destination)
    requests, works = int(opening.before.requests.sum()), contact.in_words()
    pods = sorted({format_address(pod) for pod in opening.before.destination.tolist()})
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY,
        subject=Subject(
            SubjectKind.NODE_PAIR,
            f"{here} to {there}",
            nodes=(format_address(pair.outer_source), format_address(pair.outer_destination)),
            addresses=tuple(pods),
        ),
        title=f"IP-in-IP from node {here} reaches node {there} only after {there} has sent first",
        expected="protocol 4 gets through in both directions, whoever sends first",
        observed=f"{several(requests, 'request')} to {in_words(pods)} unanswered; from the first request of {there} on "
        f"{several(len(opening.after), 'flow')} answered",
        count=requests,
        first_ns=int(opening.before.first_request_ns.min()),
        last_ns=int(opening.before.last_request_ns.max()),
        evidence=(
            evidence_of(
                point, opening.before.frames, display_filters.tunnel(pair.outer_source, pair.outer_destination)
            ),
        ),
        component=Component.NODE_NETWORK,
        confirm=_confirm(there, pair, sure=False),
        fix=(f"allow IP protocol 4 inbound at {there} (a stateful security group lets it in only as an answer)",),
        alternatives=(f"the pods on {there} came up at that moment",),
        worked=(f"{works} got through between the same two nodes",) if works else (),
        points=(point.id,),
    )


def _confirm(there: str, pair: TunnelPair, *, sure: bool) -> tuple[str, ...]:
    """Where the far side is not captured, its capture settles it; then whose counters show the drops."""
    sender = format_address(pair.outer_source)
    capture = capture_command(Role.NODE, there, capture_filter=f"ip proto 4 and host {sender}")
    counters = "iptables-save -c | grep -iE 'ipip|-p 4|-p ipv4'  # on both nodes: drop counters that rise"
    return (counters,) if sure else (capture, counters)


CHECK = Check(
    code="IPD6001",
    name="ProtocolFourBlocked",
    severity=Severity.CRITICAL,
    summary="IP-in-IP is lost between two nodes while other traffic of the same nodes gets through",
    points="node NIC, surer with both",
    examine=examine,
)
