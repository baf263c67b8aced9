"""What one node does with packets between pods, from two looks at them: as they come in and as they go out.

A node takes one from the TTL of what it forwards. At its NIC a packet that comes in and goes out again is seen twice,
the second time with a TTL one lower; at tunl0 and the NIC of one node once at each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ipipdiag.checks import display_filters
from ipipdiag.checks.model import Component, Confidence, Evidence, Finding, Missing, Outcome, Reason, Severity, Subject
from ipipdiag.checks.sightings import evidence_of, several
from ipipdiag.kinds import Tunnel
from ipipdiag.points.commands import capture_command, part_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import ARP_REPLY, ICMP

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.facts.groups import Groups
    from ipipdiag.points.model import Point
    from ipipdiag.trace.model import Trace

MOST_FORMS = 100  # of one flow at one point; next hops of one destination are a few
TTLS = 512  # above every TTL, and that of a packet before it was forwarded


class FiveTuple(NamedTuple):
    """A directed flow of inner packets; ports of ICMP echo are its identifier, -1 where there are none."""

    source: int
    destination: int
    protocol: int
    source_port: int
    destination_port: int

    @property
    def reverse(self) -> FiveTuple:
        """The other direction of the same conversation."""
        return FiveTuple(self.destination, self.source, self.protocol, self.destination_port, self.source_port)


class FlowRow(NamedTuple):
    """One row of the flows of a point, in the form it has there."""

    flow: FiveTuple
    tunnel: int
    outer_source: int
    outer_destination: int
    source_mac: int
    destination_mac: int
    ttl: int  # the highest
    packets: int
    requests: int
    answers: int
    first_ns: int
    last_ns: int
    position: int


@dataclass(frozen=True, slots=True)
class Relay:
    """A flow that comes into a node through the tunnel and leaves it again: the row that comes, the row that goes.

    The two rows may be of different points: what comes may show at tunl0, where it has no outer header.
    """

    node: int
    point: Point
    comes: FlowRow
    goes: FlowRow
    comes_at: Point


@dataclass(frozen=True, slots=True)
class FlowRows:
    """Rows of a point by their flow, of each at most MOST_FORMS, for each is compared with each; ``cut`` have more."""

    of_flow: Mapping[FiveTuple, Sequence[FlowRow]]
    cut: frozenset[FiveTuple]

    def limit_reached(self, point: Point, settled: Iterable[FiveTuple] = ()) -> Missing | None:
        """What was not compared at the point whose rows these are; of flows that are ``settled`` no more is asked."""
        cut = len(self.cut.difference(settled))
        if not cut:
            return None
        text = f"{several(cut, 'flow')} of {point.input_name} with more forms than the {MOST_FORMS} that are compared"
        return Missing(Reason.LIMIT_REACHED, text, part_command(point.input_name))


def rows_by_flow(flows: Flows, chosen: npt.NDArray[np.bool_]) -> FlowRows:
    """Some rows of a point by their flow; ICMP errors are left out, for their sender is a node."""
    found: dict[FiveTuple, list[FlowRow]] = {}
    cut = set()
    positions = (chosen & ((flows.protocol != ICMP) | (flows.source_port >= 0))).nonzero()[0]
    names = (*FiveTuple._fields, *("ttl_max" if name == "ttl" else name for name in FlowRow._fields[1:-1]))
    columns = (getattr(flows, name)[positions].tolist() for name in names)
    for source, destination, protocol, source_port, destination_port, *rest, position in zip(
        *columns, positions.tolist(), strict=True
    ):
        flow = FiveTuple(source, destination, protocol, source_port, destination_port)
        forms = found.setdefault(flow, [])
        if len(forms) < MOST_FORMS:
            forms.append(FlowRow._make((flow, *rest, position)))
        else:
            cut.add(flow)
    return FlowRows(found, frozenset(cut))


def five_tuples(flows: Sequence[Flows]) -> Groups:
    """The rows of some points, one point after the other, by their 5-tuples."""
    import numpy as np

    from ipipdiag.facts.groups import Groups

    return Groups.of([np.concatenate([getattr(table, name) for table in flows]) for name in FiveTuple._fields])


def relays(flows: Mapping[Point, Flows], cluster: Cluster, trace: Trace) -> tuple[list[Relay], Missing | None]:
    """At every node's NIC the flows that come to that node wrapped and leave it again, one TTL lower; and what was not
    compared, if anything.

    Where tunl0 of the node was captured as well, what comes counts as seen there, for a NIC may be captured in one
    direction.
    """
    devices = {
        place.node: place.points for place in trace.places if place.role is Role.TUNL0 and place.node is not None
    }
    found: list[Relay] = []
    limits = []
    for nic in flows:
        if nic.role is not Role.NODE:
            continue
        node = next((address for address in nic.own_addresses if cluster.is_node(address)), None)
        seen_at = [nic, *(devices.get(node, ()) if node is not None else ())]
        chosen = _perhaps_relayed([flows[point] for point in seen_at])
        rows = {point: rows_by_flow(flows[point], rows) for point, rows in zip(seen_at, chosen, strict=True)}
        found += _telling(relay for forms in rows[nic].of_flow.values() for relay in _relayed(nic, forms, cluster))
        if node is not None:
            for device in seen_at[1:]:
                found += _telling(_relayed_from_device(node, nic, device, rows))
        limits += [limit for point in seen_at if (limit := rows[point].limit_reached(point))]
    return found, next(iter(limits), None)


def _perhaps_relayed(tables: Sequence[Flows]) -> list[npt.NDArray[np.bool_]]:
    """Which rows of a NIC, the first table, and of tunl0 of the same node are of flows that show there with a TTL, and
    at the NIC with one that is lower by one: few flows are, and only those need be looked at one by one.
    """
    import numpy as np

    from ipipdiag.table import is_among

    nic, codes = tables[0], five_tuples(tables).codes
    ttl = np.concatenate([table.ttl_max for table in tables])
    comes = np.concatenate([nic.tunnel == Tunnel.IPIP, np.ones(len(codes) - len(nic), dtype=np.bool_)])
    at_ttl = codes * TTLS + ttl
    relayed = codes[: len(nic)][is_among(at_ttl[: len(nic)] + 1, at_ttl[comes])]
    return np.split(is_among(codes, relayed), np.cumsum([len(table) for table in tables[:-1]]))


def _relayed(point: Point, rows: Sequence[FlowRow], cluster: Cluster) -> Iterator[Relay]:
    for comes in rows:
        if comes.tunnel != Tunnel.IPIP or not cluster.is_node(comes.outer_destination):
            continue
        for goes in rows:
            if goes.ttl == comes.ttl - 1 and _leaves(goes, comes):
                yield Relay(comes.outer_destination, point, comes, goes, point)


def _relayed_from_device(node: int, nic: Point, device: Point, rows: Mapping[Point, FlowRows]) -> Iterator[Relay]:
    """What comes in at the tunnel device of a node, and at its NIC is seen to leave only."""
    at_device = (row for forms in rows[device].of_flow.values() for row in forms)
    for row in sorted(at_device, key=lambda row: row.position):
        at_nic = rows[nic].of_flow.get(row.flow, ())
        if any(_comes(other, node) for other in at_nic):
            continue
        for goes in at_nic:
            if goes.ttl == row.ttl - 1 and _leaves_node(goes, node, nic):
                yield Relay(node, nic, row, goes, device)


def _telling(relays: Iterable[Relay]) -> Iterator[Relay]:
    """Those of which what comes, or what goes, is in none before.

    What comes in fifty forms and goes in fifty makes two and a half thousand, of which a hundred show every row.
    """
    came: set[int] = set()
    went: set[int] = set()
    for relay in relays:
        if relay.comes.position not in came or relay.goes.position not in went:
            came.add(relay.comes.position)
            went.add(relay.goes.position)
            yield relay


def _comes(row: FlowRow, node: int) -> bool:
    return row.tunnel == Tunnel.IPIP and row.outer_destination == node


def _leaves_node(row: FlowRow, node: int, nic: Point) -> bool:
    """Whether a row at a node's NIC is what that node sends: by its outer source, or bare by its MAC."""
    if row.tunnel == Tunnel.IPIP:
        return row.outer_source == node
    return row.tunnel == Tunnel.NONE and nic.own_mac is not None and row.source_mac == nic.own_mac


