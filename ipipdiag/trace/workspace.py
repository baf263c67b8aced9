"""The sightings of a run with what belongs to each: its place, and the two addresses between which it travels."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.cluster.model import Cluster
from ipipdiag.kinds import Tunnel
from ipipdiag.points.model import Point
from ipipdiag.trace.places import Place, home_of
from ipipdiag.trace.units import FlowTable, Sightings

Int64 = npt.NDArray[np.int64]
NodePair = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two addresses, as the pods at both ends know each other, whatever is translated between them.

    ``homes`` are the nodes of both at the time of the packets, where one of them moved; None elsewhere.
    """

    source: int
    destination: int
    homes: NodePair | None = None


@dataclass(frozen=True, slots=True)
class MovedUnits:
    """Units of pairs of which an end moved, rising, and the pair of each by its homes at that time."""

    units: Int64
    pairs: Int64


def pair_of_each(sightings: Sightings, pair_of_flow: Int64, moved: MovedUnits) -> Int64:
    """The pair of each sighting."""
    pair = pair_of_flow[sightings.flow]
    if len(moved.units):
        at = np.minimum(np.searchsorted(moved.units, sightings.unit), len(moved.units) - 1)
        pair = np.where(moved.units[at] == sightings.unit, moved.pairs[at], pair)
    return pair


@dataclass(frozen=True, slots=True)
class Workspace:
    """``place`` and ``pair`` are numbers, a row a sighting; ``pair_of_flow`` gives the pair of each flow, ``moved``
    those of the units that have another, for an end of the pair moved.
    """

    points: tuple[Point, ...]  # in the order of ``sightings.point``
    places: tuple[Place, ...]
    flows: FlowTable
    pairs: tuple[Pair, ...]
    pair_of_flow: Int64
    moved: MovedUnits
    translations: dict[int, tuple[tuple[int, int], ...]]  # of a pair: the other addresses its flows bear
    sightings: Sightings
    place: Int64
    pair: Int64
    answers: Int64  # of each flow: packets of its other direction, at the point that saw most
    everywhere: Sightings  # of every point, where ``sightings`` has one of each unit and place

    def at(self, place: int, pairs: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.intp]:
        """Rows of the sightings at a place, of some pairs (None: of all)."""
        here = self.place == place
        if pairs is not None:
            here &= np.isin(self.pair, pairs)
        return np.flatnonzero(here)


def time_gains(workspace: Workspace, one: Place, other: Place, pairs: Int64) -> Int64:
    """Time at the other place minus time at the one, each by its own clock, of units seen once at each."""
    times = []
    for place in (one, other):
        rows = workspace.at(place.number, pairs)
        units, first, count = np.unique(workspace.sightings.unit[rows], return_index=True, return_counts=True)
        once = count == 1
        times.append((units[once], workspace.sightings.time_ns[rows[first[once]]]))
    _, in_one, in_other = np.intersect1d(times[0][0], times[1][0], assume_unique=True, return_indices=True)
    gains: Int64 = times[1][1][in_other] - times[0][1][in_one]
    return gains


def pair_nodes(workspace: Workspace, cluster: Cluster) -> list[NodePair]:
    """The nodes at both ends of each pair: where its addresses live, else between which its packets are wrapped."""
    outer = _outer_ends(workspace, cluster)
    nodes: list[NodePair] = []
    for pair in workspace.pairs:
        if pair.homes is not None:
            nodes.append(pair.homes)
            continue
        source, destination = home_of(pair.source, cluster), home_of(pair.destination, cluster)
        by_outer = outer.get((pair.source, pair.destination), (None, None))
        nodes.append(
            (source if source is not None else by_outer[0], destination if destination is not None else by_outer[1])
        )
    return nodes


def _outer_ends(workspace: Workspace, cluster: Cluster) -> dict[tuple[int, int], NodePair]:
    """Outer addresses of the packets of each pair where they have been forwarded least."""
    best: dict[tuple[int, int], tuple[int, int, int]] = {}
    for place in workspace.places:
        for point in place.points:
            flows = point.facts.flows.select(point.facts.flows.tunnel == Tunnel.IPIP)
            for *ends, ttl, outer_source, outer_destination in flows.rows(
                "source", "destination", "ttl_max", "outer_source", "outer_destination"
            ):
                pair = (ends[0], ends[1])
                if pair not in best or ttl > best[pair][0]:
                    best[pair] = (ttl, outer_source, outer_destination)
    return {
        pair: tuple(address if cluster.is_node(address) else None for address in addresses)  # type: ignore[misc]
        for pair, (_, *addresses) in best.items()
    }


def number_pairs(
    flows: FlowTable, lead: Int64, cluster: Cluster, linked: Container[int]
) -> tuple[tuple[Pair, ...], Int64, dict[int, tuple[tuple[int, int], ...]]]:
    """The pairs of a run, the pair of each flow, and the translated addresses of each pair.

    ``linked`` are the pods at whose own link a point was captured.
    """
    source, destination = flows.source.copy(), flows.destination.copy()
    other: dict[Pair, set[tuple[int, int]]] = {}
    translated = np.flatnonzero(np.bincount(lead, minlength=len(lead)) > 1)
    for root in translated.tolist():
        members = np.flatnonzero(lead == root)
        tuples = list(zip(flows.source[members].tolist(), flows.destination[members].tolist(), strict=True))
        own = (
            _end([one for one, _ in tuples], cluster, linked),
            _end([two for _, two in tuples], cluster, linked),
        )
        source[members], destination[members] = own
        other.setdefault(Pair(*own), set()).update(entry for entry in tuples if entry != own)
    key = (source << 32) | destination
    distinct, pair_of_flow = np.unique(key, return_inverse=True)
    pairs = tuple(Pair((value >> 32) & 0xFFFFFFFF, value & 0xFFFFFFFF) for value in distinct.tolist())
    translations = {number: tuple(sorted(other[pair])) for number, pair in enumerate(pairs) if pair in other}
    return pairs, pair_of_flow.astype(np.int64), translations


def _end(addresses: list[int], cluster: Cluster, linked: Container[int]) -> int:
    """Of the addresses that one end bears the pod's own, rather than a service's, a node's or a tunnel's."""
    sure = [address for address in addresses if address in linked]
    pods = [address for address in addresses if cluster.is_pod(address)]
    return (sure or pods or addresses)[0]
