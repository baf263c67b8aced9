"""GatewayMacUnexpected: 169.254.1.1 is answered with another MAC than ee:ee:ee:ee:ee:ee.

Expected
    All six bytes of the reply's MAC are ee. Calico's CNI plugin gives the host side of every
    pod's veth that address.

How it is observed
    Replies for 169.254.1.1 at the pod's link, and where the pod's frames go. If they go to a MAC
    that the host has stopped using, and nothing comes back, the kernel drops them though tcpdump
    shows them: then it is critical. The host's MAC is the source of any frame it sends there; where
    it sends none, ``ip link`` among cluster files tells it.

What can mislead
    Where setting the MAC fails, the CNI plugin keeps the kernel's and the pod works: a warning,
    not an outage. A pod's own MAC may begin with ee by chance. netkit devices and other CNI
    plugins have other MACs.

What to do
    ``ip -d link show`` of the cali interface; a udev rule or systemd's
    MACAddressPolicy=persistent is the usual cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import GATEWAY, HOST_SIDE_MAC, format_address, format_mac
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import ARP, ATTEMPTS, limit_reached
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
from ipipdiag.checks.node_evidence import host_side_mac
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.points.commands import ANY_CALI, capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import ARP_REPLY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.cluster.node_state import Link
    from ipipdiag.decode.packets import ArpMessages
    from ipipdiag.facts.flows import Flows
    from ipipdiag.facts.links import MacPairs
    from ipipdiag.points.model import Point


def examine(
    points: tuple[Point, ...],
    arp_messages: Mapping[Point, ArpMessages],
    mac_pairs: Mapping[Point, MacPairs],
    flows: Mapping[Point, Flows],
    configuration: Configuration,
    cluster: Cluster,
) -> Outcome:
    """A finding for each pod's link whose gateway has another MAC."""
    examined, findings, missing = 0, [], None
    for point in points:
        if not point.is_pod_link:
            continue
        messages = arp_messages[point]
        replies = messages.select((messages.operation == ARP_REPLY) & (messages.sender == GATEWAY))
        examined += len(replies)
        odd = replies.select(replies.sender_mac != HOST_SIDE_MAC)
        more = limit_reached(point, ARP)
        missing = missing or more
        dead = None if more else _dead_mac(point, mac_pairs[point], flows[point])
        told = _told_mac(point, configuration, cluster)
        lost = None if more else _to_another_mac(point, mac_pairs[point], flows[point], told.mac if told else None)
        if dead is not None:
            examined += 1
            findings.append(_dead_finding(point, mac_pairs[point], *dead))
        elif told is not None and told.mac is not None and lost is not None:
            examined += 1
            findings.append(_dead_finding(point, mac_pairs[point], lost, told.mac, told.source))
        elif len(odd):
            findings.append(_odd_finding(point, odd, flows[point]))
    if examined or missing:
        return Outcome(examined, tuple(findings), missing)
    command = capture_command(Role.CALI, capture_filter="arp or icmp")
    return Outcome(missing=Missing(Reason.WRONG_POINT, "no reply for 169.254.1.1 was captured", command))


def _dead_mac(point: Point, pairs: MacPairs, flows: Flows) -> tuple[int, int] | None:
    """The MAC that the pod sends to though the host has moved on to another one, and that one; None if all is well."""
    hosts: dict[int, tuple[int, int]] = {}
    for mac, first, last in pairs.rows("source_mac", "first_ns", "last_ns"):
        if mac in point.host_macs:
            seen = hosts.get(mac, (first, last))
            hosts[mac] = min(first, seen[0]), max(last, seen[1])
    for current, (current_first, current_last) in hosts.items():
        sent = pairs.select((pairs.ipv4 > 0) & (pairs.last_ns > current_first))
        for source, target in sent.rows("source_mac", "destination_mac"):
            old = hosts.get(target, (0, -1))
            if source in point.host_macs or target == current or target not in (*hosts, HOST_SIDE_MAC):
                continue
            answered = flows.select((flows.source_mac == current) & (flows.last_ns > current_first))
            if old[1] < current_first and not len(answered) and current_last >= current_first:
                return target, current
    return None


