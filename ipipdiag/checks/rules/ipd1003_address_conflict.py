"""AddressConflict: two MACs answer for one address on one link.

Expected
    An address has one MAC on a link at a time.

How it is observed
    ARP replies for one address from two MACs: within a second of each other, or taking turns.
    Each link is judged by itself.

What can mislead
    A change followed by the silence of the first MAC is a failover or a moved address.
    169.254.1.1, and a machine that answers for many addresses (proxy ARP), are not judged.

What to do
    ``arping -D`` for the address on another node; kube-proxy in ipvs mode needs strictARP.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from ipipdiag.addresses import GATEWAY, HOST_SIDE_MAC, format_address, format_mac
from ipipdiag.checks import display_filters
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
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import ARP_REPLY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.decode.packets import ArpMessages
    from ipipdiag.points.model import Point

Reply = tuple[int, int, int]  # time_ns, MAC, frame number
TOGETHER_NS = 1_000_000_000
PROXIED_ADDRESSES = 3  # a MAC that answers for so many addresses is a proxy


def examine(points: tuple[Point, ...], arp_messages: Mapping[Point, ArpMessages]) -> Outcome:
    """A finding for each address that two MACs answer for at one point."""
    examined, findings = 0, []
    for point in points:
        for address, replies in _replies(arp_messages[point]).items():
            examined += 1
            if _is_conflict(replies):
                findings.append(_finding(point, address, replies))
    if examined:
        return Outcome(examined, tuple(findings))
    command = capture_command(Role.NODE, capture_filter="arp")
    return Outcome(missing=Missing(Reason.FILTERED, "no ARP reply was captured", command))


def _replies(messages: ArpMessages) -> dict[int, list[Reply]]:
    by_address: dict[int, list[Reply]] = defaultdict(list)
    addresses_of: dict[int, set[int]] = defaultdict(set)
    for time_ns, mac, sender, number, operation in messages.rows(
        "time_ns", "sender_mac", "sender", "number", "operation"
    ):
        if operation == ARP_REPLY and sender not in (0, GATEWAY) and mac != HOST_SIDE_MAC:
            by_address[sender].append((time_ns, mac, number))
            addresses_of[mac].add(sender)
    proxies = {mac for mac, addresses in addresses_of.items() if len(addresses) >= PROXIED_ADDRESSES}
    kept = {
        address: sorted(reply for reply in replies if reply[1] not in proxies)
        for address, replies in by_address.items()
    }
    return {address: replies for address, replies in kept.items() if replies}


def _is_conflict(replies: list[Reply]) -> bool:
    """Two MACs within a second, or a MAC that comes back after another one."""
    changes = [(one, other) for one, other in pairwise(replies) if one[1] != other[1]]
    return len(changes) >= 2 or any(other[0] - one[0] <= TOGETHER_NS for one, other in changes)


def _finding(point: Point, address: int, replies: list[Reply]) -> Finding:
    text = format_address(address)
    macs = sorted({format_mac(mac) for _, mac, _ in replies})
    frames = tuple(sorted(number for _, _, number in replies)[:EVIDENCE_FRAMES])
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.LINK, f"{text} on {point.label}", addresses=(text,)),
        title=f"{text} is answered by {len(macs)} MACs on one link",
        expected=f"one MAC answers for {text}",
        observed=f"{several(len(replies), 'reply')} from {' and '.join(macs)}, taking turns",
        count=len(replies),
        first_ns=replies[0][0],
        last_ns=replies[-1][0],
        evidence=(Evidence(point.input, frames, display_filters.arp_reply(address)),),
        component=Component.NODE_NETWORK,
        confirm=(f"arping -D -c 3 -I eth0 {text}",),
        fix=("give one of the two machines another address; with kube-proxy in ipvs mode set strictARP",),
        alternatives=("a virtual address that two machines hold at once",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD1003",
    name="AddressConflict",
    severity=Severity.ERROR,
    summary="two MACs answer for one address on one link",
    points="any with ARP",
    examine=examine,
    is_calico_specific=False,
)
