"""Pods that move to another node within a capture: their packets travel between other nodes before and after.

A pair of addresses of which one has moved is as many pairs as it had homes at the time of its packets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ipipdiag.cluster.model import Cluster
from ipipdiag.trace.places import home_of
from ipipdiag.trace.units import Sightings
from ipipdiag.trace.workspace import MovedUnits, Pair

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stay:
    """A node behind which an address was known to be, from one time to another."""

    node: int
    first_ns: int
    last_ns: int


def stays_of(address: int, cluster: Cluster) -> tuple[Stay, ...]:
    """The nodes behind which an address was, one after the other; none where it was behind one, or two at a time.

    A node's announcement of the address alone, after its packets were last seen elsewhere, is where its stay begins.
    """
    seen = [Stay(route.node, route.first_ns, route.last_ns) for route in cluster.seen_behind.get(address, ())]
    if not seen:
        return ()
    for route in cluster.announced:
        if route.network.prefixlen == 32 and int(route.network.network_address) == address:
            known = next((stay for stay in seen if stay.node == route.node), None)
            if known is None:
                seen.append(Stay(route.node, route.first_ns, route.last_ns))
            elif all(stay.last_ns < route.first_ns < known.first_ns for stay in seen if stay is not known):
                seen[seen.index(known)] = replace(known, first_ns=route.first_ns)
    seen.sort(key=lambda stay: stay.first_ns)
    is_in_turn = all(one.last_ns < other.first_ns for one, other in pairwise(seen))
    return tuple(seen) if len(seen) > 1 and is_in_turn else ()


def split_by_home(
    pairs: tuple[Pair, ...],
    pair_of_flow: Int64,
    sightings: Sightings,
    node_of_point: Sequence[int | None],
    cluster: Cluster,
) -> tuple[tuple[Pair, ...], MovedUnits, dict[int, int]]:
    """The pairs and, behind them, one for each home of addresses that moved; the units of these; the old pair of each
    new one.
    """
    alone = {int(route.network.network_address) for route in cluster.announced if route.network.prefixlen == 32}
    several = {address for address, routes in cluster.seen_behind.items() if len(routes) > 1 or address in alone}
    stays = {address: found for address in several if (found := stays_of(address, cluster))}
    moved = [number for number, pair in enumerate(pairs) if stays.keys() & {pair.source, pair.destination}]
    rows = np.flatnonzero(np.isin(pair_of_flow, moved)[sightings.flow]) if moved else np.zeros(0, dtype=np.intp)
    first_ns: dict[int, int] = {}
    seen_at: dict[int, set[int | None]] = {}
    old_pair: dict[int, int] = {}
    for unit, flow, point, time_ns in sightings.select(rows).rows("unit", "flow", "point", "time_ns"):
        old_pair[unit] = int(pair_of_flow[flow])
        first_ns[unit] = min(time_ns, first_ns.get(unit, time_ns))
        seen_at.setdefault(unit, set()).add(node_of_point[point])
    known = list(pairs)
    number_of: dict[tuple[int, int | None, int | None], int] = {}
    old_of: dict[int, int] = {}
    new_pair: dict[int, int] = {}
    for unit, time_ns in sorted(first_ns.items()):
        old = old_pair[unit]
        ends = (pairs[old].source, pairs[old].destination)
        homes = tuple(_home_at(end, time_ns, seen_at[unit], stays, cluster) for end in ends)
        key = (old, homes[0], homes[1])
        if key not in number_of:
            number_of[key] = len(known)
            old_of[len(known)] = old
            known.append(Pair(*ends, homes=(homes[0], homes[1])))
        new_pair[unit] = number_of[key]
    units, numbers = (np.array(list(values), dtype=np.int64) for values in (new_pair.keys(), new_pair.values()))
    return tuple(known), MovedUnits(units, numbers), old_of


def _home_at(
    address: int, time_ns: int, nodes: set[int | None], stays: Mapping[int, tuple[Stay, ...]], cluster: Cluster
) -> int | None:
    """Where an address was when a packet was sent, whose places are on some nodes.

    Between two stays it is on its way: its packets go where they are seen, and rightly to the old node.
    """
    if address not in stays:
        return home_of(address, cluster)
    here, *later = stays[address]
    for stay in later:
        if time_ns < stay.first_ns:
            return stay.node if time_ns > here.last_ns and stay.node in nodes - {here.node} else here.node
        here = stay
    return here.node
