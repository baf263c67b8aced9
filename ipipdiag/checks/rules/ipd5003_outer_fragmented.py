"""OuterFragmented: the outer packet is cut into fragments.

Expected
    Outer packets fit the node network: the tunnel's MTU is that of the NIC less 20 bytes.

How it is observed
    IP-in-IP packets with "more fragments" set or a fragment offset in the *outer* header. Only
    the first fragment holds the inner header.

What can mislead
    Fragments of the inner packet, made before it was wrapped, are another matter.

What to do
    Compare the MTU of tunl0 with that of the NIC on the sending node. Firewalls and equal-cost
    paths lose later fragments, and the whole packet with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
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

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.tunnels import Fragments, Tunnels
    from ipipdiag.points.model import Point

IPV4_HEADER = 20


def examine(
    points: tuple[Point, ...],
    fragments: Mapping[Point, Fragments],
    tunnels: Mapping[Point, Tunnels],
    cluster: Cluster,
) -> Outcome:
    """A finding for each pair of nodes whose outer packets are fragmented."""
    examined, findings = 0, []
    for point in points:
        if point.role not in (Role.NODE, Role.FABRIC):
            continue
        examined += int(tunnels[point].packets.sum())
        outer = fragments[point].select((fragments[point].is_outer == 1) & (fragments[point].tunnel == Tunnel.IPIP))
        for position in range(len(outer)):
            findings.append(_finding(point, outer.select([position]), cluster))
    if examined:
        return Outcome(examined, tuple(findings))
    command = capture_command(Role.NODE)
    return Outcome(missing=Missing(Reason.WRONG_POINT, "no tunnel packet was captured on a node's NIC", command))


def _finding(point: Point, row: Fragments, cluster: Cluster) -> Finding:
    pair = int(row.source[0]), int(row.destination[0])
    one, other = map(cluster.node_text, pair)
    first, later = int(row.first_fragments[0]), int(row.later_fragments[0])
    longest = int(row.length_max[0])
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.NODE_PAIR, f"{one} to {other}", nodes=tuple(map(format_address, pair))),
        title=f"tunnel packets from node {one} to node {other} are cut into fragments on the node network",
        expected="outer packets that fit the node network: MTU of tunl0 at least 20 bytes below the NIC's",
        observed=f"{several(first, 'first fragment')}, the longest {longest} bytes, and "
        f"{several(later, 'later fragment')}",
        count=first + later,
        first_ns=int(row.first_ns[0]),
        last_ns=int(row.last_ns[0]),
        evidence=(evidence_of(point, row.frames, display_filters.tunnel_fragments(*pair)),),
        component=Component.CONFIGURATION,
        confirm=(f"ip link show tunl0; ip link show eth0  # on {one}", "ip -s link show tunl0"),
        fix=(
            f"lower the tunnel MTU (FelixConfiguration ipipMTU, or the operator's mtu) to "
            f"{longest - IPV4_HEADER} or a little "
            "above, or raise the NIC's; then restart the pods",
        ),
        alternatives=("a router between the nodes with a smaller MTU made the fragments",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD5003",
    name="OuterFragmented",
    severity=Severity.ERROR,
    summary="outer packets are fragmented: the tunnel MTU does not fit the node network",
    points="node NIC, fabric",
    examine=examine,
)
