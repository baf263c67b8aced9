"""SpoofedSource: a pod sends from an address that is not its own.

Expected
    A pod sends from its own address. Felix drops anything else at the pod's cali interface, in
    silence.

How it is observed
    On a pod's link: frames that do not come from the host side, with an IPv4 source other than the
    addresses for which the pod asks or answers by ARP, and no answer to them. 0.0.0.0, link-local
    and IPv6 sources are no such thing.

What can mislead
    A pod that forwards for others on purpose (a VPN, a virtual machine, a transparent proxy), and
    is allowed to: then what it sends is answered, and is not reported. A pod with several
    addresses shows those by ARP that it has used.

What to do
    ``ip address`` inside the pod: whose address is it? If it is meant to be sent, allow it
    (annotation ``cni.projectcalico.org/allowedSourcePrefixes`` with WorkloadSourceSpoofing).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import GATEWAY, format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import limit_reached, unless_judged
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
from ipipdiag.checks.sightings import evidence_of, in_words, several
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.decode.packets import ArpMessages
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

LINK_LOCAL, LINK_LOCAL_BITS = 0xA9FE, 16
MULTICAST = 0xE0000000  # from here on no source address
NEIGHBOUR_SECONDS = 90  # a pod asks for its gateway again within a minute and a half
MOST_FILTERS = 4


def examine(
    points: tuple[Point, ...],
    flows: Mapping[Point, Flows],
    arp_messages: Mapping[Point, ArpMessages],
    cluster: Cluster,
) -> Outcome:
    """A finding for each pod that sends from other addresses."""
    examined, findings, missing = 0, [], None
    command = capture_command(Role.CALI, seconds=NEIGHBOUR_SECONDS)
    for point in points:
        if not point.is_pod_link or not point.host_macs:
            continue
        sent = _sent_by_pod(point, flows[point])
        own = _own_addresses(point, arp_messages[point], cluster)
        if sent and not own:
            text = f"{point.input_name} holds no ARP of the pod, which would tell the pod's own addresses"
            missing = missing or Missing(Reason.FILTERED, text, command)
            continue
        if more := limit_reached(point):
            missing = missing or more
            continue
        examined += bool(sent)
        foreign = {
            position: source
            for position, source, answers in sent
            if source not in own and not answers and _is_ordinary(source)
        }
        if foreign:
            findings.append(_finding(point, flows[point], own, foreign))
    if not examined and missing is None:
        missing = Missing(Reason.WRONG_POINT, "no packet of a pod on its own link was captured", command)
    return Outcome(examined, tuple(findings), unless_judged(missing, examined))


def _sent_by_pod(point: Point, flows: Flows) -> list[tuple[int, int, int]]:
    """The flows whose frames the pod's side sends: position, source of the outermost header, packets in reverse."""
    return [
        (position, outer_source or source, answers)
        for position, (mac, source, outer_source, answers) in enumerate(
            flows.rows("source_mac", "source", "outer_source", "answers")
        )
        if mac >= 0 and mac not in point.host_macs
    ]


def _own_addresses(point: Point, arp: ArpMessages, cluster: Cluster) -> tuple[int, ...]:
    """The addresses a pod asks and answers with by ARP, and those that cluster files place there."""
    used = {
        sender
        for sender, mac in arp.rows("sender", "sender_mac")
        if mac not in point.host_macs and sender not in (0, GATEWAY)
    }
    return tuple(sorted(used | {pod for pod in point.pods if pod in cluster.placed}))


def _is_ordinary(source: int) -> bool:
    """Whether an address could be another host's: not the unspecified one, link-local or multicast."""
    return 0 < source < MULTICAST and source >> LINK_LOCAL_BITS != LINK_LOCAL


def _finding(point: Point, flows: Flows, own: tuple[int, ...], foreign: dict[int, int]) -> Finding:
    rows = flows.select(sorted(foreign))
    pod, sources = format_address(own[0]), sorted(set(foreign.values()))
    texts = [format_address(source) for source in sources]
    packets = int(rows.packets.sum())
    destinations = sorted({format_address(address) for address in rows.destination.tolist()})
    evidence = []
    for source in sources[:MOST_FILTERS]:
        shown = flows.select([position for position, address in foreign.items() if address == source])
        evidence.append(evidence_of(point, shown.frames, display_filters.sent_by(source)))
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POD, pod, addresses=(pod, *texts)),
        title=f"pod {pod} sends from {in_words(texts)}, which is not its own address: its node drops that in silence",
        expected=f"packets from {in_words([format_address(address) for address in own])}, by which the pod is known "
        "from its ARP",
        observed=f"{several(packets, 'packet')} from {in_words(texts)} to {in_words(destinations)}, no answer",
        count=packets,
        first_ns=int(rows.first_ns.min()),
        last_ns=int(rows.last_ns.max()),
        evidence=tuple(evidence),
        component=Component.POD,
        confirm=(
            "ip address; ip route  # inside the pod",
            "iptables-save -c -t raw | grep rpfilter  # on its node, twice: does the DROP count?",
        ),
        fix=(
            "let the pod send from its own address, or allow the other one (annotation "
            "cni.projectcalico.org/allowedSourcePrefixes)",
        ),
        alternatives=("the pod forwards for others on purpose: a VPN, a virtual machine, a transparent proxy",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD6010",
    name="SpoofedSource",
    severity=Severity.WARNING,
    summary="a pod sends from an address that is not its own, which its node drops in silence",
    points="pod eth0, cali",
    examine=examine,
)
