"""FragmentationNeeded: path MTU discovery is at work.

Expected
    A packet with DF that is too large for the next link is answered with ICMP "fragmentation
    needed" (type 3, code 4), and the sender shrinks.

How it is observed
    Such a message about a packet that is not itself a tunnel packet: who sends it, to whom, and
    the MTU it names.

What can mislead
    One message a destination now and then is health. The node's address is the reporter on the
    pod's own node.

What to do
    Nothing, if the sender obeys. If every connection begins so, the pods' MTU is above that of
    the tunnel.
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
    Outcome,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import evidence_of, in_words, several
from ipipdiag.protocols import FRAGMENTATION_NEEDED, UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.messages import IcmpReports
    from ipipdiag.points.model import Point


def examine(
    points: tuple[Point, ...], icmp_reports: Mapping[Point, IcmpReports], extent: Mapping[Point, Extent]
) -> Outcome:
    """A notice for each reporter, receiver and MTU."""
    examined, findings = 0, []
    for point in points:
        examined += extent[point].ipv4
        reports = icmp_reports[point]
        told = (reports.type == UNREACHABLE) & (reports.code == FRAGMENTATION_NEEDED)
        told &= reports.quoted_outer_protocol == 0
        groups = reports.positions_by(told, "reporter", "receiver", "next_hop_mtu")
        for (reporter, receiver, mtu), rows in sorted(groups.items()):
            findings.append(_finding(point, reports.select(rows), (reporter, receiver, mtu)))
    return Outcome(examined, tuple(findings))


def _finding(point: Point, rows: IcmpReports, group: tuple[int, int, int]) -> Finding:
    reporter, receiver = map(format_address, group[:2])
    destinations = sorted({format_address(address) for address in rows.quoted_destination.tolist()})
    largest = int(rows.quoted_total_length.max())
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.FLOW,
            f"{receiver} told MTU {group[2]} by {reporter}",
            nodes=(reporter,),
            addresses=(receiver, *destinations),
        ),
        title=f"{reporter} tells {receiver} that packets to {in_words(destinations, 3)} must not "
        f"exceed {group[2]} bytes",
        expected="path MTU discovery: the sender shrinks its packets",
        observed=f"{several(len(rows), 'ICMP message')} 3/4 with next-hop MTU {group[2]}, about "
        f"packets up to {largest} bytes",
        count=len(rows),
        first_ns=int(rows.time_ns.min()),
        last_ns=int(rows.time_ns.max()),
        evidence=(
            evidence_of(point, rows.number, display_filters.icmp_error(group[0], UNREACHABLE, FRAGMENTATION_NEEDED)),
        ),
        component=Component.CONFIGURATION,
        confirm=("ip link show tunl0; ip link show dev eth0  # inside the pod: the same MTU?",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD5001",
    name="FragmentationNeeded",
    severity=Severity.NOTICE,
    summary="ICMP fragmentation needed: path MTU discovery at work, by whom and for which flow",
    points="any",
    examine=examine,
)
