"""PeerArpUnanswered: the capturing node asks for another node and gets no answer.

Expected
    A node on the same link answers ARP for its own address.

How it is observed
    At a node's NIC: at least three requests *by the capturing node itself* for a node of the
    cluster, a second apart, no reply and no other sign of life from it since.

What can mislead
    Requests of other machines are broadcast and their answers are not: they are never judged.

What to do
    Is the other node up, in the same VLAN, and does it still have that address?
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
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
    from ipipdiag.decode.packets import ArpMessages
    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(
    points: tuple[Point, ...],
    arp_messages: Mapping[Point, ArpMessages],
    flows: Mapping[Point, Flows],
    extent: Mapping[Point, Extent],
    configuration: Configuration,
    cluster: Cluster,
) -> Outcome:
    """A finding for each node that the capturing node asks for in vain."""
    examined, findings, missing = 0, [], None
    for point in points:
        if point.role is not Role.NODE or point.own_mac is None:
            continue
        for question in questions(point):
            if question.asker_mac != point.own_mac or question.target not in cluster.nodes:
                continue
            tries = question.unanswered_attempts(extent[point])
            if question.open_since() and (lost := incomplete(point, ARP)):
                missing = missing or lost
            elif len(tries) >= ATTEMPTS and not _is_alive(flows[point], arp_messages[point], question, tries[0]):
                examined += 1
                findings.append(_finding(point, question, configuration, cluster))
            elif question.answered_ns:
                examined += 1
    if not examined and missing is None:
        command = capture_command(Role.NODE, capture_filter="arp")
        missing = Missing(Reason.WRONG_POINT, "the capturing node did not ask for another node by ARP", command)
    return Outcome(examined, tuple(findings), missing)


def _is_alive(flows: Flows, messages: ArpMessages, question: Question, since_ns: int) -> bool:
    """Whether the target sent anything since the first open request."""
    sent = (flows.source == question.target) | (flows.outer_source == question.target)
    asked = messages.sender == question.target
    return bool((sent & (flows.last_ns > since_ns)).any() or (asked & (messages.time_ns > since_ns)).any())


def _finding(point: Point, question: Question, configuration: Configuration, cluster: Cluster) -> Finding:
    noted, against = resolution(neighbour_of(configuration, cluster, question.asker, question.target))
    peer, own = cluster.node_text(question.target), cluster.node_text(question.asker)
    times = question.open_since()
    frames = tuple(question.open_frames()[:EVIDENCE_FRAMES])
    nodes = (format_address(question.asker), format_address(question.target))
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.NODE_PAIR, f"{own} to {peer}", nodes=nodes),
        title=f"node {own} gets no ARP answer from node {peer}: nothing can be sent to it",
        expected=f"{peer} answers who-has at once",
        observed=f"{several(len(times), 'request')} by {own}, no reply, and nothing else from {peer} since"
        + "".join(f"; {text}" for text in noted),
        count=len(times),
        first_ns=times[0],
        last_ns=times[-1],
        evidence=(Evidence(point.input, frames, display_filters.arp_about(question.target)),),
        component=Component.NODE_NETWORK,
        confirm=(f"ip neigh show {format_address(question.target)}", "kubectl get nodes -o wide"),
        fix=("bring the node back, or correct its VLAN or address",),
        alternatives=("the peer's address moved to another machine", *against),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD1008",
    name="PeerArpUnanswered",
    severity=Severity.CRITICAL,
    summary="the capturing node asks for another node and gets no answer: the peer is dead, or in another VLAN",
    points="node NIC",
    examine=examine,
)
