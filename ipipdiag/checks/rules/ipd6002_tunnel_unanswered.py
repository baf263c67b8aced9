"""TunnelUnanswered: requests go into a tunnel and nothing at all comes back.

Expected
    Both directions of a tunnel carry packets, where what is sent needs an answer.

How it is observed
    At a node's NIC: at least three SYNs, echo requests or DNS queries to one node, the last of
    them a second before the end, and not one packet of protocol 4 from that node. The point is
    shown to receive: other packets of that node, or protocol 4 from another one. The same holds
    where answers came at first and then no more, for at least two seconds: a warning where it is
    one pod, which may have ended.

What can mislead
    One-way traffic (metrics, syslog) needs no answer and is not counted. A capture of one
    direction.

What to do
    Capture on the far node's NIC and tunl0 at the same time: which of them still sees the
    requests says where they end.
    Threshold: unanswered-requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
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
from ipipdiag.checks.thresholds import Thresholds, from_requests_on
from ipipdiag.checks.tunnel_pairs import Contact, TunnelPair, contact_between, tunnel_pairs
from ipipdiag.kinds import ABSENT_MAC, Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

FEWEST_PODS = 2  # that fall silent together; one may have ended


def examine(
    points: tuple[Point, ...],
    flows: Mapping[Point, Flows],
    extent: Mapping[Point, Extent],
    cluster: Cluster,
    thresholds: Thresholds,
) -> Outcome:
    """A finding for each pair of nodes whose tunnel is never answered."""
    examined, findings, missing = 0, [], None
    for point in points:
        if point.role is not Role.NODE:
            continue
        for pair in tunnel_pairs(point):
            if not pair.is_unanswered or pair.unanswered_requests < thresholds.unanswered_requests:
                examined += bool(pair.back)
                continue
            contact = contact_between(pair)
            why_not = _why_not(point, pair, contact, flows[point], extent[point])
            if why_not:
                missing = missing or why_not
                continue
            examined += 1
            findings.append(_finding(point, pair, contact, cluster, thresholds))
    if not examined and missing is None:
        command = capture_command(Role.NODE)
        missing = Missing(Reason.WRONG_POINT, "no request into a tunnel was captured on a node's NIC", command)
    return Outcome(examined, tuple(findings), missing)


def _why_not(point: Point, pair: TunnelPair, contact: Contact, flows: Flows, extent: Extent) -> Missing | None:
    """What keeps the absence of answers from being a finding here."""
    if lost := incomplete(point):
        return lost
    command = capture_command(Role.NODE)
    if not waited_long_enough(pair.last_request_ns, extent):
        return Missing(
            Reason.TOO_SHORT, "the last request is less than a second before the end of the capture", command
        )
    wrapped = (flows.tunnel == Tunnel.IPIP) & (flows.last_ns > (pair.silence.since_ns if pair.silence else -1))
    # what other nodes send shows that this direction is captured, if it comes from where the requests go
    next_hops = set(pair.sent.destination_mac.tolist())
    from_there = [ABSENT_MAC in next_hops or mac in next_hops for mac in flows.source_mac.tolist()]
    receives = wrapped & (flows.outer_destination == pair.outer_source) & from_there
    sends = wrapped & (flows.outer_source == pair.outer_destination)
    if not contact.from_destination and not bool((receives | sends).any()):
        text = f"nothing of {format_address(pair.outer_destination)} was captured, so that its "
        "answers may be missing only here"
        return Missing(Reason.ONE_DIRECTION, text, command)
    return None


def _finding(point: Point, pair: TunnelPair, contact: Contact, cluster: Cluster, thresholds: Thresholds) -> Finding:
    here, there = cluster.node_text(pair.outer_source), cluster.node_text(pair.outer_destination)
    pods = [format_address(pod) for pod in pair.unanswered_destinations]
    fewer = pair.silence is not None and len(pods) < FEWEST_PODS  # a pod that has ended is no fault of the tunnel
    works = contact.in_words()
    return Finding(
        severity=Severity.WARNING if fewer else Severity.ERROR,
        confidence=Confidence.POSSIBLE if fewer else Confidence.LIKELY,
        subject=Subject(
            SubjectKind.NODE_PAIR,
            f"{here} to {there}",
            nodes=(format_address(pair.outer_source), format_address(pair.outer_destination)),
            addresses=tuple(sorted({*pods, *(format_address(pod) for pod in pair.sent.source.tolist())})),
        ),
        title=f"nothing comes back through the tunnel from node {there} to node {here}"
        + (" any more" if pair.silence else ""),
        expected="answers to the requests, in protocol 4 as well" + from_requests_on(thresholds),
        observed=f"{pair.in_words()}, no packet of protocol 4 from {there}",
        count=pair.unanswered_requests,
        first_ns=pair.silent_from_ns,
        last_ns=pair.last_request_ns,
        evidence=(pair.evidence(point),),
        component=Component.NODE_NETWORK,
        confirm=(
            capture_command(
                Role.NODE, there, capture_filter=f"ip proto 4 and host {format_address(pair.outer_source)}"
            ),
            capture_command(Role.TUNL0, there),
        ),
        alternatives=(
            *(("the pod has ended",) if pair.silence else ()),
            "the pod does not answer, or a policy on its node drops the requests in silence",
            f"node {there} drops protocol 4 from this sender",
            "the network between the nodes drops protocol 4",
        ),
        worked=(f"{works} got through between the same two nodes",) if works else (),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD6002",
    name="TunnelUnanswered",
    severity=Severity.ERROR,
    summary="requests that need an answer go into a tunnel, and nothing comes back from that node by protocol 4",
    points="node NIC",
    examine=examine,
)
