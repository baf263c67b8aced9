"""OuterFragmentationNeeded: a router reports that tunnel packets are too large for its next link.

Expected
    Outer packets fit the node network: every link of it carries the tunnel's MTU and 20 bytes.

How it is observed
    ICMP "fragmentation needed" (3/4) that quotes a packet of protocol 4 sent by a node: by whom,
    the MTU it names, and how long the outer packet was. With a capture of the sending pod's link:
    whether its node passes the news on, as a 3/4 of its own with 20 bytes less.

What can mislead
    The node does not forward the message. It keeps the MTU for its route, and answers the *next*
    packet of a pod that is too long, milliseconds later; without such a packet nobody is told. The
    news expires after ten minutes, and one such message begins the next ten.

What to do
    Set the tunnel's MTU to the MTU that is named less 20 (FelixConfiguration ipipMTU, or the
    operator's mtu) and restart the pods; or raise the MTU of that link.
"""

from __future__ import annotations

from dataclasses import dataclass
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
from ipipdiag.checks.sightings import duration, evidence_of, in_words, several
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import FRAGMENTATION_NEEDED, IPIP_PROTOCOL, UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.facts.messages import IcmpReports
    from ipipdiag.facts.tunnels import Tunnels
    from ipipdiag.points.model import Point

OUTER_HEADER = 20
SAME_MOMENT_NS = 1_000_000  # two captures of one node share its clock, but not the moment a frame passes them


@dataclass(frozen=True, slots=True)
class _News:
    """What the links of the sending pods show after a router's message."""

    told: tuple[str, ...] = ()  # of each pod that was told: how, as part of a sentence
    silent: tuple[str, ...] = ()  # places of pods' links on which nobody was told


def examine(
    points: tuple[Point, ...],
    icmp_reports: Mapping[Point, IcmpReports],
    tunnels: Mapping[Point, Tunnels],
    flows: Mapping[Point, Flows],
    cluster: Cluster,
) -> Outcome:
    """A finding for each reporter and pair of nodes."""
    examined, findings = 0, []
    for point in points:
        if point.is_pod_link or point.role is Role.TUNL0:
            continue
        examined += int(tunnels[point].packets.sum())
        reports = icmp_reports[point]
        told = (
            (reports.type == UNREACHABLE)
            & (reports.code == FRAGMENTATION_NEEDED)
            & (reports.quoted_outer_protocol == IPIP_PROTOCOL)
            & (reports.tunnel == Tunnel.NONE)
        )
        groups = reports.positions_by(told, "reporter", "quoted_outer_source", "quoted_outer_destination")
        for group, positions in sorted(groups.items()):
            if group[1] not in cluster.nodes:
                continue
            rows = reports.select(positions)
            news = _news(points, icmp_reports, rows, _senders(rows, flows[point], group[1:]))
            findings.append(_finding(point, rows, group, news, cluster))
    if examined or findings:
        return Outcome(max(examined, len(findings)), tuple(findings))
    command = capture_command(Role.NODE)
    return Outcome(missing=Missing(Reason.WRONG_POINT, "no tunnel packet was captured on a node's NIC", command))


def _senders(rows: IcmpReports, flows: Flows, pair: tuple[int, ...]) -> set[int]:
    """The pods whose packets were too long: those quoted, or where the quote is too short, all that use the tunnel."""
    quoted = {source for source in rows.quoted_source.tolist() if source}
    sent = (flows.tunnel == Tunnel.IPIP) & (flows.outer_source == pair[0]) & (flows.outer_destination == pair[1])
    return quoted or set(flows.source[sent].tolist())


