"""ChecksumBroken: TCP reaches the other node with checksums that its kernel must reject.

Expected
    At the receiver, across a real wire, TCP checksums are right: what the sender's kernel leaves
    open is completed by its NIC at the latest.

How it is observed
    Segments without payload (SYN, SYN-ACK, ACK) that a node receives from another, at its NIC or
    its tunl0: all of at least three have a wrong checksum, and nothing they say is acknowledged,
    while echo requests or UDP of the same two nodes are answered. Where the field holds the sum
    of the pseudo-header, transmit offload is broken; another value is damage on the way.

What can mislead
    At the sender every checksum may still be open, and a receiver that merges segments (GRO)
    leaves them open again: neither is judged, nor is a segment that the capture cut. Nodes on one
    host never complete checksums, and their kernels know it: there the segments are acknowledged.

What to do
    On the sending node: ``ethtool -K tunl0 tx off``, then ``ethtool -K NIC tx-checksum-ip-generic
    off``; if TCP works then, a newer NIC driver or kernel. Threshold: wrong-checksums.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import first_limit, limit_reached
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
from ipipdiag.checks.thresholds import Thresholds
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import ICMP, TCP, UDP
from ipipdiag.trace.places import home_of

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.points.model import Point
    from ipipdiag.trace.model import Trace


class _Row(NamedTuple):
    source: int
    destination: int
    protocol: int
    source_port: int
    destination_port: int
    tunnel: int
    outer_source: int
    outer_destination: int
    destination_mac: int
    right: int
    left_open: int
    wrong: int
    answers: int
    acknowledgement_max: int
    first_ns: int
    last_ns: int


@dataclass(slots=True)
class _Received:
    """What a point receives from one node for another."""

    right: int = 0
    left_open: int = 0
    wrong: int = 0
    acknowledged: bool = False
    works: set[str] = field(default_factory=set)
    positions: list[int] = field(default_factory=list)  # of the flows with a checksum that is not right


def examine(points: tuple[Point, ...], cluster: Cluster, trace: Trace, thresholds: Thresholds) -> Outcome:
    """A finding for each pair of nodes whose TCP arrives broken."""
    examined, findings, receiving = 0, [], False
    for point in points:
        if point.role not in (Role.NODE, Role.TUNL0):
            continue
        receiving = True
        for nodes, received in _received(point, cluster, trace).items():
            broken = received.left_open + received.wrong
            examined += bool(received.right or broken)
            is_broken = broken >= max(thresholds.wrong_checksums, 1) and not received.right
            if is_broken and not received.acknowledged and received.works and not limit_reached(point):
                findings.append(_finding(point, nodes, received, cluster, thresholds))
    if examined or findings:
        return Outcome(examined, tuple(findings), first_limit(points))
    if not receiving:
        text = "checksums show at the node that receives"
        return Outcome(missing=Missing(Reason.WRONG_POINT, text, capture_command(Role.NODE, "the receiving node")))
    text = "no TCP segment without payload was received here and captured with its whole header"
    return Outcome(missing=Missing(Reason.TOO_FEW_PACKETS, text, capture_command(Role.NODE, "the receiving node")))


def _received(point: Point, cluster: Cluster, trace: Trace) -> dict[tuple[int, int], _Received]:
    """What arrives here from other nodes, by the node that sent it and the one that receives."""
    names = ("source", "destination", "protocol", "source_port", "destination_port", "tunnel", "outer_source",
             "outer_destination", "destination_mac", "checksums_right", "checksums_open", "checksums_wrong", "answers",
             "acknowledgement_max", "first_ns", "last_ns")  # fmt: skip
    rows = [_Row._make(values) for values in point.facts.flows.rows(*names)]
    acknowledging: dict[tuple[int, int, int, int], int] = defaultdict(lambda: -1)
    for row in rows:
        ends = (row.source, row.destination, row.source_port, row.destination_port)
        acknowledging[ends] = max(acknowledging[ends], row.acknowledgement_max)
    found: dict[tuple[int, int], _Received] = defaultdict(_Received)
    own = _own_node(point, trace)
    for position, row in enumerate(rows):
        nodes = _nodes(row, cluster)
        if nodes is None or not _is_received(point, row, nodes, own):
            continue
        received = found[nodes]
        received.works.update(_what_works(row))
        if row.protocol != TCP or not (row.right or row.left_open or row.wrong):
            continue
        received.right += row.right
        received.left_open += row.left_open
        received.wrong += row.wrong
        back = (row.destination, row.source, row.destination_port, row.source_port)
        received.acknowledged |= acknowledging[back] >= 0
        received.positions.append(position)
    return found


def _own_node(point: Point, trace: Trace) -> int | None:
    return next((place.node for place in trace.places if point in place.points), None)


def _nodes(row: _Row, cluster: Cluster) -> tuple[int, int] | None:
    """The nodes between which a flow travels; None where one is not known, or both are the same."""
    if row.tunnel == Tunnel.IPIP:
        ends: tuple[int | None, int | None] = (row.outer_source, row.outer_destination)
    else:
        ends = (home_of(row.source, cluster), home_of(row.destination, cluster))
    if ends[0] is None or ends[1] is None or ends[0] == ends[1]:
        return None
    return (ends[0], ends[1]) if cluster.is_node(ends[0]) and cluster.is_node(ends[1]) else None


def _is_received(point: Point, row: _Row, nodes: tuple[int, int], own: int | None) -> bool:
    """Whether the capturing node is the one that receives."""
    if point.role is Role.NODE and point.own_mac is not None and row.destination_mac >= 0:
        return row.destination_mac == point.own_mac
    return own is not None and nodes[1] == own


def _what_works(row: _Row) -> Iterator[str]:
    if row.answers and row.protocol == ICMP and row.source_port >= 0:
        yield "ping"
    if row.answers and row.protocol == UDP:
        yield "UDP"


def _finding(
    point: Point, nodes: tuple[int, int], received: _Received, cluster: Cluster, thresholds: Thresholds
) -> Finding:
    sender, receiver = map(cluster.node_text, nodes)
    rows = point.facts.flows.select(received.positions)
    is_open = received.left_open >= received.wrong
    what = "the sum of the pseudo-header alone" if is_open else "a wrong value"
    count = received.left_open + received.wrong
    pods = sorted({*rows.source.tolist(), *rows.destination.tolist()})
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.NODE_PAIR,
            f"{sender} to {receiver}",
            nodes=tuple(map(format_address, nodes)),
            addresses=tuple(map(format_address, pods)),
        ),
        title=f"TCP from node {sender} reaches node {receiver} with checksums that its kernel rejects: "
        + ("transmit offload is broken" if is_open else "it is damaged on the way"),
        expected=f"right checksums at the receiver (reported from {thresholds.wrong_checksums:g} segments without "
        "payload on, none right and none acknowledged)",
        observed=f"all {several(count, 'segment')} without payload carry {what} ({received.left_open} the "
        f"pseudo-header sum, {received.wrong} another); nothing in {several(len(rows), 'flow')} is acknowledged",
        count=count,
        first_ns=int(rows.first_ns.min()),
        last_ns=int(rows.last_ns.max()),
        evidence=(
            evidence_of(point, rows.frames, display_filters.tcp_between(int(rows.source[0]), int(rows.destination[0]))),
        ),
        component=Component.NODE_KERNEL if is_open else Component.NODE_NETWORK,
        confirm=(
            f"ethtool -k tunl0; ethtool -k eth0; ethtool -i eth0  # on {sender}",
            f"nstat -az TcpInCsumErrors  # on {receiver} and in the pod",
        ),
        fix=(
            (f"ethtool -K tunl0 tx off  # on {sender}", "a newer NIC driver or kernel")
            if is_open
            else ("find what changes packets between the nodes: a NIC, memory, a device on the way",)
        ),
        alternatives=(
            "both nodes run on one host, whose virtual wire needs no checksums, and something else drops TCP",
        )
        if is_open
        else (),
        worked=tuple(f"{name} between the two nodes is answered" for name in sorted(received.works)),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD8006",
    name="ChecksumBroken",
    severity=Severity.CRITICAL,
    summary="TCP reaches the other node with wrong checksums, while ping works",
    points="node NIC, tunl0",
    examine=examine,
)
