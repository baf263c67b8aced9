"""ArpBeyondGateway: a pod asks by ARP for something other than 169.254.1.1.

Expected
    A Calico pod has a /32 address and one next hop: it asks for 169.254.1.1 and for nothing else.

How it is observed
    Requests from the pod's side of its link for another address. Announcements and probes of the
    pod's own address, and replies, are no such requests.

What can mislead
    Pods with a second interface (Multus), and pods that set their own routes on purpose.

What to do
    ``ip address`` and ``ip route`` inside the pod: another netmask than /32, or another default
    gateway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import GATEWAY, format_address
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
from ipipdiag.checks.sightings import EVIDENCE_FRAMES, in_words, several
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...]) -> Outcome:
    """A finding for each pod that asks for other addresses."""
    examined, findings = 0, []
    for point in points:
        if not point.is_pod_link or not point.host_macs:
            continue
        by_pod: dict[int, list[Question]] = {}
        for question in questions(point):
            if question.asker_mac not in point.host_macs:
                by_pod.setdefault(question.asker, []).append(question)
        for pod, asked in by_pod.items():
            examined += 1
            beyond = [question for question in asked if question.target != GATEWAY]
            if beyond:
                findings.append(_finding(point, pod, beyond))
    if examined:
        return Outcome(examined, tuple(findings))
    command = capture_command(Role.CALI, capture_filter="arp")
    return Outcome(missing=Missing(Reason.WRONG_POINT, "no ARP request of a pod was captured", command))


def _finding(point: Point, address: int, beyond: list[Question]) -> Finding:
    pod = format_address(address)
    targets = [format_address(question.target) for question in beyond]
    frames = tuple(sorted(number for question in beyond for number in question.asked_frames)[:EVIDENCE_FRAMES])
    count = sum(len(question.asked_ns) for question in beyond)
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POD, pod, addresses=(pod,)),
        title=f"pod {pod} asks by ARP for addresses other than its gateway",
        expected="a pod asks for 169.254.1.1 only: its address is a /32",
        observed=f"{several(count, 'request')} for {in_words(targets)}",
        count=count,
        first_ns=min(question.asked_ns[0] for question in beyond),
        last_ns=max(question.asked_ns[-1] for question in beyond),
        evidence=(Evidence(point.input, frames, display_filters.arp_request(address, beyond[0].target)),),
        component=Component.POD,
        confirm=("ip address show dev eth0; ip route  # inside the pod: /32 and default via 169.254.1.1",),
        alternatives=("a second interface of the pod (Multus)", "routes that the pod set itself"),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD1005",
    name="ArpBeyondGateway",
    severity=Severity.WARNING,
    summary="a pod asks for addresses other than 169.254.1.1: another netmask or default gateway in the pod",
    points="pod eth0, cali",
    examine=examine,
)
