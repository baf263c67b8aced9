"""PodArpOnUnderlay: somebody asks for a pod's address on the node network.

Expected
    ARP for pods stays inside the pod's node: other nodes reach a pod by routes, through the
    tunnel.

How it is observed
    On a node's NIC or in the fabric: requests whose *target* is the address of a pod that is
    reached through the tunnel.

What can mislead
    A request whose *sender* is a node's tunnel address is normal: Linux announces the address it
    sends with. In modes without encapsulation, and where Felix answers for pods on the node
    network (HostSubnetNeighResponses), such requests are right, so a pod that is not known to be
    reached by the tunnel is not judged.

What to do
    The asking machine believes that the pods are on its own link: a route without next hop, or a
    pod range that overlaps the node network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address, format_mac
from ipipdiag.checks import display_filters
from ipipdiag.checks.arp import Question, questions
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Evidence,
    Finding,
    Missing,
    Outcome,
    Reason,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import EVIDENCE_FRAMES, several
from ipipdiag.cluster.model import Mode
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], cluster: Cluster) -> Outcome:
    """A finding for each pod address asked for on the node network."""
    examined, findings = 0, []
    for point in points:
        if point.role not in (Role.NODE, Role.FABRIC):
            continue
        for question in questions(point):
            examined += 1
            if _is_tunnelled_pod(cluster, question.target):
                findings.append(_finding(point, question, cluster))
    if examined:
        return Outcome(examined, tuple(findings))
    command = capture_command(Role.NODE, capture_filter="arp")
    return Outcome(missing=Missing(Reason.WRONG_POINT, "no ARP request on the node network was captured", command))


def _is_tunnelled_pod(cluster: Cluster, address: int) -> bool:
    if not cluster.is_pod(address):
        return False
    told = cluster.mode_of(address)
    if told is not None:
        return told[0] is Mode.ALWAYS
    return any(address in destinations for destinations in cluster.wrapped.values())


def _finding(point: Point, question: Question, cluster: Cluster) -> Finding:
    pod, asker = format_address(question.target), format_address(question.asker)
    frames = tuple(question.asked_frames[:EVIDENCE_FRAMES])
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.LIKELY,
        subject=Subject(SubjectKind.POD, f"{pod} asked for by {asker}", nodes=(asker,), addresses=(pod,)),
        title=f"{asker} asks for pod {pod} on the node network instead of sending through the tunnel",
        expected=f"{pod} is reached through the tunnel ({cluster.pod_reason(question.target)})",
        observed=f"{several(len(question.asked_ns), 'request')} by {asker} ({format_mac(question.asker_mac)})",
        count=len(question.asked_ns),
        first_ns=question.asked_ns[0],
        last_ns=question.asked_ns[-1],
        evidence=(Evidence(point.input, frames, display_filters.arp_request(question.asker, question.target)),),
        component=Component.NODE_KERNEL,
        confirm=(f"ip route get {pod}  # on {asker}",),
        fix=("remove the route or netmask that makes the pod look local",),
        alternatives=("a machine outside the cluster whose netmask covers the pod range",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD1007",
    name="PodArpOnUnderlay",
    severity=Severity.ERROR,
    summary="ARP for a pod's address on the node network, though the pod is reached through the tunnel",
    points="node NIC, fabric",
    examine=examine,
)
