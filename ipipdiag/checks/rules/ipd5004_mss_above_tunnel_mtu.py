"""MssAboveTunnelMtu: a pod announces larger segments than the tunnel can carry.

Expected
    The segment size in a pod's SYN and SYN-ACK is at most the tunnel's MTU less 40 bytes: 1440 on
    a network of 1500.

How it is observed
    The segment size of pods' SYNs beside the tunnel's MTU, where that is known: from the pod's
    own node ("fragmentation needed"), or from SYNs that the node itself sends through tunl0. It
    shows before anything fails.

What can mislead
    Clients outside the cluster announce 1460 and come through the tunnel as well: only pods are
    judged. Jumbo networks have larger tunnels, and nodes may differ: what is not told but inferred
    holds for the pod that was told so, or for the pods of that node. A node that has learned of a
    smaller path tells its pods so as well: where a router's ICMP about the outer packet shows, or
    none of its own pods was told, nothing is said.

What to do
    Set the pods' MTU to the tunnel's (veth MTU, FelixConfiguration ipipMTU) and restart the pods:
    only new ones get it.
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

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

HEADERS = 40  # IPv4 and TCP, without options
_PATH = "the node speaks of one path, of which a router told it (IPD5007): then the pod's MTU is right"


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster) -> Outcome:
    """A finding for each pod that announces more than the tunnel carries."""
    examined, unknown, findings = 0, 0, []
    for point in points:
        table = flows[point].select(flows[point].mss_max > 0)
        for position, (source, mss) in enumerate(table.rows("source", "mss_max")):
            if not cluster.is_pod(source):
                continue
            known = cluster.tunnel_mtu_of(source)
            if known is None:
                unknown += 1
                continue
            examined += 1
            if mss > known[0] - HEADERS:
                findings.append(_finding(point, table.select([position]), *known))
    missing = None
    if not examined:
        missing = _missing(unknown)
    return Outcome(examined, tuple(findings), missing)


def _missing(unknown: int) -> Missing:
    if unknown:
        return Missing(
            Reason.NO_CONFIG,
            f"{several(unknown, 'handshake')} of pods seen; the tunnel's MTU is not known",
            "ip link show tunl0",
        )
    command = capture_command(Role.CALI, capture_filter="tcp[tcpflags] & tcp-syn != 0 or icmp")
    return Missing(Reason.NO_HANDSHAKE, "no SYN of a pod was captured", command)


def _finding(point: Point, row: Flows, mtu: int, mtu_source: str) -> Finding:
    pod, mss = format_address(int(row.source[0])), int(row.mss_max[0])
    shown, is_told = row.mss_frame, "ICMP" in mtu_source  # the pod was told so, of some destination
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        subject=Subject(SubjectKind.POD, pod, addresses=(pod,)),
        title=f"pod {pod} announces TCP segments of {mss} bytes, more than "
        + (f"fit into the {mtu} bytes that its node passes on" if is_told else f"the tunnel's MTU of {mtu} can carry"),
        expected=f"at most {mtu - HEADERS} (tunnel MTU {mtu}: {mtu_source})",
        observed=f"MSS {mss} in its SYN or SYN-ACK",
        count=1,
        first_ns=int(row.first_ns[0]),
        last_ns=int(row.last_ns[0]),
        evidence=(evidence_of(point, shown, display_filters.syn_from(int(row.source[0]))),),
        component=Component.CONFIGURATION,
        confirm=("ip link show dev eth0  # inside the pod", "ip link show tunl0  # on its node"),
        fix=(f"set the pods' MTU to {mtu} and restart the pods",),
        alternatives=(
            "the tunnel's MTU was lowered after the pod had started: only new pods get the new one",
            *((_PATH,) if is_told else ()),
        ),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD5004",
    name="MssAboveTunnelMtu",
    severity=Severity.WARNING,
    summary="a pod announces larger TCP segments than the tunnel can carry",
    points="pod eth0, cali, tunl0, node NIC",
    examine=examine,
)
