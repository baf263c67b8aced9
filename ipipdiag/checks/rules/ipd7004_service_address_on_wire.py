"""ServiceAddressOnWire: packets to a service address leave the pod's node untranslated.

Expected
    kube-proxy replaces the address and port of a service by those of a backend on the node of the
    pod that asks: neither tunl0 nor the node's NIC ever shows them.

How it is observed
    At tunl0 or a node's NIC: TCP, UDP or SCTP of a pod or a node, to the address and port of a
    service. Services are known from files, or from a request that goes on to another address, or
    is answered by one.

What can mislead
    Echo requests are never translated in iptables mode: they are IPD7003's. Ports that a service
    does not have are not translated either. Who asks from outside the cluster may rightly reach a
    service address that BGP announces.

What to do
    On the pod's node: is kube-proxy running, has it synchronised, does the service have endpoints?
    ``iptables-save -t nat | grep ADDRESS``, or ``ipvsadm -Ln``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import answers_in_words, limit_reached
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
from ipipdiag.checks.service_traffic import PROTOCOLS, port_text, services_unknown
from ipipdiag.checks.sightings import evidence_of, in_words, several
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

ROLES = (Role.TUNL0, Role.NODE)


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster) -> Outcome:
    """A finding for each sender and service whose packets are seen beyond the sender's node."""
    beyond = [point for point in points if point.role in ROLES]
    if not beyond:
        text = "what leaves a node shows on tunl0 and its NIC only"
        return Outcome(missing=Missing(Reason.WRONG_POINT, text, capture_command(Role.NODE, capture_filter="ip")))
    if not cluster.services and not cluster.service_networks:
        return Outcome(missing=services_unknown("what leaves the nodes was captured"))
    examined, findings = 0, []
    for point in beyond:
        grouped: dict[tuple[int, int], list[int]] = {}
        for position, (protocol, source, destination, port) in enumerate(
            flows[point].rows("protocol", "source", "destination", "destination_port")
        ):
            if protocol in PROTOCOLS and port >= 0 and _is_inside(source, cluster):
                examined += 1
                if cluster.is_service_port(destination, protocol, port):
                    grouped.setdefault((source, destination), []).append(position)
        findings += [_finding(point, flows[point].select(rows), cluster) for rows in grouped.values()]
    missing = Missing(
        Reason.TOO_FEW_PACKETS,
        "no packet of a pod or node was captured",
        capture_command(Role.NODE, capture_filter="ip"),
    )
    return Outcome(examined, tuple(findings), None if examined else missing)


def _is_inside(source: int, cluster: Cluster) -> bool:
    return cluster.is_node(source) or source in cluster.tunnel_addresses or cluster.is_pod(source)


def _finding(point: Point, rows: Flows, cluster: Cluster) -> Finding:
    source, service = int(rows.source[0]), int(rows.destination[0])
    sender, asked = format_address(source), format_address(service)
    ports = sorted({port_text(*entry) for entry in rows.rows("protocol", "destination_port")})
    packets, silent = int(rows.packets.sum()), not rows.answers.any() and not limit_reached(point)
    node = int(rows.outer_source[0]) or (source if cluster.is_node(source) else None)
    owner = cluster.owner_of(source)
    node = node if node is not None or owner is None else owner.node
    where = f"node {cluster.node_text(node)}" if node is not None else "its node"
    is_known = service in cluster.services
    return Finding(
        severity=Severity.ERROR if silent else Severity.WARNING,
        confidence=Confidence.CONFIRMED if is_known else Confidence.LIKELY,
        subject=Subject(
            SubjectKind.FLOW,
            f"{sender} to service {asked}",
            nodes=(format_address(node),) if node is not None else (),
            addresses=(sender, asked),
        ),
        title=f"packets from {sender} to service {asked} ({in_words(ports)}) leave {where} untranslated",
        expected=f"kube-proxy on {where} replaces {asked} by a backend's address; it is a service's by "
        f"{cluster.service_source(service)}",
        observed=f"{several(packets, 'packet')} to {asked} at {point.label}; "
        + ("none answered" if silent else answers_in_words(rows, point)),
        count=packets,
        first_ns=int(rows.first_ns.min()),
        last_ns=int(rows.last_ns.max()),
        evidence=(evidence_of(point, rows.frames, display_filters.conversation(source, service)),),
        component=Component.KUBE_PROXY,
        confirm=(
            f"iptables-save -t nat | grep {asked} ; ipvsadm -Ln | grep -A5 {asked}  # on {where}",
            "kubectl get endpointslices -A  # has the service an endpoint that is ready?",
        ),
        fix=(f"restart kube-proxy on {where}; give the service an endpoint that is ready",),
        alternatives=(
            "kube-proxy is not running there, or has not yet synchronised this service",
            "the service has no endpoint that is ready",
            *(() if is_known else ("no service has this address and port (any more): something still asks for it",)),
        ),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD7004",
    name="ServiceAddressOnWire",
    severity=Severity.ERROR,
    summary="packets to a service address leave a node untranslated",
    points="tunl0, node NIC",
    examine=examine,
)
