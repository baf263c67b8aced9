"""What one node does with packets between pods, from two looks at them: as they come in and as they go out.

A node takes one from the TTL of what it forwards. At its NIC a packet that comes in and goes out again is seen twice,
the second time with a TTL one lower; at a pod's link and the NIC of one node it is seen at both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ipipdiag.kinds import Tunnel
from ipipdiag.points.model import Role

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

ICMP = 1
ARP_REPLY = 2


class FiveTuple(NamedTuple):
    """A directed flow of inner packets; ports of ICMP echo are its identifier, -1 where there are none."""

    source: int
    destination: int
    protocol: int
    source_port: int
    destination_port: int


class FlowRow(NamedTuple):
    """One row of the flows of a point, in the form it has there."""

    flow: FiveTuple
    tunnel: int
    outer_source: int
    outer_destination: int
    source_mac: int
    destination_mac: int
    ttl: int
    packets: int
    requests: int
    answers: int
    first_ns: int
    last_ns: int
    position: int


@dataclass(frozen=True, slots=True)
class Relay:
    """A flow that comes into a node wrapped and leaves it again: the row that comes, the row that goes."""

    point: Point
    comes: FlowRow
    goes: FlowRow


def flow_rows_of(flows: Flows) -> list[FlowRow]:
    """The rows of a point as tuples; ICMP errors are left out, for their sender is a node."""
    rows = []
    for position, (source, destination, protocol, source_port, destination_port, *rest) in enumerate(
        flows.rows(
            "source",
            "destination",
            "protocol",
            "source_port",
            "destination_port",
            "tunnel",
            "outer_source",
            "outer_destination",
            "source_mac",
            "destination_mac",
            "ttl_max",
            "packets",
            "requests",
            "answers",
            "first_ns",
            "last_ns",
        )
    ):
        if protocol != ICMP or source_port >= 0:
            flow = FiveTuple(source, destination, protocol, source_port, destination_port)
            rows.append(FlowRow._make((flow, *rest, position)))
    return rows


def relays(flows: Mapping[Point, Flows], cluster: Cluster) -> Iterator[Relay]:
    """At every node NIC the flows that come to that node wrapped and leave it again, one TTL lower."""
    for point, table in flows.items():
        if point.role is not Role.NODE:
            continue
        by_flow: dict[FiveTuple, list[FlowRow]] = {}
        for row in flow_rows_of(table):
            by_flow.setdefault(row.flow, []).append(row)
        for rows in by_flow.values():
            for comes in rows:
                if comes.tunnel != Tunnel.IPIP or not cluster.is_node(comes.outer_destination):
                    continue
                for goes in rows:
                    if goes.ttl == comes.ttl - 1 and _leaves(goes, comes):
                        yield Relay(point, comes, goes)


def _leaves(goes: FlowRow, comes: FlowRow) -> bool:
    """Whether a row is what the node that received another one sent on: by its outer source, or bare by its MAC."""
    if goes.tunnel == Tunnel.IPIP:
        return goes.outer_source == comes.outer_destination
    return goes.tunnel == Tunnel.NONE and goes.source_mac >= 0 and goes.source_mac == comes.destination_mac


def router_macs(point: Point, cluster: Cluster) -> set[int]:
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
    return {mac for mac, addresses in behind.items() if len(addresses) > 1}
