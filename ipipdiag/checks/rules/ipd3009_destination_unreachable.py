"""DestinationUnreachable: somebody reports net or host unreachable about a pod.

Expected
    Pods are reachable; an unallocated address of a block is discarded in silence (blackhole
    route), so that an ICMP message says something else is wrong.

How it is observed
    ICMP 3/0 or 3/1 that quotes a packet to a pod, at any point. From the pod's own node three
    seconds after the packet: the pod does not answer ARP, it is gone. From a router: it has a
    route back, and none to the pods.

What can mislead
    Messages about addresses outside the pools are none of Calico's. Port unreachable (3/3) is an
    answer of the pod.

What to do
    ``ip route get`` and ``ip neigh`` for the pod on the node that reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
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
from ipipdiag.checks.sightings import duration, several
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.facts.messages import IcmpReports
    from ipipdiag.points.model import Point


CODES = {0: "net", 1: "host"}


def examine(
    points: tuple[Point, ...], flows: Mapping[Point, Flows], icmp_reports: Mapping[Point, IcmpReports], cluster: Cluster
) -> Outcome:
    """A finding for each reporter and pod."""
    examined, findings = 0, []
    for point, reports in icmp_reports.items():
        examined += len(flows[point]) > 0
        found: dict[tuple[int, int, int], list[tuple[int, int, int]]] = {}
        for kind, code, reporter, destination, source, number, time_ns in reports.rows(
            "type", "code", "reporter", "quoted_destination", "quoted_source", "number", "time_ns"
        ):
            if kind == UNREACHABLE and code in CODES and cluster.is_pod(destination):
                found.setdefault((reporter, destination, code), []).append((number, time_ns, source))
        findings += [_finding(point, flows[point], *key, entries, cluster) for key, entries in found.items()]
    missing = None
    if not examined:
        missing = Missing(Reason.TOO_FEW_PACKETS, "no packet was captured", capture_command(Role.NODE))
    return Outcome(examined, tuple(findings), missing)


def _finding(
    point: Point,
    table: Flows,
    reporter: int,
    destination: int,
    code: int,
    entries: list[tuple[int, int, int]],
    cluster: Cluster,
) -> Finding:
    node = cluster.tunnel_addresses.get(reporter, reporter)
    who = f"node {cluster.node_text(node)}" if cluster.is_node(node) else format_address(reporter)
    text, first_ns = format_address(destination), entries[0][1]
    asked = table.select(
        (table.destination == destination) & (table.requests > 0) & (table.first_request_ns < first_ns)
    )
    after = f", {duration(first_ns - int(asked.first_request_ns.min()))} after the first request" if len(asked) else ""
    nodes = (format_address(node),) if cluster.is_node(node) else ()
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.POD,
            f"{text} by {who}",
            nodes=nodes,
            addresses=(text, *sorted({format_address(source) for _, _, source in entries})),
        ),
        title=f"{who} reports pod {text} as unreachable ({CODES[code]})",
        expected="the pod is reached",
        observed=f"{several(len(entries), 'ICMP message')} 3/{code} from {format_address(reporter)}{after}",
        count=len(entries),
        first_ns=first_ns,
        last_ns=entries[-1][1],
        evidence=(
            Evidence(
                point.input,
                tuple(number for number, _, _ in entries[:8]),
                display_filters.icmp_error(reporter, UNREACHABLE, code),
            ),
        ),
        component=Component.NODE_KERNEL if nodes else Component.NODE_NETWORK,
        confirm=(f"ip route get {text}  # on {who}", f"ip neigh show {text}  # on {who}"),
        fix=("the pod is gone or its interface is down: look at it first",)
        if nodes
        else ("teach the router the blocks",),
        alternatives=(
            "the pod has just been deleted, and others still ask for it"
            if nodes
            else "a firewall rejects in the router's name",
        ),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD3009",
    name="DestinationUnreachable",
    severity=Severity.ERROR,
    summary="net or host unreachable is reported about a pod",
    points="any",
    examine=examine,
)