def _leaves(goes: FlowRow, comes: FlowRow) -> bool:
    """Whether a row is what the node that received another one sent on: by its outer source, or bare by its MAC."""
    if goes.tunnel == Tunnel.IPIP:
        return goes.outer_source == comes.outer_destination
    return goes.tunnel == Tunnel.NONE and goes.source_mac >= 0 and goes.source_mac == comes.destination_mac


@lru_cache(maxsize=256)
def router_macs(point: Point, cluster: Cluster) -> frozenset[int]:
    """MACs that stand for a router: packets of several addresses pass by them, none of them a pod's.

    A node's MAC carries its own address, and bare packets of its pods; a router's those of others, beside the one for
    which it answers ARP.
    """
    flows, arp = point.facts.flows, point.facts.arp_messages
    behind: dict[int, set[int]] = {}
    for operation, sender, sender_mac in arp.rows("operation", "sender", "sender_mac"):
        if operation == ARP_REPLY:
            behind.setdefault(sender_mac, set()).add(sender)
    for source, destination, tunnel, outer_source, outer_destination, source_mac, destination_mac in flows.rows(
        "source", "destination", "tunnel", "outer_source", "outer_destination", "source_mac", "destination_mac"
    ):
        ends = (outer_source, outer_destination) if tunnel != Tunnel.NONE else (source, destination)
        for address, mac in zip(ends, (source_mac, destination_mac), strict=True):
            if mac >= 0 and not cluster.is_pod(address) and address not in cluster.tunnel_addresses:
                behind.setdefault(mac, set()).add(address)
    return frozenset(mac for mac, addresses in behind.items() if len(addresses) > 1)


