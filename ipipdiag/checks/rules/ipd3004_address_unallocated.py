"""AddressUnallocated: packets go to an address of a block that no pod has.

Expected
    Somebody has the address; the owner of a block discards the rest in silence (its blackhole
    route).

How it is observed
    At a node's NIC or tunl0: requests to one address of a block stay unanswered while others of
    the block are answered, and the IPAM blocks or pods that files list do not have it.

What can mislead
    A policy that drops for one pod looks the same on the wire: without files that list the
    allocations it is not judged. Files may be older than the pod.

What to do
    ``calicoctl ipam show --ip=ADDRESS``. Then who still uses it: a stale DNS record, endpoint or
    connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import incomplete
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
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.trace.places import Station

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster, Route
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point
    from ipipdiag.trace.model import Trace


INNER_ROLES = (Role.NODE, Role.TUNL0)


def examine(
    points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster, trace: Trace, thresholds: Thresholds
) -> Outcome:
    """A finding for each address that is asked for and that no file knows."""
    if not cluster.placed:
        if any(point.role in INNER_ROLES for point in points):
            text = "which addresses are given to pods is not told"
            command = "calicoctl cluster diags  # then: --cluster ARCHIVE"
            return Outcome(missing=Missing(Reason.NO_CONFIG, text, command))
        return Outcome(missing=Missing(Reason.WRONG_POINT, "the traffic of a block shows on a node's NIC or tunl0",
                                       capture_command(Role.NODE)))  # fmt: skip
    examined, findings, missing = 0, [], None
    for point, table in flows.items():
        if point.role not in INNER_ROLES:
            continue
        if lost := incomplete(point):
            missing = missing or lost
            continue
        for address in sorted(set(table.destination[table.requests > 0].tolist())):
            block = cluster.block_route(address)
            if block is None or address in cluster.tunnel_addresses:
                continue
            examined += 1
            asked = table.select(table.destination == address)
            is_asked_for = int(asked.requests.sum()) >= thresholds.unanswered_requests
            if address in cluster.placed or int(asked.answers.sum()) or not is_asked_for:
                continue
            first, last = int(block.network.network_address), int(block.network.broadcast_address)
            others = (table.destination >= first) & (table.destination <= last) & (table.answers > 0)
            if bool(others.any()):
                findings.append(_finding(point, asked, address, block, cluster, trace, thresholds))
    return Outcome(examined, tuple(findings), missing)


def _finding(
    point: Point, asked: Flows, address: int, block: Route, cluster: Cluster, trace: Trace, thresholds: Thresholds
) -> Finding:
    owner, text = cluster.node_text(block.node), format_address(address)
    requests = int(asked.requests.sum())
    senders = sorted({format_address(source) for source in asked.source.tolist()})
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        subject=Subject(SubjectKind.POD, f"{text} in {block.network}", nodes=(format_address(block.node),),
                        addresses=(text, *senders)),
        title=f"no pod has the address {text}, which {in_words(senders)} asks for: node {owner} discards the packets",
        expected=f"an address of {block.network} that a pod has" + from_requests_on(thresholds),
        observed=f"{several(requests, 'request')}, none answered, while others of the block are; no pod or allocation "
        f"in the cluster files has it{_where_they_end(address, block.node, trace)}",
        count=requests,
        first_ns=int(asked.first_ns.min()),
        last_ns=int(asked.last_ns.max()),
        evidence=(evidence_of(point, asked.frames, display_filters.to_address(address)),),
        component=Component.IPAM,
        confirm=(f"calicoctl ipam show --ip={text}", f"ip route get {text}  # on {owner}: blackhole?"),
        fix=("find who still uses the address: a stale endpoint, DNS record or connection",),
        alternatives=("the pod was made after the cluster files", "a policy on its node drops in silence"),
        points=(point.id,),
    )  # fmt: skip


def _where_they_end(address: int, owner: int, trace: Trace) -> str:
    """How many packets for the address each place of the owner saw, packet by packet: none beyond tunl0."""
    counts: dict[str, int] = {}
    for route in trace.routes:
        for stop in route.stops if route.destination == address else ():
            if stop.place.node == owner and stop.station >= Station.DESTINATION_NIC:
                counts[stop.place.label] = counts.get(stop.place.label, 0) + stop.packets
    return f"; {in_words([f'{count} at {label}' for label, count in counts.items()])}" if counts else ""


CHECK = Check(
    code="IPD3004",
    name="AddressUnallocated",
    severity=Severity.ERROR,
    summary="packets go to an address of a block that no pod has",
    points="node NIC, tunl0",
    examine=examine,
)