def _news(
    points: tuple[Point, ...], icmp_reports: Mapping[Point, IcmpReports], rows: IcmpReports, senders: set[int]
) -> _News:
    """What becomes of a router's message on the links of the pods it concerns, where they were captured."""
    since_ns = int(rows.time_ns.min())
    told, silent = {}, []
    for point in points:
        if not point.is_pod_link or not senders & set(point.pods):
            continue
        own = icmp_reports[point]
        own = own.select(
            (own.type == UNREACHABLE)
            & (own.code == FRAGMENTATION_NEEDED)
            & (own.quoted_outer_protocol == 0)
            & (own.time_ns >= since_ns - SAME_MOMENT_NS)
        )
        for pod in sorted(senders & set(point.pods)):
            messages = own.select(own.receiver == pod)
            if len(messages):
                wait = max(int(messages.time_ns.min()) - since_ns, 0)
                mtu, who = int(messages.next_hop_mtu.min()), format_address(int(messages.reporter[0]))
                told[pod] = f"{who} tells pod {format_address(pod)} MTU {mtu}, {duration(wait)} later"
            elif (point.facts.extent.last_ns or 0) > since_ns:
                silent.append(point.label)
    return _News(tuple(told.values()), tuple(dict.fromkeys(silent)))


def _finding(point: Point, rows: IcmpReports, group: tuple[int, int, int], news: _News, cluster: Cluster) -> Finding:
    reporter, source, destination = group
    who, here, there = format_address(reporter), cluster.node_text(source), cluster.node_text(destination)
    mtu, longest = int(rows.next_hop_mtu.min()), int(rows.quoted_outer_total_length.max())
    pods = {address for pair in rows.rows("quoted_source", "quoted_destination") for address in pair if address}
    fits = f"{mtu - OUTER_HEADER}" if mtu > OUTER_HEADER else "what the path carries, less 20"
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.NODE_PAIR,
            f"{here} to {there}",
            nodes=(format_address(source), format_address(destination)),
            addresses=tuple(sorted(map(format_address, pods))),
        ),
        title=f"{who} says that tunnel packets from node {here} to node {there} are too large for the node network: "
        + (f"at most {mtu} bytes" if mtu > 0 else "it names no MTU")
        + _in_title(news),
        expected="a node network that carries the tunnel's MTU and 20 bytes",
        observed=f"{several(len(rows), 'ICMP message')} 3/4 with next-hop MTU {max(mtu, 0)}, about outer packets of up "
        f"to {longest} bytes{_in_words(news)}",
        count=len(rows),
        first_ns=int(rows.time_ns.min()),
        last_ns=int(rows.time_ns.max()),
        evidence=(
            evidence_of(point, rows.number, display_filters.icmp_error(reporter, UNREACHABLE, FRAGMENTATION_NEEDED)),
        ),
        component=Component.CONFIGURATION,
        confirm=_confirm(news, here, there, source, destination),
        fix=(
            f"set the tunnel's MTU to {fits} (FelixConfiguration ipipMTU, or the operator's mtu) and restart the pods; "
            "or raise the MTU of the link",
        ),
        alternatives=("only one of several paths between the nodes has the smaller MTU",),
        points=(point.id,),
    )


def _in_title(news: _News) -> str:
    if news.told:
        return "; the node passes it on to the pod"
    return "; the pod is not told" if news.silent else ""


def _in_words(news: _News) -> str:
    if news.told:
        return f"; {in_words(list(news.told))}"
    if news.silent:
        return f"; afterwards no ICMP 3/4 on {in_words(list(news.silent))}"
    return "; whether the pod is told shows on its cali interface, which was not captured then"


def _confirm(news: _News, here: str, there: str, source: int, destination: int) -> tuple[str, ...]:
    route = f"ip route get {format_address(destination)}  # on {here}: the mtu that the kernel keeps"
    ping = f"ping -M do -s 1472 -I {format_address(source)} {format_address(destination)}  # on {here}, to node {there}"
    if news.told or news.silent:
        return route, ping
    return capture_command(Role.CALI, here, capture_filter="icmp"), route, ping


CHECK = Check(
    code="IPD5007",
    name="OuterFragmentationNeeded",
    severity=Severity.WARNING,
    summary="ICMP fragmentation needed about tunnel packets: the node network's MTU is below the tunnel's and 20 bytes",
    points="node NIC, fabric",
    examine=examine,
)
