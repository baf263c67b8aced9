"""OuterDestinationNotNode: tunnel packets go to an address that is no node's.

Expected
    The outer destination is the Calico address of the node that has the inner destination.

How it is observed
    At a node's NIC: an outer destination that is not among the nodes named by flag or file,
    speaks no BGP and never sends through the tunnel itself.

What can mislead
    Without the list of nodes nothing can be said of an address that only receives.

What to do
    A stale next hop (a node that was replaced or got another address), or a wrong address
    autodetected on the peer: ``ip route`` on the sender, ``calicoctl get node -o wide``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import answers_in_words, none_answered
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
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster) -> Outcome:
    """A finding for each outer destination that is no node's address."""
    examined: set[int] = set()
    unknown: set[int] = set()
    findings, are_told = [], cluster.told_nodes > 0
    for point in points:
        if point.role is not Role.NODE:
            continue
        rows_of = flows[point].positions_by(flows[point].tunnel == Tunnel.IPIP, "outer_destination")
        for (outer_destination,), rows in sorted(rows_of.items()):
            if cluster.is_node(outer_destination):
                examined.add(outer_destination)
            elif are_told:
                examined.add(outer_destination)
                findings.append(_finding(point, flows[point].select(rows), outer_destination, cluster))
            else:
                unknown.add(outer_destination)
    return Outcome(len(examined), tuple(findings), None if examined else _missing(unknown))


def _missing(unknown: set[int]) -> Missing:
    if unknown:
        return Missing(
            Reason.NO_CONFIG,
            f"{several(len(unknown), 'outer destination')} not known as a node: it sends neither "
            "BGP nor tunnel packets",
            "kubectl get nodes -o wide  # then: --node NAME=IP/PREFIX for each",
        )
    return Missing(
        Reason.WRONG_POINT,
        "no tunnel packet was captured: outer headers show on a node's NIC",
        capture_command(Role.NODE),
    )


def _finding(point: Point, sent: Flows, outer_destination: int, cluster: Cluster) -> Finding:
    text = format_address(outer_destination)
    sources = sorted({int(source) for source in sent.outer_source.tolist()})
    sender = cluster.node_text(sources[0])
    silent = none_answered(sent, point)
    pods = tuple(sorted({format_address(pod) for pod in sent.destination.tolist()}))
    count = int(sent.packets.sum())
    return Finding(
        severity=Severity.CRITICAL if silent else Severity.WARNING,
        confidence=Confidence.LIKELY,
        subject=Subject(SubjectKind.NODE, text, nodes=(text, *map(format_address, sources)), addresses=pods),
        title=f"node {sender} sends tunnel packets to {text}, which is not a node",
        expected="the outer destination is the Calico address of a node",
        observed=f"{several(count, 'packet')} to {text}, for {in_words(list(pods))}; "
        + ("no request of them answered" if silent else answers_in_words(sent, point)),
        count=count,
        first_ns=int(sent.first_ns.min()),
        last_ns=int(sent.last_ns.max()),
        evidence=(evidence_of(point, sent.frames, display_filters.tunnel(sources[0], outer_destination)),),
        component=Component.BIRD,
        confirm=(f"ip route | grep {text}  # on {sender}", "calicoctl get node -o wide", "calicoctl ipam check"),
        fix=("remove the stale node or block affinity, or correct the peer's address",),
        alternatives=("the list of nodes that was given is not complete",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD2005",
    name="OuterDestinationNotNode",
    severity=Severity.CRITICAL,
    summary="tunnel packets go to an address that is no node's: stale next hop, wrong autodetection",
    points="node NIC",
    examine=examine,
)
