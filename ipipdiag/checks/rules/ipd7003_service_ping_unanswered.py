"""ServicePingUnanswered: a pod pings a service address and gets no answer.

Expected
    It depends on kube-proxy. In ipvs mode every node holds all service addresses on kube-ipvs0
    and answers pings to them itself, with TTL 64. In iptables and nftables mode nobody holds
    them: only the service's ports are translated, and a ping leaves by the default route and is
    lost. That is no fault.

How it is observed
    At the pod's link: at least three echo requests, over two seconds or more, to an address that
    files name as a service's, or that packets show to be translated; no reply, while the pod
    receives other packets.

What can mislead
    Ping says nothing of whether a service works: try its port.

What to do
    Nothing in iptables mode. In ipvs mode look for the address on kube-ipvs0 of the pod's node.
"""

from __future__ import annotations

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
from ipipdiag.checks.service_traffic import receives_packets, services_unknown, what_answers
from ipipdiag.checks.sightings import evidence_of, in_words, several
from ipipdiag.checks.thresholds import Thresholds, from_requests_on
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

SHORTEST_NS = 1_900_000_000  # three requests a second apart
IPVS = "ipvs"


def examine(
    points: tuple[Point, ...],
    flows: Mapping[Point, Flows],
    extent: Mapping[Point, Extent],
    cluster: Cluster,
    thresholds: Thresholds,
) -> Outcome:
    """A notice for each service address that a pod pings in vain."""
    if not any(point.is_pod_link for point in points):
        command = capture_command(Role.CALI, capture_filter="icmp")
        return Outcome(
            missing=Missing(Reason.WRONG_POINT, "what a pod pings shows on its own link, untranslated", command)
        )
    examined, unknown, findings, missing = 0, 0, [], None
    for point in points:
        if not point.is_pod_link:
            continue
        pings = flows[point].select((flows[point].echo_requests > 0) & (flows[point].outer_source == 0))
        for row in range(len(pings)):
            ping = pings.select([row])
            if int(ping.source[0]) not in point.pods:
                continue
            if cluster.service_source(int(ping.destination[0])) is None:
                unknown += not int(ping.answers[0]) and not cluster.is_pod(int(ping.destination[0]))
            elif int(ping.answers[0]):
                examined += 1
            elif why_not := _why_not(point, ping, flows[point], extent[point], thresholds):
                missing = missing or why_not
            else:
                examined += 1
                findings.append(_finding(point, ping, flows[point], cluster, thresholds))
    if unknown and not examined:
        missing = missing or services_unknown(f"{several(unknown, 'unanswered ping')} of a pod")
    return Outcome(examined, tuple(findings), unless_judged(missing, examined))


def _why_not(point: Point, ping: Flows, flows: Flows, extent: Extent, thresholds: Thresholds) -> Missing | None:
    """What keeps the absence of replies from being a finding."""
    if lost := incomplete(point):
        return lost
    command = capture_command(Role.CALI, capture_filter="icmp")
    if not receives_packets(point, flows):
        return Missing(Reason.ONE_DIRECTION, "nothing that the pod receives was captured", command)
    asked_for = int(ping.last_request_ns[0] - ping.first_request_ns[0])
    if int(ping.requests[0]) < thresholds.unanswered_requests or asked_for < SHORTEST_NS:
        text = f"fewer than {thresholds.unanswered_requests:g} pings, a second apart, to a service address"
        return Missing(Reason.TOO_FEW_PACKETS, text, command)
    if not waited_long_enough(int(ping.last_request_ns[0]), extent):
        return Missing(Reason.TOO_SHORT, "the last ping is less than a second before the end of the capture", command)
    return None


def _finding(point: Point, ping: Flows, flows: Flows, cluster: Cluster, thresholds: Thresholds) -> Finding:
    pod, service = int(ping.source[0]), int(ping.destination[0])
    requests = int(ping.requests[0])
    is_ipvs = cluster.kube_proxy_mode == IPVS
    mode = cluster.kube_proxy_mode or "iptables"
    said = f" ({cluster.kube_proxy_source})" if cluster.kube_proxy_mode else ""
    works = what_answers(flows, pod, service)
    verb = "runs in" if cluster.kube_proxy_mode else "looks like"
    text = format_address(service)
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.LIKELY,
        subject=Subject(
            SubjectKind.FLOW,
            f"{format_address(pod)} to service {text}",
            addresses=(format_address(pod), text),
        ),
        title=f"service address {text} does not answer ping, "
        + (f"though kube-proxy {verb} ipvs mode" if is_ipvs else f"as is normal where kube-proxy {verb} {mode} mode"),
        expected="in ipvs mode the pod's node answers with TTL 64; in iptables mode nobody holds the address"
        + (f"; mode {mode}{said}" if said else "")
        + from_requests_on(thresholds),
        observed=f"{several(requests, 'request')} of {format_address(pod)}, no reply"
        + (f"; {in_words(works)} of the same address answered" if works else ""),
        count=requests,
        first_ns=int(ping.first_request_ns[0]),
        last_ns=int(ping.last_request_ns[0]),
        evidence=(evidence_of(point, ping.frames, display_filters.conversation(pod, service)),),
        component=Component.KUBE_PROXY,
        confirm=(
            "curl -s localhost:10249/proxyMode  # on the pod's node",
            f"ip address show dev kube-ipvs0 | grep {text}  # on the pod's node; no such device: not ipvs mode",
        ),
        alternatives=("the ping is translated and the backend, or a policy before it, does not answer",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD7003",
    name="ServicePingUnanswered",
    severity=Severity.NOTICE,
    summary="a ping to a service address gets no answer: normal in iptables mode, not in ipvs mode",
    points="pod eth0, cali",
    examine=examine,
)
