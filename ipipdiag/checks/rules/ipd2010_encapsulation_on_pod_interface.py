"""EncapsulationOnPodInterface: tunnel packets on a pod's link or on tunl0.

Expected
    Inside the pod, on its cali interface and on tunl0 only the inner packet shows.

How it is observed
    IPv4 packets of protocol 4 at such a point, by which side sends them.

What can mislead
    A pod that runs its own IP-in-IP sends such packets itself; Felix drops them unless
    allowIPIPPacketsFromWorkloads is set. A point that was told wrongly with ``--point``.

What to do
    From the pod: look what runs in it. From the node: the kernel does not decapsulate; look at
    tunl0.
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
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.flows import Flows
    from ipipdiag.facts.tunnels import Tunnels
    from ipipdiag.points.model import Point


def examine(
    points: tuple[Point, ...],
    tunnels: Mapping[Point, Tunnels],
    flows: Mapping[Point, Flows],
    extent: Mapping[Point, Extent],
) -> Outcome:
    """A finding for each such point with tunnel packets."""
    examined, findings = 0, []
    for point in points:
        if not (point.is_pod_link or point.role is Role.TUNL0):
            continue
        examined += extent[point].ipv4
        if len(tunnels[point]):
            findings.append(_finding(point, tunnels[point], flows[point]))
    if examined:
        return Outcome(examined, tuple(findings))
    command = capture_command(Role.CALI)
    return Outcome(missing=Missing(Reason.WRONG_POINT, "no packet was captured on a pod's link or tunl0", command))


def _finding(point: Point, tunnels: Tunnels, flows: Flows) -> Finding:
    pair = int(tunnels.outer_source[0]), int(tunnels.outer_destination[0])
    one, other = map(format_address, pair)
    wrapped = flows.select(flows.outer_source == pair[0])
    by_pod = point.is_pod_link and not set(wrapped.source_mac.tolist()) & set(point.host_macs)
    count = int(tunnels.packets.sum())
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POINT, point.label, addresses=(one, other)),
        title=f"{'the pod itself sends' if by_pod else 'there are'} IP-in-IP packets on {point.label}",
        expected="only inner packets: the node wraps them after this point, and unwraps them before it",
        observed=f"{several(count, 'packet')} of protocol 4, {one} to {other}"
        + ("; Felix drops these unless allowIPIPPacketsFromWorkloads is set" if by_pod else ""),
        count=count,
        first_ns=int(tunnels.first_ns.min()),
        last_ns=int(tunnels.last_ns.max()),
        evidence=(evidence_of(point, tunnels.frames, display_filters.tunnel(*pair)),),
        component=Component.POD if by_pod else Component.NODE_KERNEL,
        confirm=("ip -d link show tunl0", "calicoctl get felixconfiguration default -o yaml | grep -i allowIPIP"),
        alternatives=("this is not the point it was taken for",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD2010",
    name="EncapsulationOnPodInterface",
    severity=Severity.WARNING,
    summary="tunnel packets inside the pod, on its cali interface or on tunl0",
    points="pod eth0, cali, tunl0",
    examine=examine,
)
