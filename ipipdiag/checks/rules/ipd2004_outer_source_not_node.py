"""OuterSourceNotNode: the outer source is not the sending node's Calico address.

Expected
    The outer source is the address by which the other nodes know the sender. Felix accepts
    IP-in-IP only from the addresses in its set of all hosts, and drops the rest in silence
    ("non-Calico hosts").

How it is observed
    At the sending node's NIC, at the packet's first hop: an outer source that is never an outer
    destination and speaks no BGP, while the same MAC speaks BGP under another address. Or an
    outer source that is not among the nodes named by flag or file and shows no sign of being one.

What can mislead
    The kernel chooses the outer source by its route to the peer, not by Calico's configuration.
    Where externalNodesList or the owner's own rule admits the address, traffic works: a warning
    then. A router's MAC carries many addresses; its packets are past their first hop and are not
    judged.

What to do
    ``ip route get PEER`` on the sending node shows the source it chooses. Correct
    IP_AUTODETECTION_METHOD, or the route's ``src``.
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
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.cluster.model import Cluster
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import BGP_PORT, INITIAL_TTLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster) -> Outcome:
    """A finding for each outer source that is not a node's Calico address."""
    examined: set[int] = set()
    unknown: set[int] = set()
    findings, are_told = [], cluster.told_nodes > 0
    for point in points:
        if point.role is not Role.NODE:
            continue
        table = flows[point]
        wrapped = (table.tunnel == Tunnel.IPIP) & (table.outer_ttl_max == table.ttl_max)
        speakers = _speakers(table, cluster)
        for (outer_source,), rows in sorted(table.positions_by(wrapped, "outer_source").items()):
            known_as = None
            if not cluster.is_node(outer_source):
                known_as = _known_as(set(table.source_mac[rows].tolist()), speakers)
            if known_as is not None:
                examined.add(outer_source)
                findings.append(_finding(point, table.select(rows), outer_source, known_as, cluster))
            elif cluster.is_node(outer_source) or cluster.is_let_through(outer_source):
                examined.add(outer_source)
            elif are_told:
                examined.add(outer_source)
                findings.append(_finding(point, table.select(rows), outer_source, 0, cluster))
            else:
                unknown.add(outer_source)
    return Outcome(len(examined), tuple(findings), _missing(points, unknown) if not examined else None)


def _speakers(table: Flows, cluster: Cluster) -> dict[int, list[tuple[int, int]]]:
    """The nodes that speak BGP from each MAC, each with its number in the order in which they show."""
    bgp = (table.source_port == BGP_PORT) | (table.destination_port == BGP_PORT)
    spoken = table.select(bgp & (table.tunnel == Tunnel.NONE))
    found: dict[int, list[tuple[int, int]]] = {}
    for number, (source, mac, ttl) in enumerate(dict.fromkeys(spoken.rows("source", "source_mac", "ttl_max"))):
        if mac >= 0 and ttl in INITIAL_TTLS and cluster.is_node(source):
            found.setdefault(mac, []).append((number, source))
    return found


def _known_as(macs: set[int], speakers: dict[int, list[tuple[int, int]]]) -> int | None:
    """The address under which a MAC of the sender speaks BGP, the first that shows; None where none does."""
    first = min((speaker for mac in macs for speaker in speakers.get(mac, ())), default=None)
    return None if first is None else first[1]


def _missing(points: tuple[Point, ...], unknown: set[int]) -> Missing:
    if unknown:
        return Missing(
            Reason.NO_CONFIG,
            f"{several(len(unknown), 'outer source')} not known as a node: neither BGP nor tunnel packets back to it",
            "kubectl get nodes -o wide  # then: --node NAME=IP/PREFIX for each",
        )
    return Missing(
        Reason.WRONG_POINT,
        "no tunnel packet was captured: outer headers show on a node's NIC",
        capture_command(Role.NODE),
    )


def _finding(point: Point, own: Flows, outer_source: int, known_as: int, cluster: Cluster) -> Finding:
    text = format_address(outer_source)
    requests = int(own.requests.sum())
    peers = sorted({format_address(peer) for peer in own.outer_destination.tolist()})
    sender = cluster.node_text(known_as) if known_as else point.label
    if known_as:
        why = f"the same MAC speaks BGP as {format_address(known_as)}, and nothing is ever sent to {text}"
    else:
        why = "it is not among the nodes that were named, and speaks no BGP"
    count = int(own.packets.sum())
    silent = none_answered(own, point)
    return Finding(
        severity=Severity.CRITICAL if silent else Severity.WARNING,
        confidence=Confidence.LIKELY,
        subject=Subject(
            SubjectKind.NODE,
            f"node {sender}" if known_as else text,
            nodes=(*((format_address(known_as),) if known_as else ()), text, *peers),
            addresses=tuple(sorted({format_address(pod) for pod in own.source.tolist()})),
        ),
        title=f"node {sender} sends tunnel packets with outer source {text} instead of its Calico address"
        + (f" to {', '.join(peers)}: not answered" if silent else ""),
        expected=f"outer source {format_address(known_as)}" if known_as else "an outer source that is a node's address",
        observed=f"{several(count, 'packet')} with outer source {text}; {why}; "
        + (f"{several(requests, 'request')}, none answered" if silent else answers_in_words(own, point)),
        count=count,
        first_ns=int(own.first_ns.min()),
        last_ns=int(own.last_ns.max()),
        evidence=(evidence_of(point, own.frames, display_filters.tunnel(outer_source, int(own.outer_destination[0]))),),
        component=Component.CONFIGURATION,
        confirm=(
            f"ip route get {peers[0]}  # on {sender}: which src?",
            f"ipset test cali40all-hosts-net {text}  # on {peers[0]}: not in the set means dropped",
            "calicoctl get node -o wide",
        ),
        fix=("correct IP_AUTODETECTION_METHOD, or the src of the route to the peer",),
        alternatives=("the peer admits this address on purpose (externalNodesList) and drops for another reason",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD2004",
    name="OuterSourceNotNode",
    severity=Severity.CRITICAL,
    summary="the outer source is not the sending node's Calico address: the peer drops it in silence",
    points="node NIC",
    examine=examine,
)
