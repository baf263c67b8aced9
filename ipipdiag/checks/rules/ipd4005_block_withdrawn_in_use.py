"""BlockWithdrawnInUse: a node withdraws a block by BGP while packets for it still flow.

Expected
    A block is withdrawn when no pod uses it any more.

How it is observed
    At a node's NIC: an UPDATE withdraws a block, nobody announces it again, and requests to its
    addresses follow.

What can mislead
    From Calico v3.33 on Felix programs IP-in-IP routes: a withdrawal then changes nothing, and
    answered requests say so. A node that is drained withdraws its blocks rightly.

What to do
    Why the node withdrew: the log of BIRD and confd there; ``kubectl get blockaffinities`` for the
    block.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import BGP, answers_in_words, limit_reached
from ipipdiag.checks.announcements import holds_pods
from ipipdiag.checks.bgp_sessions import BGP_ROLES, no_bgp
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Evidence,
    Finding,
    Outcome,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import several

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.bgp import BgpRoutes
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

SETTLED_NS = 2_000_000_000  # packets on their way while the routes change


def examine(
    points: tuple[Point, ...], bgp_routes: Mapping[Point, BgpRoutes], flows: Mapping[Point, Flows], cluster: Cluster
) -> Outcome:
    """A finding for each block that is withdrawn and still asked for."""
    examined, findings, missing = 0, [], None
    for point, routes in bgp_routes.items():
        if point.role not in BGP_ROLES:
            continue
        examined += len(routes)
        if more := limit_reached(point, BGP[:1]):  # that a block was announced again would be missed
            missing = missing or more
            continue
        for (prefix, length), (speaker, number, time_ns) in _withdrawn(routes).items():
            network = IPv4Network((prefix, length))
            if not holds_pods(network, cluster):
                continue
            first, last = int(network.network_address), int(network.broadcast_address)
            table = flows[point]
            used = table.select(
                (table.destination >= first) & (table.destination <= last) & (table.requests > 0)
                & (table.last_request_ns > time_ns + SETTLED_NS)
            )  # fmt: skip
            if len(used):
                findings.append(_finding(point, network, speaker, number, time_ns, used, cluster))
    return Outcome(examined, tuple(findings), missing or (None if examined else no_bgp(points)))


def _withdrawn(routes: BgpRoutes) -> dict[tuple[int, int], tuple[int, int, int]]:
    """Prefixes that are withdrawn and not announced again by anybody: speaker, frame and time of the withdrawal."""
    gone: dict[tuple[int, int], tuple[int, int, int]] = {}
    for prefix, length, speaker, number, time_ns, withdrawn in routes.rows(
        "prefix", "prefix_length", "speaker", "number", "time_ns", "withdrawn"
    ):
        if withdrawn:
            gone.setdefault((prefix, length), (speaker, number, time_ns))
        else:
            gone.pop((prefix, length), None)
    return gone


def _finding(
    point: Point, network: IPv4Network, speaker: int, number: int, time_ns: int, used: Flows, cluster: Cluster
) -> Finding:
    requests, silent = int(used.requests.sum()), not used.answers.any() and not limit_reached(point)
    node = cluster.node_text(speaker)
    frames = sorted({number, *(int(frame) for frame in used.frames.ravel() if frame > number)})
    return Finding(
        severity=Severity.CRITICAL if silent else Severity.WARNING,
        confidence=Confidence.LIKELY,
        subject=Subject(
            SubjectKind.BLOCK,
            f"{network} of {node}",
            nodes=(format_address(speaker),),
            addresses=tuple(sorted({format_address(address) for address in used.destination.tolist()})),
        ),
        title=f"node {node} withdrew block {network} by BGP while its addresses are still asked for",
        expected="a block is withdrawn when nothing uses it any more",
        observed=f"the block is withdrawn; {several(requests, 'request')} to its addresses in flows that go on "
        f"after that, {'none answered' if silent else answers_in_words(used, point)}",
        count=requests,
        first_ns=time_ns,
        last_ns=int(used.last_request_ns.max()),
        evidence=(
            Evidence(point.input, (number,), display_filters.announcements_of(int(network.network_address))),
            Evidence(point.input, tuple(frames[:8]), display_filters.frames(tuple(frames[:8]))),
        ),
        component=Component.BIRD,
        confirm=(f"ip route show {network}  # on the other nodes", f"birdcl show route {network}  # on {node}"),
        fix=(f"find in the logs of BIRD and confd on {node} why it withdrew the block",),
        alternatives=("the node is being drained or removed, and its pods are about to move",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD4005",
    name="BlockWithdrawnInUse",
    severity=Severity.CRITICAL,
    summary="a block is withdrawn by BGP while packets for it still flow",
    points="node NIC, fabric",
    examine=examine,
)
