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

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    import numpy as np
    import numpy.typing as npt

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point
    from ipipdiag.trace.model import Trace

UNKNOWN = -1  # in place of a node


@dataclass(frozen=True, slots=True)
class _Received:
    """What a point receives from one node for another."""

    right: int
    left_open: int
    wrong: int
    acknowledged: bool
    works: tuple[str, ...]
    positions: list[int]  # of the flows with a checksum that was looked at


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
    import numpy as np

    from ipipdiag.facts.groups import Groups

    flows = point.facts.flows
    senders, receivers = _nodes(flows, cluster)
    is_received = (senders != UNKNOWN) & (receivers != UNKNOWN) & (senders != receivers)
    is_received &= _is_received(point, flows, receivers, _own_node(point, trace))
    rows = np.flatnonzero(is_received)
    pairs = Groups.of([senders[rows], receivers[rows]])
    checked = (flows.checksums_right > 0) | (flows.checksums_open > 0) | (flows.checksums_wrong > 0)
    checked &= flows.protocol == TCP
    is_pinged = (flows.answers > 0) & (flows.protocol == ICMP) & (flows.source_port >= 0)
    is_answered = (flows.answers > 0) & (flows.protocol == UDP)
    right, left_open, wrong = (
        pairs.total(np.where(checked, values, 0)[rows])
        for values in (flows.checksums_right, flows.checksums_open, flows.checksums_wrong)
    )
    acknowledged, pinged, answered = (
        pairs.total(values[rows]) > 0 for values in (checked & _is_acknowledged(flows), is_pinged, is_answered)
    )
    positions: list[list[int]] = [[] for _ in pairs.first]
    of_pair = pairs.codes[checked[rows]].tolist()
    for position, pair in zip(rows[checked[rows]].tolist(), of_pair, strict=True):
        positions[pair].append(position)
    return {
        (int(senders[rows[first]]), int(receivers[rows[first]])): _Received(
            right=int(right[pair]),
            left_open=int(left_open[pair]),
            wrong=int(wrong[pair]),
            acknowledged=bool(acknowledged[pair]),
            works=(*(("UDP",) if answered[pair] else ()), *(("ping",) if pinged[pair] else ())),
            positions=positions[pair],
        )
        for pair, first in enumerate(pairs.first.tolist())
    }


def _own_node(point: Point, trace: Trace) -> int | None:
    return next((place.node for place in trace.places if point in place.points), None)


def _nodes(flows: Flows, cluster: Cluster) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The nodes between which each flow travels; UNKNOWN where one is not known."""
    import numpy as np

    is_wrapped = flows.tunnel == Tunnel.IPIP

    def nodes(outer: npt.NDArray[np.int64], inner: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        ends, which = np.unique(np.where(is_wrapped, outer, inner), return_inverse=True)
        homes = [(end, home_of(end, cluster)) for end in ends.tolist()]
        of_wrapped = np.array([end if cluster.is_node(end) else UNKNOWN for end, _ in homes], dtype=np.int64)
        of_bare = [home if home is not None and cluster.is_node(home) else UNKNOWN for _, home in homes]
        return np.where(is_wrapped, of_wrapped[which], np.array(of_bare, dtype=np.int64)[which])

    return nodes(flows.outer_source, flows.source), nodes(flows.outer_destination, flows.destination)


def _is_received(
    point: Point, flows: Flows, receivers: npt.NDArray[np.int64], own: int | None
) -> npt.NDArray[np.bool_]:
    """Which flows the capturing node receives: by its MAC, else by its address."""
    import numpy as np

    by_node: npt.NDArray[np.bool_] = receivers == (UNKNOWN if own is None else own)
    if point.role is not Role.NODE or point.own_mac is None:
        return by_node
    return np.where(flows.destination_mac >= 0, flows.destination_mac == point.own_mac, by_node)


def _is_acknowledged(flows: Flows) -> npt.NDArray[np.bool_]:
    """Which flows have packets back that acknowledge something, in whatever form."""
    import numpy as np

    from ipipdiag.facts.groups import Groups

    forward = (flows.source, flows.destination, flows.source_port, flows.destination_port)
    backward = (flows.destination, flows.source, flows.destination_port, flows.source_port)
    ends = Groups.of([np.append(one, other) for one, other in zip(forward, backward, strict=True)])
    acknowledging = ends.largest(np.append(flows.acknowledgement_max, np.full(len(flows), -1))) >= 0
    return acknowledging[ends.codes[len(flows) :]]


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
        worked=tuple(f"{name} between the two nodes is answered" for name in received.works),
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
