"""GatewayArpUnanswered: a pod asks for its gateway 169.254.1.1 and nobody answers.

Expected
    The node answers at once, by proxy ARP on the host side of the pod's veth, with
    ee:ee:ee:ee:ee:ee.

How it is observed
    At the pod's link (pod eth0 or cali interface): at least three requests a second apart after
    the last reply, none of them answered, and no IPv4 packet from the pod meanwhile. The host
    side is shown to be captured by any frame it sends (its own ARP and IPv6 router solicitations
    count): then the finding is confirmed, else likely.

What can mislead
    A capture of one direction. A pod that has the answer cached asks no more, and is not judged.

What to do
    Two causes look alike on the wire. proxy_arp is off on this interface: other pods of the node
    are well. The node has no route that covers 169.254.1.1, usually no default route: then no pod
    of the node gets an answer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

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
from ipipdiag.checks.sightings import EVIDENCE_FRAMES, several
from ipipdiag.points.commands import ANY_CALI, capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.links import MacPairs
    from ipipdiag.points.model import Point


class _Sent(NamedTuple):
    """What a MAC sends at a point: frames, and when the last with IPv4 may have been among them, -1 where none is."""

    frames: int = 0
    last_ipv4_ns: int = -1


def examine(
    points: tuple[Point, ...],
    mac_pairs: Mapping[Point, MacPairs],
    extent: Mapping[Point, Extent],
) -> Outcome:
    """A finding for each pod whose requests for the gateway stay unanswered."""
    examined, findings, missing = 0, [], None
    for point in points:
        if not point.is_pod_link:
            continue
        sent = _sent_by(mac_pairs[point])
        frames = sum(mac.frames for mac in sent.values())
        for question in questions(point):
            if question.target != GATEWAY:
                continue
            tries = question.unanswered_attempts(extent[point])
            if question.open_since() and (lost := incomplete(point, ARP)):
                missing = missing or lost
            elif len(tries) >= ATTEMPTS and not _sends_ipv4(sent, question, tries):
                examined += 1
                heard = frames - sent.get(question.asker_mac, _Sent()).frames
                findings.append(_finding(point, question, heard, _works(point, question)))
            elif question.answered_ns:
                examined += 1
            else:
                missing = missing or _undecided(question, tries)
    if not examined and missing is None:
        return Outcome(missing=_no_arp(points))
    return Outcome(examined, tuple(findings), missing)


def _sent_by(pairs: MacPairs) -> dict[int, _Sent]:
    sent: dict[int, _Sent] = {}
    for mac, frames, ipv4, last_ns in pairs.rows("source_mac", "frames_sent", "ipv4", "last_ns"):
        known = sent.get(mac, _Sent())
        sent[mac] = _Sent(known.frames + frames, max(known.last_ipv4_ns, last_ns if ipv4 else -1))
    return sent


def _sends_ipv4(sent: dict[int, _Sent], question: Question, tries: list[int]) -> bool:
    """Whether the pod sent IPv4 to a MAC while it was asking: then it knows one, and replies are missing here only."""
    own = sent.get(question.asker_mac)
    return own is not None and own.last_ipv4_ns > tries[0]


def _works(point: Point, question: Question) -> str | None:
    """ARP in the other direction: the node asks for the pod, and the pod answers."""
    replies = _replies_of_targets(point).get(question.asker)
    return None if replies is None else f"the node's own ARP for the pod is answered ({several(replies, 'reply')})"


@lru_cache(maxsize=256)
def _replies_of_targets(point: Point) -> dict[int, int]:
    """How many replies the first that asked for an address, and got any, had."""
    found: dict[int, int] = {}
    for question in questions(point):
        if question.answered_ns:
            found.setdefault(question.target, len(question.answered_ns))
    return found


def _undecided(question: Question, tries: list[int]) -> Missing:
    if len(tries) >= ATTEMPTS:
        return Missing(
            Reason.ONE_DIRECTION,
            f"{format_address(question.asker)} sends packets, so it has an answer that is not in the capture",
            capture_command(Role.CALI, capture_filter="arp or icmp"),
        )
    return Missing(
        Reason.TOO_SHORT,
        f"{several(len(question.asked_ns), 'request')} for 169.254.1.1 without reply; three, a "
        "second apart, would tell",
        capture_command(Role.CALI, capture_filter="arp"),
    )


def _no_arp(points: tuple[Point, ...]) -> Missing | None:
    command = capture_command(Role.CALI, capture_filter="arp or icmp")
    if any(point.is_pod_link for point in points):
        return Missing(Reason.TOO_SHORT, "no pod asked for 169.254.1.1 meanwhile; the answer may be cached", command)
    return Missing(Reason.WRONG_POINT, "a pod's ARP shows only on its own link", command)


def _finding(point: Point, question: Question, heard: int, works: str | None) -> Finding:
    pod = format_address(question.asker)
    times, frames = question.open_since(), tuple(question.open_frames()[:EVIDENCE_FRAMES])
    since_start = "" if not question.answered_ns else f", after {several(len(question.answered_ns), 'reply')} before"
    alternatives = ["the node has no route that covers 169.254.1.1 (no default route): then no pod there is answered"]
    if not heard:
        alternatives.append("only one direction was captured")
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CONFIRMED if heard else Confidence.LIKELY,
        subject=Subject(SubjectKind.POD, pod, nodes=(point.node,) if point.node else (), addresses=(pod,)),
        title=f"pod {pod} gets no answer to its ARP for the gateway 169.254.1.1, so nothing leaves the pod",
        expected="the node answers who-has 169.254.1.1 within a millisecond (proxy ARP, ee:ee:ee:ee:ee:ee)",
        observed=f"{several(len(times), 'request')}, no reply{since_start}; "
        + (
            f"the host side sent {several(heard, 'other frame')}, so it was captured"
            if heard
            else "nothing from the host side"
        ),
        count=len(times),
        first_ns=times[0],
        last_ns=times[-1],
        evidence=(Evidence(point.input, frames, display_filters.arp_about(GATEWAY)),),
        component=Component.FELIX,
        confirm=(
            f"cat /proc/sys/net/ipv4/conf/{ANY_CALI}/proxy_arp  # 1 is right",
            "ip route get 169.254.1.1  # any route will do, the default route as well",
        ),
        fix=("set proxy_arp there again (Felix does, when calico-node restarts), or restore the default route",),
        alternatives=tuple(alternatives),
        worked=(works,) if works else (),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD1001",
    name="GatewayArpUnanswered",
    severity=Severity.CRITICAL,
    summary="a pod's ARP for 169.254.1.1 stays unanswered: nothing leaves the pod",
    points="pod eth0, cali",
    examine=examine,
)
