"""NoCalicoEvidence: nothing in the captures looks like Calico.

Expected
    At least one of: ARP for the gateway 169.254.1.1, frames from ee:ee:ee:ee:ee:ee, blocks (/25 to
    /31) announced by BGP, IP-in-IP whose outer TTL is a copy of the inner one, VXLAN with network
    identifier 4096, an interface named cali… or tunl0; or the user's word (``--pod-cidr``,
    ``--node``, ``--ipip-mode``, ``--point``).

How it is observed
    None of these. Nothing Calico-specific is then judged.

What can mislead
    A short capture on a NIC may simply hold no pod traffic. IP-in-IP between two routers is not
    Calico's; nor is BGP of a network that announces /24 networks and /32 loopbacks. Where Calico's
    blocks are as large as that, say so with ``--pod-cidr``.

What to do
    Capture on the pod's cali interface, on tunl0 or on the node's NIC while the pod is talking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import GATEWAY, HOST_SIDE_MAC
from ipipdiag.checks.absence import ARP, first_limit
from ipipdiag.checks.model import Check, Component, Confidence, Finding, Outcome, Severity, Subject, SubjectKind
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import PlacementSource, Role

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.points.model import Point

CALICO_VNI = 4096
BLOCK_LENGTHS = range(25, 32)
FORWARDED_ONCE = (63, 127, 254)  # one below the initial TTLs in use


def examine(points: tuple[Point, ...], cluster: Cluster) -> Outcome:
    """One finding for the run where no point shows a sign of Calico and nobody said so."""
    signs = sum(_signs(point) for point in points) + _told(points, cluster) + _announced(cluster)
    if signs:
        return Outcome(signs)
    with_frames = [point for point in points if point.facts.extent.frames]
    if not with_frames:
        return Outcome()
    if more := first_limit(with_frames, ARP):
        return Outcome(missing=more)
    return Outcome(len(with_frames), (_finding(with_frames),))


def _announced(cluster: Cluster) -> int:
    """Announced prefixes that are as long as Calico's blocks usually are, and other networks are not."""
    return sum(route.network.prefixlen in BLOCK_LENGTHS for route in cluster.announced)


def _told(points: tuple[Point, ...], cluster: Cluster) -> int:
    by_flags = bool(cluster.pools) + (cluster.default_mode is not None)
    return by_flags + sum(point.source is PlacementSource.USER for point in points) + cluster.told_nodes


def _signs(point: Point) -> int:
    facts = point.facts
    arp, flows = facts.arp_messages, facts.flows
    asks_gateway = bool(((arp.target == GATEWAY) | (arp.sender == GATEWAY)).any())
    host_side = bool((facts.mac_pairs.source_mac == HOST_SIDE_MAC).any())
    # a load balancer's or router's own tunnel starts with a TTL of its own; tunl0 copies that of the forwarded packet
    is_copy = (flows.tunnel == Tunnel.IPIP) & (flows.outer_ttl_max == flows.ttl_max)
    inherits = any(bool((is_copy & (flows.ttl_max == ttl)).any()) for ttl in FORWARDED_ONCE)
    is_vxlan = bool(((flows.tunnel == Tunnel.VXLAN) & (flows.vni == CALICO_VNI)).any())
    named = point.role in (Role.CALI, Role.TUNL0) and point.facts.extent.frames > 0 and "name" in point.reason
    return asks_gateway + host_side + inherits + is_vxlan + named


def _finding(points: list[Point]) -> Finding:
    starts = [point.facts.extent.first_ns for point in points if point.facts.extent.first_ns is not None]
    ends = [point.facts.extent.last_ns for point in points if point.facts.extent.last_ns is not None]
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.CAPTURE, "all captures"),
        title="nothing in the captures looks like Calico",
        expected="gateway ARP for 169.254.1.1, frames from ee:ee:ee:ee:ee:ee, IP-in-IP between "
        "nodes, or announced blocks",
        observed=f"none of these in {sum(point.facts.extent.frames for point in points)} frames; "
        "nothing Calico-specific was judged",
        count=0,
        first_ns=min(starts, default=None),
        last_ns=max(ends, default=None),
        evidence=(),
        component=Component.CAPTURE,
        confirm=(capture_command(Role.NODE), capture_command(Role.CALI)),
    )


CHECK = Check(
    code="IPD0010",
    name="NoCalicoEvidence",
    severity=Severity.NOTICE,
    summary="nothing in the file looks like Calico: said so, and nothing Calico-specific judged",
    points="any",
    examine=examine,
)
