"""WrongBlockOwner: packets for a pod go to a node that does not have it.

Expected
    The outer destination is the node that owns the inner destination: by the most specific prefix
    that BGP announces (a borrowed address is a /32), or by the outer source of the pod's own
    packets.

How it is observed
    At a node's NIC or in the fabric, at the packet's first hop: an outer destination other than
    the owner at that time.

What can mislead
    A loop or a detour shows later hops with other outer addresses; only the first hop counts. A
    pod that moves has another owner later: where it was last seen behind another node before the
    first of these packets, it may have moved, and then nothing is said unless the capture hears
    the node they go to and at least three requests get no answer from there. Two owners at the
    same time are a duplicate address, not a wrong route.

What to do
    ``ip route show BLOCK`` on the sending node and on the owner; ``calicoctl ipam check`` for
    stale block affinities.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import ATTEMPTS, RETRY_INTERVAL_NS, answers_in_words, incomplete, limit_reached
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
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network

    import numpy as np
    import numpy.typing as npt

    from ipipdiag.cluster.model import Cluster, Route
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

FIRST_HOP_TTLS = (63, 64, 127, 128, 254, 255)  # forwarded once by the pod's node, or made by the node itself


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster) -> Outcome:
    """A finding for each inner destination that is sent to another node than its owner."""
    examined, unknown, findings = 0, 0, []
    for point in points:
        if point.role not in (Role.NODE, Role.FABRIC):
            continue
        table = flows[point]
        wrapped = table.select((table.tunnel == Tunnel.IPIP) & (table.outer_ttl_max == table.ttl_max))
        silence = _Silence(point, wrapped)
        for position, (destination, outer_destination, ttl, first_ns, last_ns) in enumerate(
            wrapped.rows("destination", "outer_destination", "ttl_max", "first_ns", "last_ns")
        ):
            if ttl not in FIRST_HOP_TTLS:
                continue
            owner = cluster.owner_of(destination, last_ns)
            if owner is None or _has_two_owners(cluster, destination):
                unknown += 1
                continue
            if owner.node == outer_destination:
                examined += 1
                continue
            is_past = owner in cluster.seen_behind.get(destination, ()) and owner.last_ns < first_ns
            if is_past and not silence.shows_missing(position):
                unknown += 1
                continue
            examined += 1
            findings.append(_finding(point, wrapped.select([position]), owner, cluster, is_past=is_past))
    return Outcome(examined, tuple(findings), None if examined else _missing(unknown))


def _has_two_owners(cluster: Cluster, address: int) -> bool:
    return len({route.node for route in cluster.seen_behind.get(address, ())}) > 1


class _Silence:
    """Whether pods are shown not to be at the node their packets go to, by the wrapped rows of one point."""

    def __init__(self, point: Point, wrapped: Flows) -> None:
        self._point = point
        self._wrapped = wrapped

    def shows_missing(self, position: int) -> bool:
        """Whether the node that a row's packets go to is heard after they began, and nobody answers there.

        Without it a pod that was last seen elsewhere before these packets may have moved, and its answers not be
        captured.
        """
        last_heard_ns = self._last_heard_ns.get(int(self._wrapped.outer_destination[position]))
        is_heard = last_heard_ns is not None and last_heard_ns > self._wrapped.first_ns[position]
        return is_heard and bool(self._is_asked_in_vain[position]) and incomplete(self._point) is None

    @cached_property
    def _last_heard_ns(self) -> dict[int, int]:
        """When each node was last heard: what it wraps, and its own bare packets."""
        import numpy as np

        from ipipdiag.facts.groups import Groups

        flows = self._point.facts.flows
        senders = np.where(flows.tunnel == Tunnel.NONE, flows.source, flows.outer_source)
        groups = Groups.of([senders])
        return dict(zip(senders[groups.first].tolist(), groups.largest(flows.last_ns).tolist(), strict=True))

    @cached_property
    def _is_asked_in_vain(self) -> npt.NDArray[np.bool_]:
        """For each row whether its destination behind that node was asked often and long enough, and never answered."""
        from ipipdiag.facts.groups import Groups

        wrapped, end_ns = self._wrapped, self._point.facts.extent.last_ns or 0
        alike = Groups.of([wrapped.destination, wrapped.outer_destination])
        in_vain = (alike.total(wrapped.requests) >= ATTEMPTS) & (alike.total(wrapped.answers) == 0)
        in_vain &= alike.largest(wrapped.last_request_ns) <= end_ns - RETRY_INTERVAL_NS
        is_in_vain: npt.NDArray[np.bool_] = in_vain[alike.codes]
        return is_in_vain


def _network_of(owner: Route, destination: int, cluster: Cluster) -> IPv4Network:
    """The owner's block that holds a destination; the address alone where it is borrowed or no block is known."""
    block = cluster.block_route(destination) or cluster.announced_route(destination)
    return block.network if block is not None and block.node == owner.node else owner.network


def _missing(unknown: int) -> Missing:
    if unknown:
        return Missing(
            Reason.NO_CONFIG,
            f"who owns the destinations of {several(unknown, 'flow')} is not known: no BGP "
            "announcement, no packet of theirs at that time",
            capture_command(Role.NODE, whole=True, capture_filter="tcp port 179 or ip proto 4", seconds=300),
        )
    return Missing(
        Reason.WRONG_POINT,
        "no tunnel packet was captured: outer headers show on a node's NIC",
        capture_command(Role.NODE),
    )


def _finding(point: Point, row: Flows, owner: Route, cluster: Cluster, *, is_past: bool) -> Finding:
    source, destination = format_address(int(row.source[0])), format_address(int(row.destination[0]))
    sender, receiver = int(row.outer_source[0]), int(row.outer_destination[0])
    silent = not row.answers[0] and not limit_reached(point)
    here, there, right = map(cluster.node_text, (sender, receiver, owner.node))
    count, requests = int(row.packets[0]), int(row.requests[0])
    network = _network_of(owner, int(row.destination[0]), cluster)
    return Finding(
        severity=Severity.CRITICAL if silent else Severity.WARNING,
        confidence=Confidence.LIKELY if is_past else Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.BLOCK,
            f"{network} from {here}",
            nodes=tuple(map(format_address, (sender, receiver, owner.node))),
            addresses=(source, destination),
        ),
        title=f"node {here} sends packets for {destination} to node {there}, but {network} is on node {right}",
        expected=f"outer destination {right}: {owner.source.removeprefix('inferred: ').removeprefix('config: ')}",
        observed=f"{several(count, 'packet')} to {destination} with outer destination {there}, "
        + (f"{several(requests, 'request')}, none answered" if silent else answers_in_words(row, point)),
        count=count,
        first_ns=int(row.first_ns[0]),
        last_ns=int(row.last_ns[0]),
        evidence=(
            evidence_of(point, row.frames, display_filters.tunnelled_to(sender, receiver, int(row.destination[0]))),
        ),
        component=Component.BIRD,
        confirm=(
            f"ip route show {network}  # on {here} and on {right}",
            "calicoctl ipam check --show-problem-ips",
            "kubectl get blockaffinities.crd.projectcalico.org -o wide",
        ),
        fix=(f"remove the stale route or block affinity; restart calico-node on {here} if it does not follow",),
        alternatives=(
            *((f"the pod has moved to {there} since, and does not answer there",) if is_past else ()),
            "Felix programs the routes here (Calico v3.33 and later): look at its log instead of BIRD's",
        ),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD3001",
    name="WrongBlockOwner",
    severity=Severity.CRITICAL,
    summary="packets for a pod go to a node that does not own its block",
    points="node NIC, fabric",
    examine=examine,
)
