"""Flows between pods on the node network, with what Calico should do with them: shared by the checks of family 2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipipdiag.cluster.rules import Expectation, expected_form
from ipipdiag.kinds import Tunnel
from ipipdiag.points.model import Role
from ipipdiag.protocols import ICMP

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


@dataclass(frozen=True, slots=True)
class PodFlow:
    """One flow between pods at a node's NIC: its row, whether it is wrapped, and how it should travel."""

    point: Point
    table: Flows
    position: int  # of the flow's row in the table
    source: int
    destination: int
    wrapped: bool
    source_node: int | None
    destination_node: int | None
    expected: Expectation

    @property
    def row(self) -> Flows:
        """The flow alone, as a table of one row."""
        return self.table.select([self.position])


def pod_flows(flows: Mapping[Point, Flows], cluster: Cluster) -> Iterator[PodFlow]:
    """Flows of nodes' NICs whose both ends are pods, bare or wrapped in IP-in-IP.

    ICMP errors are left out (their sender is a node), and packets within one node never come here.
    """
    for point, table in flows.items():
        if point.role is not Role.NODE:
            continue
        relevant = table.select((table.tunnel == Tunnel.NONE) | (table.tunnel == Tunnel.IPIP))
        relevant = relevant.select((relevant.protocol != ICMP) | (relevant.source_port >= 0))
        for position, (source, destination, tunnel, outer_source, outer_destination) in enumerate(
            relevant.rows("source", "destination", "tunnel", "outer_source", "outer_destination")
        ):
            if not (cluster.is_pod(source) and cluster.is_pod(destination)):
                continue
            wrapped = tunnel == Tunnel.IPIP
            nodes = (
                (outer_source, outer_destination)
                if wrapped
                else (_node_of(cluster, source), _node_of(cluster, destination))
            )
            source_node, destination_node = nodes
            expected = _expected(cluster, source_node, destination_node, destination)
            yield PodFlow(
                point=point,
                table=relevant,
                position=position,
                source=source,
                destination=destination,
                wrapped=wrapped,
                source_node=source_node,
                destination_node=destination_node,
                expected=expected,
            )


def _node_of(cluster: Cluster, address: int) -> int | None:
    route = cluster.owner_of(address)
    return route.node if route else None


def _expected(cluster: Cluster, source_node: int | None, destination_node: int | None, destination: int) -> Expectation:
    if source_node is not None and destination_node is not None:
        return expected_form(cluster, source_node, destination_node, destination)
    return Expectation(None, "the nodes of the two pods are not known")
