"""Rejected: a firewall refuses pods' packets, or the tunnel's, with ICMP or RST.

Expected
    Calico denies in silence. Whoever refuses with a message is not Calico's default: firewalld on
    a node, an explicit REJECT rule, the access list of a router.

How it is observed
    ICMP "administratively prohibited" (3/9, 3/10, 3/13) about a packet of protocol 4 between
    nodes, or about a pod. ICMP 3/3 by a node about another address that is a pod's: what a REJECT
    rule sends, and Calico where its deny action is REJECT. RST in a pod's name by a node: the TTL
    is one above the pod's other answers at the same point, and the pod's own link, where it was
    captured, shows no SYN.

What can mislead
    A refused connection is the pod's own answer where the TTL is that of its others (IPD6011).
    ICMP errors are rate limited: few of them to many packets is the same fault.

What to do
    On the node that refuses: ``firewall-cmd --state``, and ``iptables-save -c | grep REJECT``,
    twice: which rule counts? firewalld must let protocol 4 in, and forward pods' packets.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.handshakes import names_of, ports_in_words
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
from ipipdiag.checks.rejections import Author, Refusal, refusals
from ipipdiag.checks.sightings import evidence_of, in_words, several
from ipipdiag.checks.tunnel_pairs import packets_by_pair
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import IPIP_PROTOCOL, PORT_UNREACHABLE, UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.messages import IcmpReports
    from ipipdiag.facts.tunnels import Tunnels
    from ipipdiag.points.model import Point

PROHIBITED = {9: "network prohibited", 10: "host prohibited", 13: "communication prohibited"}
WORDS = PROHIBITED | {PORT_UNREACHABLE: "port unreachable"}

Ends = tuple[int, int]


def examine(
    points: tuple[Point, ...],
    icmp_reports: Mapping[Point, IcmpReports],
    tunnels: Mapping[Point, Tunnels],
    cluster: Cluster,
) -> Outcome:
    """A finding for each reporter and pair of nodes or addresses, and for each pair refused by RST in a pod's name."""
    examined = 0
    findings: list[Finding] = []
    for point in points:
        examined += point.facts.extent.ipv4 > 0
        reports = icmp_reports[point]
        reports = reports.select(reports.type == UNREACHABLE)
        findings += _about_tunnels(point, reports, tunnels[point], cluster)
        findings += _about_pods(point, reports, cluster)
    by_ends: dict[tuple[Point, Ends], list[Refusal]] = defaultdict(list)
    for refusal in refusals(points, cluster):
        if refusal.author is Author.NODE:
            flow = refusal.attempt.flow
            by_ends[refusal.attempt.point, (flow.source, flow.destination)].append(refusal)
    findings += [_by_reset(point, ends, group) for (point, ends), group in by_ends.items()]
    missing = None
    if not examined:
        missing = Missing(Reason.TOO_FEW_PACKETS, "no packet was captured", capture_command(Role.NODE))
    return Outcome(examined, tuple(findings), missing)


def _about_tunnels(point: Point, reports: IcmpReports, tunnels: Tunnels, cluster: Cluster) -> Iterator[Finding]:
    """Tunnel packets of nodes that somebody prohibits."""
    about = (reports.quoted_outer_protocol == IPIP_PROTOCOL) & (reports.tunnel == Tunnel.NONE)
    groups = reports.positions_by(about, "reporter", "quoted_outer_source", "quoted_outer_destination", "code")
    sent_between = packets_by_pair(tunnels) if groups else {}
    for (_, source, destination, code), positions in sorted(groups.items()):
        if code not in PROHIBITED or source not in cluster.nodes:
            continue
        rows = reports.select(positions)
        pods = {address for inner in rows.rows("quoted_source", "quoted_destination") for address in inner if address}
        here, there = cluster.node_text(source), cluster.node_text(destination)
        subject = Subject(
            SubjectKind.NODE_PAIR, f"{here} to {there}", names_of((source, destination)),
            tuple(sorted(map(format_address, pods))),
        )  # fmt: skip
        sent = f"{several(sent_between.get((source, destination), 0), 'tunnel packet')} sent to it"
        what = f"the tunnel packets of node {here} to node {there}"
        yield _by_icmp(point, rows, subject, what, f"about protocol 4; {sent}", cluster)


def _about_pods(point: Point, reports: IcmpReports, cluster: Cluster) -> Iterator[Finding]:
    """Packets of or to pods that somebody prohibits, or that a node refuses as unreachable in a pod's name."""
    about = reports.quoted_outer_protocol == 0
    groups = reports.positions_by(about, "reporter", "quoted_source", "quoted_destination", "code")
    for (reporter, source, destination, code), positions in sorted(groups.items()):
        is_about_pod = cluster.is_pod(source) or cluster.is_pod(destination)
        if code == PORT_UNREACHABLE:
            is_node = cluster.is_node(reporter) or reporter in cluster.tunnel_addresses
            is_about_pod = cluster.is_pod(destination) and is_node and reporter != destination
        if not is_about_pod or code not in WORDS:
            continue
        rows = reports.select(positions)
        one, other = names_of((source, destination))
        node = cluster.tunnel_addresses.get(reporter, reporter)
        nodes = (format_address(node),) if cluster.is_node(node) else ()
        subject = Subject(SubjectKind.FLOW, f"{one} to {other}", nodes=nodes, addresses=(one, other))
        yield _by_icmp(point, rows, subject, f"packets of {one} to {other}", _ports(rows), cluster)


