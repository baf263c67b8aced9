"""ReplyNotTranslatedBack: a pod asks one address, and another one answers; the pod refuses the answer.

Expected
    The reply comes from the address that was asked: the node that translated a service address to
    a backend's translates the source of the replies back.

How it is observed
    At the pod's link. TCP: a SYN-ACK, or data, comes from an address to which the pod sends
    nothing but resets, for the port from which it asked another. UDP: a datagram comes from an
    address that the pod never asked; it repeats the transaction id and question of a DNS query to
    another address, or the pod refuses it with ICMP port unreachable while what it asked from that
    port stays unanswered.

What can mislead
    On tunl0 and the node's NIC the backend's address is right: only the pod's link tells.
    Programs that talk to many peers from one UDP port get datagrams from all of them: without
    refusal or the same transaction id nothing is said.

What to do
    Find why the reply misses the connection tracking of the node that translated: a backend on the
    same link that answers directly (masquerade it), another way back, entries that were flushed or
    INVALID (``conntrack -L``, ``nf_conntrack_tcp_be_liberal``), a second kube-proxy or load
    balancer in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import limit_reached
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
from ipipdiag.checks.service_traffic import PROTOCOLS, port_text
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.cluster.services import ForeignAnswer
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(
    points: tuple[Point, ...],
    flows: Mapping[Point, Flows],
    foreign_answers: Mapping[Point, tuple[ForeignAnswer, ...]],
    cluster: Cluster,
) -> Outcome:
    """A finding for each address that a pod asked and each other that answered."""
    links = [point for point in points if point.is_pod_link]
    if not links:
        text = "whether a reply has its address back shows on the pod's link only"
        return Outcome(missing=Missing(Reason.WRONG_POINT, text, capture_command(Role.CALI, capture_filter="ip")))
    examined, findings = 0, []
    for point in links:
        table = flows[point]
        asked = (table.answers > 0) & (table.requests > 0)
        examined += sum(
            protocol in PROTOCOLS and source in point.pods
            for source, protocol in table.select(asked).rows("source", "protocol")
        )
        grouped: dict[tuple[int, int, int], list[ForeignAnswer]] = {}
        for answer in foreign_answers[point] if not limit_reached(point) else ():  # who answers was asked as well
            grouped.setdefault((answer.client, answer.asked, answer.answering), []).append(answer)
        findings += [_finding(point, table, answers, cluster) for answers in grouped.values()]
    missing = Missing(
        Reason.TOO_FEW_PACKETS, "no request of a pod, and no answer to one, was captured",
        capture_command(Role.CALI, capture_filter="ip"),
    )  # fmt: skip
    return Outcome(max(examined, len(findings)), tuple(findings), None if examined or findings else missing)


def _finding(point: Point, flows: Flows, answers: list[ForeignAnswer], cluster: Cluster) -> Finding:
    first = answers[0]
    client, asked, other = (format_address(value) for value in (first.client, first.asked, first.answering))
    rows = flows.select(sorted({place for answer in answers for place in (answer.answer_position,)}))
    asked_rows = flows.select(sorted({answer.asked_position for answer in answers}))
    packets = int(rows.packets.sum())
    own_answers = int(asked_rows.answers.sum())
    told = cluster.services.get(first.asked)
    is_service = told is not None
    is_endpoint = told is not None and bool(told.name) and first.answering in told.endpoints
    what = f"service {asked}" if is_service else asked
    owner = cluster.owner_of(first.answering)
    return Finding(
        severity=Severity.ERROR if own_answers else Severity.CRITICAL,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.FLOW,
            f"{client} to {asked}",
            nodes=(format_address(owner.node),) if owner is not None else (),
            addresses=(client, asked, other),
        ),
        title=f"pod {client} asks {what} and gets its answers from {other}: the reply is not translated back",
        expected=f"replies from {asked}, the address that was asked",
        observed=f"{several(packets, 'packet')} from {other} ({port_text(first.protocol, first.answering_port)}) for "
        f"what {client} asked of {asked} ({port_text(first.protocol, first.asked_port)}); {_refused(answers)}; "
        + (f"{several(own_answers, 'packet')} from {asked}" if own_answers else f"none from {asked}"),
        count=packets,
        first_ns=min(answer.first_ns for answer in answers),
        last_ns=max(answer.last_ns for answer in answers),
        evidence=(
            evidence_of(point, rows.frames, display_filters.conversation(first.client, first.answering)),
            evidence_of(point, asked_rows.frames, display_filters.conversation(first.client, first.asked)),
        ),
        component=Component.KUBE_PROXY if is_service or cluster.is_pod(first.answering) else Component.NODE_NETWORK,
        confirm=(
            f"conntrack -L -s {client} -d {asked}  # on the pod's node: is there an entry, and is it [UNREPLIED]?",
            f"iptables-save -t nat | grep -e {asked} -e KUBE-MARK-MASQ  # on the pod's node",
            f"ip route get {client}  # where {other} is: does its reply pass the pod's node as a translated packet?",
        ),
        fix=(
            "let the reply pass the connection tracking that translated the request: masquerade the request, or mend "
            "the way back",
        ),
        alternatives=(
            *(() if is_endpoint else (f"{other} stands behind {asked} by another translation than kube-proxy's",)),
            "connection tracking took the reply for INVALID, or its entry was flushed or had timed out",
        ),
        points=(point.id,),
    )


def _refused(answers: list[ForeignAnswer]) -> str:
    refusals = {answer.refusal for answer in answers}
    if "reset" in refusals:
        return "the pod answers them with RST"
    if "port unreachable" in refusals:
        return "the pod answers them with ICMP port unreachable"
    return "they repeat the transaction id and question of its queries"


CHECK = Check(
    code="IPD7005",
    name="ReplyNotTranslatedBack",
    severity=Severity.CRITICAL,
    summary="the reply to a pod comes from another address than the one it asked, and the pod refuses it",
    points="pod eth0, cali",
    examine=examine,
)
