"""OutgoingNotTranslated: pods ask addresses outside under their own address, and none answers.

Expected
    What a pod sends to an address outside the pools leaves its node with the node's address
    (natOutgoing of the pool), unless the network outside has a route back to the pods.

How it is observed
    At a node's NIC: at least three packets that open a conversation (SYN, echo request, DNS
    query), from a pod to an address outside pools, services and nodes, leave with the pod's
    address and none is answered, while packets from the same next hop arrive. Outside is what no
    told pool holds; where no pool is told, a public address. One answer from outside to a pod of
    the same pool shows that pods are routed there: no fault.

What can mislead
    A host outside that is down looks the same: where neither the pool's natOutgoing is told nor
    the same address answers the node itself, this is only a warning. Replies of pods to clients
    outside rightly bear the pod's address, and are not judged.

What to do
    ``calicoctl get ippool -o wide``: NAT true? Then ``iptables-save -t nat`` on the node: chain
    cali-nat-outgoing with a MASQUERADE rule, sets cali40masq-ipam-pools and cali40all-ipam-pools.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import incomplete, unless_judged, waited_long_enough
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
from ipipdiag.checks.outside import is_outside, is_strange
from ipipdiag.checks.sightings import evidence_of, in_words, several
from ipipdiag.checks.thresholds import Thresholds, from_requests_on
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ipipdiag.cluster.model import Cluster, Pool
    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

FEWEST_DESTINATIONS = 2  # unanswered, that one dead host does not explain


@dataclass(frozen=True, slots=True)
class _Opening:
    """A flow by which a pod opens a conversation with somebody outside; ``position`` is its row at the point."""

    position: int
    source: int
    destination: int
    requests: int
    answers: int
    last_request_ns: int
    destination_mac: int


def examine(
    points: tuple[Point, ...],
    flows: Mapping[Point, Flows],
    extent: Mapping[Point, Extent],
    cluster: Cluster,
    thresholds: Thresholds,
) -> Outcome:
    """A finding for each node and pool whose pods are not answered from outside."""
    nics = [point for point in points if point.role is Role.NODE]
    command = capture_command(Role.NODE, capture_filter="ip")
    if not nics:
        return Outcome(missing=Missing(Reason.WRONG_POINT, "what leaves a node shows on its NIC only", command))
    examined, findings, missing = 0, [], None
    for point in nics:
        by_pool: dict[Pool | None, list[_Opening]] = {}
        uncertain = 0
        for opening in _openings(point, flows[point], cluster):
            if is_outside(opening.destination, cluster):
                by_pool.setdefault(cluster.pool_of(opening.source), []).append(opening)
            else:
                uncertain += not opening.answers
        for pool, openings in by_pool.items():
            if any(opening.answers for opening in openings):
                examined += len(openings)
                continue
            waiting = [one for one in openings if waited_long_enough(one.last_request_ns, extent[point])]
            if why_not := _why_not(point, flows[point], waiting, thresholds):
                missing = missing or why_not
                continue
            examined += len(waiting)
            findings.append(_finding(point, flows[point], waiting, pool, cluster, thresholds))
        if uncertain and missing is None:
            text = (
                f"{several(uncertain, 'flow')} of pods to addresses that may lie outside the pools, which are not known"
            )
            told = "calicoctl get ippool -o yaml > pools.yaml  # then: --cluster pools.yaml"
            missing = Missing(Reason.NO_CONFIG, text, told)
    return Outcome(examined, tuple(findings), unless_judged(missing, examined))


def _openings(point: Point, flows: Flows, cluster: Cluster) -> Iterator[_Opening]:
    """Bare flows that leave a node with requests of a pod, to nobody that the cluster knows."""
    leaving = (flows.tunnel == Tunnel.NONE) & (flows.requests > 0)
    if point.own_mac is not None:
        leaving &= flows.source_mac == point.own_mac
    names = ("source", "destination", "requests", "answers", "last_request_ns", "destination_mac")
    for position, values in zip(leaving.nonzero()[0].tolist(), flows.select(leaving).rows(*names), strict=True):
        opening = _Opening(position, *values)
        if (
            cluster.is_pod(opening.source)
            and is_strange(opening.destination, cluster)
            and not _is_refused(point, opening)
        ):
            yield opening


def _is_refused(point: Point, opening: _Opening) -> bool:
    """Whether somebody reports an error about it to the pod: then there is a way back."""
    reports = point.facts.icmp_reports
    about = (reports.quoted_source == opening.source) & (reports.quoted_destination == opening.destination)
    return bool((about & (reports.receiver == opening.source)).any())


def _why_not(point: Point, flows: Flows, openings: list[_Opening], thresholds: Thresholds) -> Missing | None:
    """What keeps the absence of answers from being a finding."""
    command = capture_command(Role.NODE, capture_filter="ip")
    if lost := incomplete(point):
        return lost
    if sum(opening.requests for opening in openings) < thresholds.unanswered_requests:
        fewest = f"{thresholds.unanswered_requests:g}"
        text = f"fewer than {fewest} requests of pods to addresses outside, a second before the end of the capture"
        return Missing(Reason.TOO_FEW_PACKETS, text, command)
    hops = {opening.destination_mac for opening in openings}
    heard = flows.select((flows.tunnel == Tunnel.NONE) & (flows.packets > 0))
    if not any(mac in hops for mac in heard.source_mac.tolist()):
        return Missing(Reason.ONE_DIRECTION, "nothing that the next hop sends to this node was captured", command)
    return None


def _answers_the_node(flows: Flows, openings: list[_Opening], cluster: Cluster) -> list[int]:
    """Addresses that do not answer pods and do answer packets with another source at the same point."""
    silent = {opening.destination for opening in openings}
    answered = flows.select((flows.tunnel == Tunnel.NONE) & (flows.requests > 0) & (flows.answers > 0))
    return sorted(
        {there for source, there in answered.rows("source", "destination") if not cluster.is_pod(source)} & silent
    )


def _others_answer(flows: Flows, openings: list[_Opening], cluster: Cluster) -> bool:
    """Whether anybody behind the same next hop answers the node while several destinations do not answer pods."""
    hops = {opening.destination_mac for opening in openings}
    if len({opening.destination for opening in openings}) < FEWEST_DESTINATIONS:
        return False
    answered = flows.select((flows.tunnel == Tunnel.NONE) & (flows.requests > 0) & (flows.answers > 0))
    return any(mac in hops and not cluster.is_pod(source) for mac, source in answered.rows("destination_mac", "source"))


def _finding(
    point: Point,
    flows: Flows,
    openings: list[_Opening],
    pool: Pool | None,
    cluster: Cluster,
    thresholds: Thresholds,
) -> Finding:
    rows = flows.select([opening.position for opening in openings])
    pods = sorted({format_address(opening.source) for opening in openings})
    others = sorted({format_address(opening.destination) for opening in openings})
    requests = sum(opening.requests for opening in openings)
    node = next((address for address in point.own_addresses if cluster.is_node(address)), None)
    here = f"node {cluster.node_text(node)}" if node is not None else point.label
    contrast = _answers_the_node(flows, openings, cluster)
    nat = pool.nat_outgoing if pool is not None else None
    is_likely = nat is not None or bool(contrast) or _others_answer(flows, openings, cluster)
    known = (
        f"pool {pool.text} has natOutgoing {'true' if nat else 'false'} ({pool.source})"
        if pool is not None and nat is not None
        else "the pool's natOutgoing is not known"
    )
    return Finding(
        severity=Severity.ERROR if is_likely else Severity.WARNING,
        confidence=Confidence.LIKELY if is_likely else Confidence.POSSIBLE,
        subject=Subject(
            SubjectKind.NODE,
            f"pods on {here} to outside",
            nodes=(format_address(node),) if node is not None else (),
            addresses=(*pods, *others),
        ),
        title=f"{in_words(pods)} {'asks' if len(pods) == 1 else 'ask'} {in_words(others)} from {here} under "
        f"{'its' if len(pods) == 1 else 'their'} own address, which is not translated, and nothing comes back",
        expected="towards addresses outside the pools the source becomes the node's (natOutgoing), or the network "
        f"there has a route to the pods; {known}" + from_requests_on(thresholds),
        observed=f"{several(requests, 'request')} with a pod's source at {point.label}, none answered",
        count=requests,
        first_ns=int(rows.first_ns.min()),
        last_ns=int(rows.last_request_ns.max()),
        evidence=tuple(
            evidence_of(point, rows.select(rows.source == pod).frames, display_filters.sent_by(pod))
            for pod in sorted(set(rows.source.tolist()))[:4]
        ),
        component=Component.CONFIGURATION if nat is False else Component.FELIX,
        confirm=(
            "calicoctl get ippool -o wide  # NAT true?",
            f"iptables-save -c -t nat | grep cali-nat-outgoing  # on {here}: a MASQUERADE rule that counts?",
            f"ip route get {pods[0]}  # on the router outside: has it a route to the pods?",
        ),
        fix=("set natOutgoing: true on the pool, or route the pods' network to the nodes outside the cluster",),
        alternatives=(
            *(() if contrast else (f"{in_words(others)} {'is' if len(others) == 1 else 'are'} down or silent",)),
            "a firewall outside drops them",
            *(
                ()
                if nat is False
                else ("Felix has not programmed its masquerade rule, or the pool's set is incomplete",)
            ),
        ),
        worked=tuple(f"{format_address(address)} answers the node itself" for address in contrast[:1]),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD7002",
    name="OutgoingNotTranslated",
    severity=Severity.ERROR,
    summary="pods open conversations with addresses outside under their own address, and none is answered",
    points="node NIC",
    examine=examine,
)
