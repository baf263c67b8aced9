"""ConnectionRefused: the other end answers a SYN with RST: the network works, and nobody listens.

Expected
    SYN-ACK, where a program listens on that port.

How it is observed
    A SYN is answered by RST and nothing else, and the RST is the end's own: on its own link it
    comes from its side, or elsewhere it has the TTL of the end's other answers.

What can mislead
    A REJECT rule on a node answers with RST in the pod's name. Its TTL is one above that of the
    pod's other answers (IPD6005). Where there is no other answer to compare with, either may be
    so. A service without a ready endpoint is refused by kube-proxy, on the node.

What to do
    ``ss -ltn`` inside the pod: does it listen on that port, and on its address or on 127.0.0.1
    only?
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from ipipdiag.checks import display_filters
from ipipdiag.checks.handshakes import names_of, ports_in_words
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
from ipipdiag.checks.rejections import Author, Refusal, refusals
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.points.commands import IN_POD, capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.points.model import Point

Ends = tuple[int, int]


def examine(points: tuple[Point, ...], cluster: Cluster) -> Outcome:
    """A notice for each pair of addresses, one of them the cluster's, between which connections are refused."""
    examined = sum(int((point.facts.flows.syns > 0).sum()) for point in points)
    rejected, groups = set(), defaultdict(list)
    for refusal in refusals(points, cluster):
        flow = refusal.attempt.flow
        if refusal.author is Author.NODE:
            rejected.add(flow)
        elif cluster.is_ours(flow.source) or cluster.is_ours(flow.destination):
            groups[flow.source, flow.destination].append(refusal)
    findings = []
    for ends, group in groups.items():
        own = [refusal for refusal in group if refusal.attempt.flow not in rejected]
        findings += [_finding(ends, of_point, cluster) for of_point in _by_point(own)]
    missing = None
    if not examined:
        missing = Missing(Reason.NO_HANDSHAKE, "no SYN was captured", capture_command(Role.NODE, capture_filter=""))
    return Outcome(examined, tuple(findings), missing)


def _by_point(group: list[Refusal]) -> list[list[Refusal]]:
    found = defaultdict(list)
    for refusal in group:
        found[refusal.attempt.point].append(refusal)
    return list(found.values())


def _finding(ends: Ends, group: list[Refusal], cluster: Cluster) -> Finding:
    source, destination = names_of(ends)
    attempts = [refusal.attempt for refusal in group]
    point = attempts[0].point
    is_own = all(refusal.author is Author.POD for refusal in group)
    resets = sum(attempt.resets for attempt in attempts)
    ttls = sorted({refusal.ttl for refusal in group})
    rows = [row for attempt in attempts for row in (*attempt.sent, *attempt.back)]
    compared = next((f", the TTL of its other answers: {refusal.usual}" for refusal in group if refusal.usual), "")
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED if is_own else Confidence.LIKELY,
        subject=Subject(SubjectKind.FLOW, f"{source} to {destination}", addresses=(source, destination)),
        title=f"{destination} refuses TCP from {source} to {ports_in_words(attempts)}: nobody listens there",
        expected="SYN-ACK, where a program listens",
        observed=f"{several(resets, 'RST')} in answer to {several(len(attempts), 'connection')}, TTL "
        f"{', '.join(map(str, ttls))}{compared}",
        count=resets,
        first_ns=min(attempt.first_ns for attempt in attempts),
        last_ns=max(attempt.last_ns for attempt in attempts),
        evidence=(evidence_of(point, point.facts.flows.frames[rows], display_filters.handshakes(*ends)),),
        component=Component.POD,
        confirm=(f"{IN_POD} ss -ltn  # of the refusing pod, on its node: does it listen?",),
        fix=("start the program, or correct the port of the service or of the client",),
        alternatives=_alternatives(group, is_own=is_own, cluster=cluster),
        worked=(f"packets of {source} reach {destination}, and its answers come back",) if is_own else (),
        points=(point.id,),
    )


def _alternatives(group: list[Refusal], *, is_own: bool, cluster: Cluster) -> tuple[str, ...]:
    if is_own:
        return ()
    end = group[0].attempt.flow.destination
    if end in cluster.services:
        return ("kube-proxy refuses it: the service has no ready endpoint",)
    return ("a REJECT rule on a node answers in its name (IPD6005): no other answer of it is there to compare with",)


CHECK = Check(
    code="IPD6011",
    name="ConnectionRefused",
    severity=Severity.NOTICE,
    summary="a SYN is answered by RST from the other end itself: the network works, nobody listens",
    points="any",
    examine=examine,
)
