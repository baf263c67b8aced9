"""GatewayArpSlow: the answer for 169.254.1.1 comes late.

Expected
    The node answers at once, in well under a millisecond: Felix sets proxy_delay of the cali
    interface to 0.

How it is observed
    The median time from a request to its reply, of at least three, is 20 ms or more; or the first
    reply comes two seconds or more after the pod's first request.

What can mislead
    The kernel's own default makes the delay uniform between 0 and 800 ms, so single fast replies
    prove nothing. A busy node is slow now and then.

What to do
    ``sysctl net.ipv4.neigh.<cali>.proxy_delay`` should be 0. A late first reply is a pod that
    started before its interface was programmed.
    Thresholds: gateway-arp-ms, gateway-arp-replies, gateway-arp-first-ms.
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
from ipipdiag.checks.sightings import EVIDENCE_FRAMES, duration
from ipipdiag.points.commands import ANY_CALI, capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from ipipdiag.checks.thresholds import Thresholds
    from ipipdiag.points.model import Point

MILLISECOND = 1_000_000


def examine(points: tuple[Point, ...], thresholds: Thresholds) -> Outcome:
    """A finding for each pod whose gateway answers late."""
    examined, findings = 0, []
    for point in points:
        if not point.is_pod_link:
            continue
        for question in questions(point):
            if question.target != GATEWAY or not question.answered_ns:
                continue
            examined += 1
            if observed := _slowness(question, thresholds):
                findings.append(_finding(point, question, observed, thresholds))
    if examined:
        return Outcome(examined, tuple(findings))
    command = capture_command(Role.CALI, capture_filter="arp")
    return Outcome(
        missing=Missing(Reason.WRONG_POINT, "no request for 169.254.1.1 with its reply was captured", command)
    )


def _slowness(question: Question, thresholds: Thresholds) -> str | None:
    import numpy as np

    delays = question.delays_ns()
    first = question.answered_ns[0] - question.asked_ns[0]
    is_enough = bool(delays) and len(delays) >= thresholds.gateway_arp_replies
    median_ns = float(np.median(delays)) if is_enough else 0
    if is_enough and median_ns >= thresholds.gateway_arp_ms * MILLISECOND:
        return f"median of {len(delays)} replies {duration(median_ns)}, longest {duration(max(delays))}"
    if first >= thresholds.gateway_arp_first_ms * MILLISECOND:
        return f"the first reply came {duration(first)} after the first request"
    return None


def _finding(point: Point, question: Question, observed: str, thresholds: Thresholds) -> Finding:
    pod = format_address(question.asker)
    frames = tuple(sorted(question.asked_frames + question.answered_frames)[:EVIDENCE_FRAMES])
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POD, pod, addresses=(pod,)),
        title=f"the gateway 169.254.1.1 answers pod {pod} late",
        expected="replies within a millisecond (reported from a median of "
        f"{thresholds.gateway_arp_ms:g} ms of {thresholds.gateway_arp_replies:g} replies on, or a first reply after "
        f"{thresholds.gateway_arp_first_ms:g} ms)",
        observed=observed,
        count=len(question.answered_ns),
        first_ns=question.asked_ns[0],
        last_ns=question.answered_ns[-1],
        evidence=(Evidence(point.input, frames, display_filters.arp_about(GATEWAY)),),
        component=Component.FELIX,
        confirm=(f"cat /proc/sys/net/ipv4/neigh/{ANY_CALI}/proxy_delay  # 0 is right",),
        fix=(f"sysctl -w net.ipv4.neigh.{ANY_CALI}.proxy_delay=0; find what sets it (sysctl.d, udev)",),
        alternatives=("proxy ARP came up late with the pod, or the node was busy: then only some are late",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD1004",
    name="GatewayArpSlow",
    severity=Severity.WARNING,
    summary="169.254.1.1 is answered late: proxy_delay is not 0, or the interface was programmed late",
    points="pod eth0, cali",
    examine=examine,
)