def _ports(rows: IcmpReports) -> str:
    ports = [str(port) for port in sorted(set(rows.quoted_destination_port.tolist())) if port >= 0]
    return f"about port{'s' if len(ports) > 1 else ''} {in_words(ports)}" if ports else "about packets without ports"


def _by_icmp(point: Point, rows: IcmpReports, subject: Subject, what: str, about: str, cluster: Cluster) -> Finding:
    reporter, code = int(rows.reporter[0]), int(rows.code[0])
    node = cluster.tunnel_addresses.get(reporter, reporter)
    is_node = cluster.is_node(node)
    who = f"node {cluster.node_text(node)}" if is_node else format_address(reporter)
    prohibited = code in PROHIBITED
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED if prohibited else Confidence.LIKELY,
        subject=subject,
        title=f"{who} rejects {what} with ICMP {WORDS[code]}: a firewall rule, not Calico's default",
        expected="packets that pass, or where a policy denies them silence: Calico drops without a word",
        observed=f"{several(len(rows), 'ICMP message')} {UNREACHABLE}/{code} ({WORDS[code]}) from "
        f"{format_address(reporter)}, {about}",
        count=len(rows),
        first_ns=int(rows.time_ns.min()),
        last_ns=int(rows.time_ns.max()),
        evidence=(evidence_of(point, rows.number, display_filters.icmp_error(reporter, UNREACHABLE, code)),),
        component=Component.NODE_FIREWALL if is_node else Component.NODE_NETWORK,
        confirm=_on_node(who) if is_node else (f"the access lists of {who}",),
        fix=_fix(protocol_four=subject.kind is SubjectKind.NODE_PAIR),
        alternatives=() if prohibited else ("Calico's own deny action is set to REJECT (iptablesFilterDenyAction)",),
        points=(point.id,),
    )


def _by_reset(point: Point, ends: Ends, group: list[Refusal]) -> Finding:
    source, destination = names_of(ends)
    attempts = [refusal.attempt for refusal in group]
    resets = sum(attempt.resets for attempt in attempts)
    above = next((refusal for refusal in group if refusal.usual is not None), None)
    link = next((refusal.silent_link for refusal in group if refusal.silent_link is not None), None)
    signs = [f"TTL {above.ttl}, its other answers arrive with {above.usual}"] if above else []
    signs += [f"no SYN on the pod's own link ({link.label})"] if link else []
    rows = [row for attempt in attempts for row in (*attempt.sent, *attempt.back)]
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED if above and link else Confidence.LIKELY,
        subject=Subject(SubjectKind.FLOW, f"{source} to {destination}", addresses=(source, destination)),
        title=f"TCP from {source} to {ports_in_words(attempts)} of pod {destination} is refused in the pod's name: a "
        "REJECT rule on a node, not the pod",
        expected="the pod's own answer, or where a policy denies it silence: Calico drops without a word",
        observed=f"{several(resets, 'RST')} in answer to {several(len(attempts), 'connection')}; {'; '.join(signs)}",
        count=resets,
        first_ns=min(attempt.first_ns for attempt in attempts),
        last_ns=max(attempt.last_ns for attempt in attempts),
        evidence=(evidence_of(point, point.facts.flows.frames[rows], display_filters.handshakes(*ends)),),
        component=Component.NODE_FIREWALL,
        confirm=_on_node("the nodes of both ends"),
        fix=_fix(protocol_four=False),
        alternatives=() if link else (f"pod {destination} answers from an initial TTL of its own",),
        points=(point.id, *((link.id,) if link else ())),
    )


def _on_node(who: str) -> tuple[str, ...]:
    return (
        f"iptables-save -c | grep -e REJECT -e 'reject with'  # on {who}, twice: which rule counts?",
        f"firewall-cmd --state  # on {who}",
    )


def _fix(*, protocol_four: bool) -> tuple[str, ...]:
    if protocol_four:
        return ("let IP protocol 4 in between the nodes (by number: the name ipip means 94), or stop firewalld there",)
    return ("take the REJECT rule away, or stop firewalld on nodes: Calico's own policies are to decide",)


CHECK = Check(
    code="IPD6005",
    name="Rejected",
    severity=Severity.ERROR,
    summary="a firewall refuses pods' packets or the tunnel's with ICMP (3/9, 3/10, 3/13) or RST in the pod's name",
    points="any",
    examine=examine,
)