def _told_mac(point: Point, configuration: Configuration, cluster: Cluster) -> Link | None:
    """The host side of the pod's link as its node's ``ip link`` shows it."""
    names = [name for name, address in cluster.pod_interfaces.items() if address in point.pods[:1]]
    return host_side_mac(configuration, cluster, [point.interface_name, *names] if point.interface_name else names)


def _to_another_mac(point: Point, pairs: MacPairs, flows: Flows, told: int | None) -> int | None:
    """The MAC to which the pod sends requests though the host's is another, none of them answered; None if all is well.

    A MAC from which anything was sent here is in use, whatever a file of another time says.
    """
    rows = [
        (target, requests, answers)
        for source, target, requests, answers in flows.select(flows.requests > 0).rows(
            "source_mac", "destination_mac", "requests", "answers"
        )
        if target >= 0 and source not in point.host_macs
    ]
    targets = {target for target, *_ in rows} - set(pairs.source_mac.tolist())
    if told is None or told in targets or len(targets) != 1 or any(answers for *_, answers in rows):
        return None
    return targets.pop() if sum(requests for _, requests, _ in rows) >= ATTEMPTS else None


def _odd_finding(point: Point, odd: ArpMessages, flows: Flows) -> Finding:
    macs = sorted({format_mac(mac) for mac in odd.sender_mac.tolist()})
    works = bool((flows.answers > 0).any())
    pod = format_address(int(odd.target[0]))
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POD, pod, nodes=(point.node,) if point.node else (), addresses=(pod,)),
        title=f"the gateway 169.254.1.1 of pod {pod} answers with {', '.join(macs)} instead of ee:ee:ee:ee:ee:ee",
        expected="replies for 169.254.1.1 say ee:ee:ee:ee:ee:ee",
        observed=f"{several(len(odd), 'reply')} from {', '.join(macs)}; "
        + ("the pod's traffic is answered all the same" if works else "no answered traffic of the pod was seen"),
        count=len(odd),
        first_ns=int(odd.time_ns.min()),
        last_ns=int(odd.time_ns.max()),
        evidence=(evidence_of(point, odd.number, display_filters.arp_reply(GATEWAY)),),
        component=Component.CNI,
        confirm=(
            f"ip -d link show {ANY_CALI}",
            "udevadm info --export-db | grep -i macaddress",
        ),
        fix=("keep udev and systemd-networkd off the cali interfaces (a .link file with MACAddressPolicy=none)",),
        alternatives=(
            "the CNI plugin could not set the MAC and kept the kernel's",
            "another CNI plugin or netkit made the link",
        ),
        worked=("the pod's traffic through this gateway is answered",) if works else (),
        points=(point.id,),
    )


def _dead_finding(point: Point, pairs: MacPairs, target: int, current: int, source: str = "") -> Finding:
    """``source`` is the file that tells the host's MAC, where no frame shows it."""
    lost = pairs.select((pairs.destination_mac == target) & (pairs.ipv4 > 0))
    pod = point.pod or "the pod"
    count = int(lost.ipv4.sum())
    return Finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if source else Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POD, pod, addresses=(point.pod,) if point.pod else ()),
        title=f"pod {pod} sends to {format_mac(target)}, a MAC that its node no longer has",
        expected=f"the pod sends to the MAC of the host side, which is now {format_mac(current)}",
        observed=f"{several(count, 'IPv4 frame')} to {format_mac(target)}, none answered"
        + (f"; the host side has {format_mac(current)} ({source})" if source else " since the host uses another MAC"),
        count=count,
        first_ns=int(lost.first_ns.min()),
        last_ns=int(lost.last_ns.max()),
        evidence=(evidence_of(point, lost.frames, display_filters.to_mac(target)),),
        component=Component.CNI,
        confirm=(f"ip -d link show {ANY_CALI}", "ip neigh show  # inside the pod"),
        fix=("give the cali interface ee:ee:ee:ee:ee:ee again, or restart the pod",),
        alternatives=("the files were made at another time than the captures",) if source else (),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD1002",
    name="GatewayMacUnexpected",
    severity=Severity.CRITICAL,
    summary="169.254.1.1 is answered with another MAC than ee:ee:ee:ee:ee:ee, or the pod sends to a MAC that is gone",
    points="pod eth0, cali",
    examine=examine,
)
