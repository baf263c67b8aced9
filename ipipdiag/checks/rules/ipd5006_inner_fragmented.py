"""InnerFragmented: pods send datagrams that are cut into fragments before they are wrapped.

Expected
    What pods send fits the tunnel: its inner packet is at most as long as the MTU of tunl0.

How it is observed
    Fragments of the *inner* packet inside IP-in-IP, or on tunl0. The sending node makes them of a
    packet without DF that is too long for tunl0, each with an outer header of its own; a pod makes
    them of a datagram that is too long for its own interface.

What can mislead
    Fragments of the outer packet are another matter (IPD5003). Nothing is wrong as long as all
    fragments arrive: the receiving pod puts them together. Fewer later fragments than first ones
    at a point mean packets that are not whole there.

What to do
    Nothing, if answers arrive. Where only long answers fail (DNS with EDNS, RADIUS, SIP), look for
    whatever drops later fragments, and let the application send shorter datagrams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.model import (
    MOST_FINDINGS,
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
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.extent import Extent
    from ipipdiag.facts.tunnels import Fragments, Tunnels
    from ipipdiag.points.model import Point


def examine(
    points: tuple[Point, ...],
    fragments: Mapping[Point, Fragments],
    tunnels: Mapping[Point, Tunnels],
    extent: Mapping[Point, Extent],
) -> Outcome:
    """A notice for each pair of addresses whose inner packets are fragmented."""
    examined = 0
    sightings: list[tuple[int, Point, Fragments, int]] = []  # how many fragments, and the row that tells of them
    for point in points:
        if point.role is Role.TUNL0:
            form, count = Tunnel.NONE, extent[point].ipv4
        elif point.is_pod_link:
            continue
        else:
            form, count = Tunnel.IPIP, int(tunnels[point].packets.sum())
        examined += count
        inner = fragments[point].select((fragments[point].is_outer == 0) & (fragments[point].tunnel == form))
        counts = (inner.first_fragments + inner.later_fragments).tolist()
        sightings += [(count, point, inner, row) for row, count in enumerate(counts)]
    if examined:
        return _most_fragmented(sightings, examined)
    command = capture_command(Role.NODE)
    return Outcome(missing=Missing(Reason.WRONG_POINT, "no tunnel packet was captured", command))


def _most_fragmented(sightings: list[tuple[int, Point, Fragments, int]], examined: int) -> Outcome:
    """A finding for each sighting of the pairs that are fragmented most; the other pairs are counted."""
    told: set[tuple[int, int]] = set()
    untold: set[tuple[int, int]] = set()
    findings = []
    for _, point, inner, row in sorted(sightings, key=lambda sighting: -sighting[0]):
        pair = int(inner.source[row]), int(inner.destination[row])
        if pair not in told and len(told) == MOST_FINDINGS:
            untold.add(pair)
            continue
        told.add(pair)
        findings.append(_finding(point, inner.select([row])))
    return Outcome(examined, tuple(findings), untold=len(untold))


def _finding(point: Point, row: Fragments) -> Finding:
    pair = int(row.source[0]), int(row.destination[0])
    source, destination = map(format_address, pair)
    first, later, longest = int(row.first_fragments[0]), int(row.later_fragments[0]), int(row.length_max[0])
    incomplete = "; fewer later fragments than first ones: not every packet is whole here" if later < first else ""
    template = display_filters.bare_fragments if point.role is Role.TUNL0 else display_filters.inner_fragments
    return Finding(
        severity=Severity.NOTICE,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.FLOW, f"{source} to {destination}", addresses=(source, destination)),
        title=f"packets from {source} to {destination} are cut into fragments before they are wrapped",
        expected="inner packets that fit the tunnel whole",
        observed=f"{several(first, 'first fragment')} and {several(later, 'later fragment')}, the longest {longest} "
        f"bytes{incomplete}",
        count=first + later,
        first_ns=int(row.first_ns[0]),
        last_ns=int(row.last_ns[0]),
        evidence=(evidence_of(point, row.frames, template(*pair)),),
        component=Component.POD,
        confirm=("ip link show tunl0  # on the sending node", f"tracepath -n {destination}  # inside the sending pod"),
        fix=("let the application send datagrams that fit the tunnel's MTU less 28 bytes",),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD5006",
    name="InnerFragmented",
    severity=Severity.NOTICE,
    summary="pods' packets are fragmented before they are wrapped: they do not fit the tunnel whole",
    points="node NIC, tunl0, fabric",
    examine=examine,
)
