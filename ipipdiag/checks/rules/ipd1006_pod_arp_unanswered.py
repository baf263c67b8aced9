"""PodArpUnanswered: the node asks for a pod's address on the pod's interface, and nobody answers.

Expected
    The pod answers its node's ARP at once.

How it is observed
    At the pod's link: at least three requests by the host side for one address, a second apart,
    no reply since. Any frame from the pod's side shows that it is captured: then the finding is
    confirmed, else likely. After three seconds the node sends ICMP host unreachable to whoever
    wanted the pod. An entry FAILED in ``ip neigh`` among cluster files is cited.

What can mislead
    A pod that was deleted a moment ago, while others still send to it.

What to do
    Look whether the pod, its network namespace and the address in it still exist: ``crictl
    pods``, ``ip address`` inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import GATEWAY, format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import ARP, ATTEMPTS, incomplete
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
from ipipdiag.checks.node_evidence import neighbour_of, resolution
from ipipdiag.checks.sightings import EVIDENCE_FRAMES, several
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.links import MacPairs
    from ipipdiag.points.model import Point


def examine(
    points: tuple[Point, ...],
    mac_pairs: Mapping[Point, MacPairs],
    extent: Mapping[Point, Extent],
    configuration: Configuration,
    cluster: Cluster,
) -> Outcome:
    """A finding for each pod address that its node asks for in vain."""
    examined, findings, missing = 0, [], None
    for point in points:
        if not point.is_pod_link:
            continue
        sent = mac_pairs[point].rows("source_mac", "frames_sent")
        from_pod = sum(count for mac, count in sent if mac not in point.host_macs)
        for question in questions(point):
            if question.asker_mac not in point.host_macs or question.target == GATEWAY:
                continue
            tries = question.unanswered_attempts(extent[point])
            if question.open_since() and (lost := incomplete(point, ARP)):
                missing = missing or lost
            elif len(tries) >= ATTEMPTS:
                examined += 1
                findings.append(_finding(point, question, from_pod, configuration, cluster))
            elif question.answered_ns:
                examined += 1
    if not examined and missing is None:
        command = capture_command(Role.CALI, capture_filter="arp or icmp")
        missing = Missing(
            Reason.WRONG_POINT, "no ARP request of a node for its pod was captured: it shows on the pod's link", command
        )
    return Outcome(examined, tuple(findings), missing)


def _finding(
    point: Point, question: Question, from_pod: int, configuration: Configuration, cluster: Cluster
) -> Finding:
    home = cluster.placed.get(question.target)
    node_address = home.node if home else question.asker
    noted, against = resolution(neighbour_of(configuration, cluster, node_address, question.target))
    pod = format_address(question.target)
    node = format_address(question.asker)
    times = question.open_since()
    frames = tuple(question.open_frames()[:EVIDENCE_FRAMES])
    heard = (
        f"the pod's side sent {several(from_pod, 'other frame')}" if from_pod else "the pod's side sent nothing at all"
    )
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CONFIRMED if from_pod else Confidence.LIKELY,
        subject=Subject(SubjectKind.POD, pod, nodes=(node,), addresses=(pod,)),
        title=f"pod {pod} does not answer the ARP of its own node {node}: nothing reaches the pod",
        expected=f"{pod} answers who-has at once",
        observed=f"{several(len(times), 'request')} by {node}, no reply; {'; '.join((heard, *noted))}",
        count=len(times),
        first_ns=times[0],
        last_ns=times[-1],
        evidence=(Evidence(point.input, frames, display_filters.arp_about(question.target)),),
        component=Component.POD,
        confirm=(
            f"ip neigh show {pod}  # FAILED or INCOMPLETE on {node}",
            "ip address show dev eth0  # inside the pod: is the address still there?",
        ),
        fix=("restart the pod; if it is gone, find who still sends to its address",),
        alternatives=(
            "the pod was just deleted",
            *(() if from_pod else ("only one direction was captured",)),
            *against,
        ),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD1006",
    name="PodArpUnanswered",
    severity=Severity.CRITICAL,
    summary="the node asks for a pod on its cali interface and gets no answer: the pod or its address is gone",
    points="cali, pod eth0",
    examine=examine,
)