def judge_relays(
    points: Sequence[Point],
    flows: Mapping[Point, Flows],
    cluster: Cluster,
    trace: Trace,
    finding_of: Callable[[Relay], Finding | None],
) -> Outcome:
    """The outcome of a check that looks at what a node sends on: its findings, or which capture would show it."""
    nics = [point for point in points if point.role is Role.NODE]
    if not nics:
        text = "what a node sends on shows on its NIC only"
        return Outcome(missing=Missing(Reason.WRONG_POINT, text, capture_command(Role.NODE)))
    examined = sum(int((flows[point].tunnel == Tunnel.IPIP).sum()) for point in nics)
    relayed, missing = relays(flows, cluster, trace)
    findings = tuple(finding for finding in map(finding_of, relayed) if finding is not None)
    if not examined and not findings:
        missing = Missing(Reason.TOO_FEW_PACKETS, "no tunnel packet was captured", capture_command(Role.NODE))
    return Outcome(max(examined, len(findings)), findings, missing)


def relay_finding(
    relay: Relay,
    subject: Subject,
    *,
    title: str,
    expected: str,
    observed: str,
    confirm: tuple[str, ...],
    fix: tuple[str, ...],
    alternatives: tuple[str, ...],
) -> Finding:
    """A node that sends on what it should not: the same packets come and go, which proves it."""
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=subject,
        title=title,
        expected=expected,
        observed=observed,
        count=relay.goes.packets,
        first_ns=relay.comes.first_ns,
        last_ns=relay.goes.last_ns,
        evidence=_evidence(relay),
        component=Component.BIRD,
        confirm=confirm,
        fix=fix,
        alternatives=alternatives,
        points=tuple(dict.fromkeys((relay.comes_at.id, relay.point.id))),
    )


def _evidence(relay: Relay) -> tuple[Evidence, ...]:
    """The frames that come and those that go."""
    text = display_filters.to_address(relay.comes.flow.destination)
    sides = ((relay.comes_at, relay.comes), (relay.point, relay.goes))
    if relay.comes_at is relay.point:
        rows = relay.point.facts.flows.select([relay.comes.position, relay.goes.position])
        return (evidence_of(relay.point, rows.frames, text),)
    return tuple(evidence_of(point, point.facts.flows.select([row.position]).frames, text) for point, row in sides)
