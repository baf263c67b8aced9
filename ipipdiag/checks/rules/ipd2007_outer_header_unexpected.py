"""OuterHeaderUnexpected: the outer header is not the one that Linux's tunl0 writes.

Expected
    At the sending node: outer TTL equal to the inner TTL, outer DF set where the inner DF is,
    DSCP 0, ECN carried over (inner CE becomes ECT(0)), no options, an identification that is not
    0. Further on the outer TTL falls by one a router, and nothing else is judged.

How it is observed
    The outer header's fields beside the inner one's, for packets that the capturing node sends;
    for packets it receives only how far the outer TTL is below the inner one.

What can mislead
    Fabrics rewrite DSCP and set CE. ``pmtudisc`` on tunl0 sets DF on purpose. Fragments are not
    judged.

What to do
    ``ip -d link show tunl0``: ``ttl inherit``, ``nopmtudisc``. If that is right, something
    between the nodes re-tunnels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
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
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.facts.tunnels import TunnelHeaders
    from ipipdiag.points.model import Point

PLAIN_HEADER = 20
MOST_ROUTERS = 8
MOST_VALUES = 3  # of one field that are told
ECT0, CE = 2, 3


def examine(points: tuple[Point, ...], tunnel_headers: Mapping[Point, TunnelHeaders]) -> Outcome:
    """A finding for each pair of nodes and each field that deviates."""
    examined, findings = 0, []
    for point in points:
        headers = tunnel_headers[point]
        if point.role is not Role.NODE or not len(headers):
            continue
        headers = headers.select(headers.depth == 1)
        examined += int(headers.packets.sum())
        is_own = headers.source_mac == (point.own_mac if point.own_mac is not None else -2)
        for field, rows in (*_at_sender(headers.select(is_own)), *_further_on(headers.select(~is_own))):
            for pair in sorted(set(rows.rows("outer_source", "outer_destination"))):
                of_pair = (rows.outer_source == pair[0]) & (rows.outer_destination == pair[1])
                findings.append(_finding(point, rows.select(of_pair), pair, field))
    if examined:
        return Outcome(examined, tuple(findings))
    command = capture_command(Role.NODE)
    return Outcome(missing=Missing(Reason.WRONG_POINT, "no tunnel packet was captured on a node's NIC", command))


def _at_sender(headers: TunnelHeaders) -> list[tuple[str, TunnelHeaders]]:
    ecn = headers.inner_ecn.copy()
    ecn[ecn == CE] = ECT0
    deviations = {
        "TTL equal to the inner TTL": headers.outer_ttl != headers.inner_ttl,
        "DF set where the inner DF is": (headers.inner_dont_fragment == 1) & (headers.outer_dont_fragment == 0),
        "DSCP 0": headers.outer_dscp != 0,
        "ECN carried over from the inner header": headers.outer_ecn != ecn,
        "no options": headers.outer_header_length != PLAIN_HEADER,
        "an identification other than 0": headers.outer_id_is_zero == 1,
    }
    return [(field, headers.select(rows)) for field, rows in deviations.items() if rows.any()]


def _further_on(headers: TunnelHeaders) -> list[tuple[str, TunnelHeaders]]:
    fallen = headers.inner_ttl - headers.outer_ttl
    deviations = {
        f"TTL at most {MOST_ROUTERS} below the inner TTL, and not above it": (fallen < 0) | (fallen > MOST_ROUTERS),
        "no options": headers.outer_header_length != PLAIN_HEADER,
    }
    return [(field, headers.select(rows)) for field, rows in deviations.items() if rows.any()]


def _finding(point: Point, rows: TunnelHeaders, pair: tuple[int, int], field: str) -> Finding:
    one, other = map(format_address, pair)
    names = (
        "outer_ttl",
        "inner_ttl",
        "outer_dscp",
        "outer_ecn",
        "inner_ecn",
        "outer_dont_fragment",
        "inner_dont_fragment",
    )
    shown = {name: sorted(set(getattr(rows, name).tolist())) for name in names}
    values = ", ".join(f"{name.replace('_', ' ')} {_first_few(seen)}" for name, seen in shown.items())
    count = int(rows.packets.sum())
    return Finding(
        severity=Severity.WARNING,
        confidence=Confidence.CONFIRMED,
        subject=Subject(SubjectKind.NODE_PAIR, f"{one} to {other}: {field}", nodes=(one, other)),
        title=f"the outer header of tunnel packets from {one} to {other} is not what tunl0 writes",
        expected=f"outer header with {field}",
        observed=f"{several(count, 'packet')}: {values}, header length "
        f"{sorted(set(rows.outer_header_length.tolist()))[0]}",
        count=count,
        first_ns=int(rows.first_ns.min()),
        last_ns=int(rows.last_ns.max()),
        evidence=(evidence_of(point, rows.frames, display_filters.tunnel(*pair)),),
        component=Component.NODE_KERNEL,
        confirm=("ip -d link show tunl0  # ttl inherit, nopmtudisc",),
        alternatives=("a device between the nodes rewrites the header or tunnels again",),
        points=(point.id,),
    )


def _first_few(values: list[int]) -> str:
    return "/".join([*map(str, values[:MOST_VALUES]), *("…" for _ in values[MOST_VALUES : MOST_VALUES + 1])])


CHECK = Check(
    code="IPD2007",
    name="OuterHeaderUnexpected",
    severity=Severity.WARNING,
    summary="TTL, DF, DSCP, ECN, options or identification of the outer header are not what tunl0 writes",
    points="node NIC",
    examine=examine,
)
