"""Flows between pods on the node network, with what Calico should do with them: shared by the checks of family 2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ipipdiag.cluster.rules import Expectation, expected_form
from ipipdiag.kinds import Tunnel
from ipipdiag.points.model import Role
from ipipdiag.protocols import ICMP

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ipipdiag.cluster.model import Cluster, Mode
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point

UNKNOWN = -1  # a node, or how a flow should travel


@dataclass(frozen=True, slots=True)
class PodFlow:
    """One flow between pods at a node's NIC: its row, whether it is wrapped, and how it should travel."""

    point: Point
    position: int  # of the flow's row among the flows of the point
    source: int
    destination: int
    wrapped: bool
    source_node: int | None
    destination_node: int | None
    expected: Expectation

    @property
    def row(self) -> Flows:
        """The flow alone, as a table of one row."""
        return self.point.facts.flows.select([self.position])


@dataclass(frozen=True, slots=True, eq=False)
class PodFlows:
    """The flows between pods at one node's NIC, a row a flow: checks look at all of them, and at few one by one.

    ``should_wrap`` is 1 where a flow should be wrapped, 0 where it should be bare, UNKNOWN where that is not known.
    """

    point: Point
    position: npt.NDArray[np.intp]  # of the row among the flows of the point
    source: npt.NDArray[np.int64]
    destination: npt.NDArray[np.int64]
    wrapped: npt.NDArray[np.bool_]
    source_node: npt.NDArray[np.int64]
    destination_node: npt.NDArray[np.int64]
    should_wrap: npt.NDArray[np.int64]
    expectations: tuple[Expectation, ...]
    expectation: npt.NDArray[np.int64]  # which of them is a flow's

    def select(self, chosen: npt.NDArray[np.bool_] | list[int]) -> Iterator[PodFlow]:
        """Some of the flows, one by one: by mask, or by their rows here."""
        for at in chosen if isinstance(chosen, list) else chosen.nonzero()[0].tolist():
            source_node, destination_node = int(self.source_node[at]), int(self.destination_node[at])
            yield PodFlow(
                point=self.point,
                position=int(self.position[at]),
                source=int(self.source[at]),
                destination=int(self.destination[at]),
                wrapped=bool(self.wrapped[at]),
                source_node=None if source_node == UNKNOWN else source_node,
                destination_node=None if destination_node == UNKNOWN else destination_node,
                expected=self.expectations[self.expectation[at]],
            )

    def goes_to(self, mode: Mode, cluster: Cluster) -> npt.NDArray[np.bool_]:
        """Which flows go to a pool of a mode."""
        import numpy as np

        from ipipdiag.table import distinct

        modes = {address: cluster.mode_of(address) for address in distinct(self.destination).tolist()}
        of_mode = [address for address, told in modes.items() if told is not None and told[0] is mode]
        return np.isin(self.destination, np.array(of_mode, dtype=np.int64))


def pod_flows(flows: Mapping[Point, Flows], cluster: Cluster) -> Iterator[PodFlows]:
    """Flows of nodes' NICs whose both ends are pods, bare or wrapped in IP-in-IP, point by point.

    ICMP errors are left out (their sender is a node), and packets within one node never come here.
    """
    return (_pod_flows_at(point, cluster) for point in flows if point.role is Role.NODE)


@lru_cache(maxsize=256)
def _pod_flows_at(point: Point, cluster: Cluster) -> PodFlows:
    import numpy as np

    from ipipdiag.table import distinct

    flows = point.facts.flows
    is_told = (flows.tunnel == Tunnel.NONE) | (flows.tunnel == Tunnel.IPIP)
    position = np.flatnonzero(is_told & is_between_pods(flows, cluster))
    source, destination = flows.source[position], flows.destination[position]
    pods = distinct(np.concatenate([source, destination]))
    homes = np.array([_node_of(cluster, pod) for pod in pods.tolist()], dtype=np.int64)
    wrapped = flows.tunnel[position] == Tunnel.IPIP
    source_node = np.where(wrapped, flows.outer_source[position], homes[np.searchsorted(pods, source)])
    destination_node = np.where(wrapped, flows.outer_destination[position], homes[np.searchsorted(pods, destination)])
    # thousands of flows run between the same few nodes and pods, and one rule holds for all of them
    numbers: dict[tuple[int, int, int], int] = {}
    ends_of_flows = zip(source_node.tolist(), destination_node.tolist(), destination.tolist(), strict=True)
    expectation = np.array([numbers.setdefault(ends, len(numbers)) for ends in ends_of_flows], dtype=np.int64)
    expectations = tuple(_expected(cluster, *ends) for ends in numbers)
    should = [UNKNOWN if expected.wrapped is None else int(expected.wrapped) for expected in expectations]
    return PodFlows(
        point=point,
        position=position,
        source=source,
        destination=destination,
        wrapped=wrapped,
        source_node=source_node,
        destination_node=destination_node,
        should_wrap=np.array(should, dtype=np.int64)[expectation],
        expectations=expectations,
        expectation=expectation,
    )


def is_between_pods(flows: Flows, cluster: Cluster) -> npt.NDArray[np.bool_]:
    """Which flows have pods at both ends; ICMP errors are left out, for their sender is a node."""
    import numpy as np

    from ipipdiag.table import distinct

    addresses = distinct(np.concatenate([flows.source, flows.destination]))
    pods = np.array([address for address in addresses.tolist() if cluster.is_pod(address)], dtype=np.int64)
    is_error = (flows.protocol == ICMP) & (flows.source_port < 0)
    between: npt.NDArray[np.bool_] = np.isin(flows.source, pods) & np.isin(flows.destination, pods) & ~is_error
    return between


def _node_of(cluster: Cluster, address: int) -> int:
    route = cluster.owner_of(address)
    return route.node if route else UNKNOWN


def _expected(cluster: Cluster, source_node: int, destination_node: int, destination: int) -> Expectation:
    if UNKNOWN in (source_node, destination_node):
        return Expectation(None, "the nodes of the two pods are not known")
    return expected_form(cluster, source_node, destination_node, destination)
