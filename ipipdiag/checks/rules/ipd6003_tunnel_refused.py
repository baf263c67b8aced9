"""TunnelRefused: a node refuses tunnel packets with ICMP.

Expected
    The receiving node unwraps IP-in-IP without a word.

How it is observed
    ICMP "protocol unreachable" (3/2: the kernel has no ipip module) or "port unreachable" (3/3:
    tunl0 is down or absent) that quotes a packet of protocol 4 sent by a node.

What can mislead
    A REJECT rule of a firewall answers with 3/3 as well, by default. Nodes send 3/2 about other
    protocols; those are not counted. ICMP errors are rate limited: few of them for many packets
    is the same fault.

What to do
    On the refusing node: ``ip -d link show tunl0``, ``lsmod | grep ipip``, the log of
    calico-node.
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
from ipipdiag.checks.tunnel_pairs import packets_by_pair
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import IPIP_PROTOCOL, PORT_UNREACHABLE, PROTOCOL_UNREACHABLE, UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.facts.messages import IcmpReports
    from ipipdiag.facts.tunnels import Tunnels
    from ipipdiag.points.model import Point

CAUSE = {PROTOCOL_UNREACHABLE: "its kernel has no ipip module", PORT_UNREACHABLE: "its tunl0 is down or absent"}
WORDS = {PROTOCOL_UNREACHABLE: "protocol unreachable", PORT_UNREACHABLE: "port unreachable"}


def examine(
    points: tuple[Point, ...],
    icmp_reports: Mapping[Point, IcmpReports],
    tunnels: Mapping[Point, Tunnels],
    flows: Mapping[Point, Flows],
    cluster: Cluster,
) -> Outcome:
    """A finding for each node that refuses another node's tunnel packets."""
    examined, findings = 0, []
    for point in points:
        if point.role not in (Role.NODE, Role.FABRIC, Role.ANY, Role.UNKNOWN):
            continue
        examined += len(tunnels[point])
        reports = icmp_reports[point]
        refusals = (
            (reports.type == UNREACHABLE)
            & ((reports.code == PROTOCOL_UNREACHABLE) | (reports.code == PORT_UNREACHABLE))
            & (reports.quoted_outer_protocol == IPIP_PROTOCOL)
            & (reports.tunnel == Tunnel.NONE)
        )
        groups = reports.positions_by(refusals, "reporter", "quoted_outer_source", "code")
        sent_between = packets_by_pair(tunnels[point]) if groups else {}
        for (refuser, sender, code), rows in sorted(groups.items()):
            if sender in cluster.nodes:
                sent = sent_between.get((sender, refuser), 0)
                findings.append(_finding(point, reports.select(rows), (refuser, sender, code), sent, cluster))
    if examined or findings:
        return Outcome(max(examined, len(findings)), tuple(findings))
    command = capture_command(Role.NODE)
    return Outcome(missing=Missing(Reason.WRONG_POINT, "no tunnel packet was captured on a node's NIC", command))


def _finding(point: Point, rows: IcmpReports, group: tuple[int, int, int], sent: int, cluster: Cluster) -> Finding:
    refuser, sender, code = group
    here, there = cluster.node_text(refuser), cluster.node_text(sender)
    pods = sorted({format_address(pod) for pod in rows.quoted_destination.tolist() if pod})
    text = format_address(refuser)
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.NODE_PAIR, f"{there} to {here}", nodes=(text, format_address(sender)), addresses=tuple(pods)
        ),
        title=f"node {here} refuses the tunnel packets of node {there}: {CAUSE[code]}",
        expected=f"{here} unwraps packets of protocol 4 and answers nothing about them",
        observed=f"{several(len(rows), 'ICMP message')} {UNREACHABLE}/{code} ({WORDS[code]}) from "
        f"{text} about protocol 4, "
        f"{several(sent, 'tunnel packet')} sent to it",
        count=len(rows),
        first_ns=int(rows.time_ns.min()),
        last_ns=int(rows.time_ns.max()),
        evidence=(evidence_of(point, rows.number, display_filters.icmp_error(refuser, UNREACHABLE, code)),),
        component=Component.NODE_KERNEL,
        confirm=(
            f"ip -d link show tunl0  # on {here}: UP?",
            f"lsmod | grep -w ipip  # on {here}",
            f"kubectl -n calico-system logs -l k8s-app=calico-node --prefix | grep -i tunl0  # the node of {text}",
        ),
        fix=("ip link set tunl0 up, or modprobe ipip; calico-node does both when it restarts",),
        alternatives=("a firewall rule on the node rejects protocol 4 with the same message",)
        if code == PORT_UNREACHABLE
        else (),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD6003",
    name="TunnelRefused",
    severity=Severity.CRITICAL,
    summary="a node answers tunnel packets with ICMP 3/2 (no ipip module) or 3/3 (tunl0 down or absent)",
    points="node NIC, fabric",
    examine=examine,
)
