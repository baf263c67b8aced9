"""FragmentationNeededIgnored: a sender is told that its packets are too large, and goes on.

Expected
    After ICMP "fragmentation needed" the sender uses smaller segments.

How it is observed
    On a pod's link, at least three such messages about the same TCP connection, each about a
    packet that came at least 200 ms after the message before it and is above the MTU that this one
    named. The messages were on their way to the pod.

What can mislead
    Packets that were under way when the first message came are answered as well: messages close
    together count once. UDP programs that probe for the path MTU ask for such messages.

What to do
    Something drops the message behind this point or in the pod: a policy, an ICMP filter, a
    translation that does not know the connection (connection tracking), or a setting of the pod
    (``sysctl net.ipv4.ip_no_pmtu_disc``). Threshold: ignored-errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.model import Check, Component, Confidence, Evidence, Finding, Missing, Outcome, Reason, Severity
from ipipdiag.checks.sightings import EVIDENCE_FRAMES, several
from ipipdiag.checks.tcp_pairs import pair_subject
from ipipdiag.checks.thresholds import Thresholds
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import FRAGMENTATION_NEEDED, TCP, UNREACHABLE

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.messages import IcmpReports
    from ipipdiag.points.model import Point

HEARD_AFTER_NS = 200_000_000  # the least time after which Linux sends a lost segment again


class _Message(NamedTuple):
    time_ns: int
    number: int
    reporter: int
    next_hop_mtu: int
    length: int


def examine(points: tuple[Point, ...], cluster: Cluster, thresholds: Thresholds) -> Outcome:
    """A finding for each connection whose sender ignores what it is told."""
    examined, findings = 0, []
    links = [point for point in points if point.is_pod_link]
    for point in links:
        for ends, messages in _messages_by_flow(point.facts.icmp_reports).items():
            examined += 1
            ignored = _ignored(messages)
            if len(ignored) >= max(thresholds.ignored_errors, 2):
                findings.append(_finding(point, ends, ignored, cluster, thresholds))
    if examined or findings:
        return Outcome(examined, tuple(findings))
    if links:
        return Outcome()
    command = capture_command(Role.CALI)
    return Outcome(missing=Missing(Reason.WRONG_POINT, "what a pod is told shows on its own link", command))


def _messages_by_flow(reports: IcmpReports) -> dict[tuple[int, int, int, int], list[_Message]]:
    """The messages about TCP packets that are not wrapped, sent to the packet's sender, by connection."""
    flows: dict[tuple[int, int, int, int], list[_Message]] = {}
    for kind, code, protocol, receiver, source, destination, source_port, destination_port, *message in reports.rows(
        "type", "code", "quoted_protocol", "receiver", "quoted_source", "quoted_destination", "quoted_source_port",
        "quoted_destination_port", "time_ns", "number", "reporter", "next_hop_mtu", "quoted_total_length",
    ):  # fmt: skip
        is_told = (kind, code) == (UNREACHABLE, FRAGMENTATION_NEEDED) and receiver == source
        if is_told and protocol == TCP and source_port >= 0:
            ends = (source, destination, source_port, destination_port)
            flows.setdefault(ends, []).append(_Message._make(message))
    return flows


def _ignored(messages: list[_Message]) -> list[_Message]:
    """The first message, and each later one about a packet that the sender could have made smaller by then."""
    counted: list[_Message] = []
    for message in sorted(messages):
        told = counted[-1] if counted else None
        if told is None or (message.time_ns - told.time_ns >= HEARD_AFTER_NS and message.length > told.next_hop_mtu):
            counted.append(message)
    return counted


def _finding(
    point: Point, ends: tuple[int, int, int, int], ignored: list[_Message], cluster: Cluster, thresholds: Thresholds
) -> Finding:
    source, destination = map(format_address, ends[:2])
    last = ignored[-1]
    frames = tuple(message.number for message in ignored[:EVIDENCE_FRAMES])
    is_ours = cluster.is_ours(ends[0]) and cluster.is_ours(ends[1])
    return Finding(
        severity=Severity.ERROR if is_ours else Severity.WARNING,
        confidence=Confidence.LIKELY,
        subject=pair_subject(cluster, ends[0], ends[1]),
        title=f"{source} is told that its packets to {destination} must not exceed {last.next_hop_mtu} bytes, and goes "
        "on sending larger ones",
        expected=f"smaller packets after the first message (reported from {thresholds.ignored_errors:g} messages on, "
        "200 ms apart)",
        observed=f"{several(len(ignored), 'ICMP message')} 3/4 by {format_address(last.reporter)} about the connection "
        f"from port {ends[2]} to port {ends[3]}, the last about a packet of {last.length} bytes",
        count=len(ignored),
        first_ns=ignored[0].time_ns,
        last_ns=last.time_ns,
        evidence=(
            Evidence(point.input, frames, display_filters.icmp_error(last.reporter, UNREACHABLE, FRAGMENTATION_NEEDED)),
        ),
        component=Component.POD if point.role is Role.POD else Component.FELIX,
        confirm=(
            f"ip route get {destination}  # inside the pod: does it show mtu {last.next_hop_mtu}?",
            "sysctl net.ipv4.ip_no_pmtu_disc  # inside the pod",
            "iptables-save -c | grep -i -e icmp -e INVALID  # on the pod's node",
        ),
        fix=("let ICMP 3/4 reach the pod, or set the pods' MTU to that of the path",),
        alternatives=("the message is lost between the node and the pod's program, or the pod's kernel rejects it",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD5005",
    name="FragmentationNeededIgnored",
    severity=Severity.ERROR,
    summary="a sender is told that its packets are too large, and goes on",
    points="pod eth0, cali",
    examine=examine,
)
