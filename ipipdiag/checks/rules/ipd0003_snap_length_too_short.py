"""SnapLengthTooShort: frames were cut within their headers.

Expected
    Each record holds all headers: 114 bytes for Ethernet, two IPv4 headers and a TCP header with
    options; 116 for Linux cooked v1, 120 for v2, 100 without a link layer; 4 more a VLAN tag. 160
    bytes also hold what an ICMP error quotes of a tunnel packet. BGP needs whole packets.

How it is observed
    Decoding stopped for want of captured bytes, though the packet itself goes on.

What can mislead
    A cut payload costs nothing here except for BGP.

What to do
    Capture again with ``-s 160``, or ``-s 0`` where BGP matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks import display_filters
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Evidence,
    Finding,
    Outcome,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.kinds import Layer, StopReason
from ipipdiag.points.commands import capture_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.links import Stops
    from ipipdiag.points.model import Point

LINK_HEADERS = {"ETHERNET": 14, "LINUX_SLL": 16, "LINUX_SLL2": 20}
IP_AND_TCP_HEADERS = 100  # two IPv4 headers of 20 bytes, a TCP header of 60
VLAN_TAG = 4
COSTS = {
    Layer.TCP_OPTIONS: "segment sizes and timestamps",
    Layer.TRANSPORT: "ports and sequence numbers",
    Layer.INNER_IPV4: "the IP headers",
    Layer.TUNNEL: "the inner headers",
    Layer.OUTER_IPV4: "the IP headers",
    Layer.ICMP_QUOTE: "what ICMP errors are about",
    Layer.ARP: "ARP",
    Layer.VLAN: "everything",
    Layer.LINK: "everything",
}


def examine(points: tuple[Point, ...], stops: Mapping[Point, Stops], extent: Mapping[Point, Extent]) -> Outcome:
    """A finding for each point with headers cut off."""
    with_frames = [point for point in points if extent[point].frames]
    findings = []
    for point in with_frames:
        cut = stops[point].select(stops[point].reason == StopReason.CAPTURED_LENGTH)
        if len(cut):
            findings.append(_finding(point, cut, extent[point]))
    return Outcome(len(with_frames), tuple(findings))


def _finding(point: Point, cut: Stops, extent: Extent) -> Finding:
    layers = sorted({Layer(layer) for layer in cut.layer.tolist()})
    costs = list(dict.fromkeys(COSTS.get(layer, "the headers") for layer in layers))
    only_quotes = layers == [Layer.ICMP_QUOTE]
    enough = LINK_HEADERS.get(point.link_name, 0) + IP_AND_TCP_HEADERS + (VLAN_TAG if extent.vlan_ids else 0)
    count = int(cut.packets.sum())
    frames = evidence_of(point, cut.frames, "").frames
    return Finding(
        severity=Severity.NOTICE if only_quotes else Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.POINT, point.label),
        title=f"{point.label} was recorded with too short a snap length",
        expected=f"at least {enough} bytes of each frame, 160 to hold what ICMP errors quote",
        observed=f"{several(count, 'frame')} of {extent.frames} cut within the headers, the longest after "
        f"{int(cut.captured_max.max())} bytes; not readable there: {', '.join(costs)}",
        count=count,
        first_ns=int(cut.first_ns.min()),
        last_ns=int(cut.last_ns.max()),
        evidence=(Evidence(point.input, frames, display_filters.frames(frames)),),
        component=Component.CAPTURE,
        confirm=(capture_command(point.role),),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD0003",
    name="SnapLengthTooShort",
    severity=Severity.WARNING,
    summary="headers cut off, which checks that costs, and the snap length that would do",
    points="any",
    examine=examine,
)
