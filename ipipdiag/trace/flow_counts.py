"""What the points counted of flows, found for many flows at once: a look through all flows for each one of them would
take time in the square of their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ipipdiag.facts.flows import Flows
from ipipdiag.facts.packet_keys import flow_hash
from ipipdiag.points.model import Point
from ipipdiag.trace.units import FlowTable

Int64 = npt.NDArray[np.int64]


def count_answers(points: Iterable[Point], table: FlowTable) -> Int64:
    """For each flow the packets of its other direction, at the point that saw most of them.

    Where a point had no room for all flows, the keys of its packets count: they are kept of every packet.
    """
    most = np.zeros(len(table), dtype=np.int64)
    for point in points:
        if "flows" in point.facts.left_out:
            most = np.maximum(most, _answers_by_keys(point, table))
            continue
        flows = point.facts.flows
        row = _rows_of(
            table, flows.destination, flows.source, flows.protocol, flows.destination_port, flows.source_port
        )
        here = np.zeros(len(table), dtype=np.int64)
        np.add.at(here, row[row >= 0], flows.packets[row >= 0])
        most = np.maximum(most, here)
    return most


def _answers_by_keys(point: Point, table: FlowTable) -> Int64:
    """For each flow the packets of its other direction of which a point has the key."""
    reverse = flow_hash(table.destination, table.source, table.protocol, table.destination_port, table.source_port)
    hashes, counts = np.unique(point.facts.packet_keys.flow, return_counts=True)
    if len(hashes) == 0:
        return np.zeros(len(table), dtype=np.int64)
    row = np.minimum(np.searchsorted(hashes, reverse), len(hashes) - 1)
    return np.where(hashes[row] == reverse, counts[row], 0).astype(np.int64)


def highest(points: Iterable[Point], table: FlowTable, column: str) -> Int64:
    """For each flow the highest value of a column at some points; 0 where it was not seen there."""
    most = np.zeros(len(table), dtype=np.int64)
    for point in points:
        flows = point.facts.flows
        row = _rows_of(
            table, flows.source, flows.destination, flows.protocol, flows.source_port, flows.destination_port
        )
        np.maximum.at(most, row[row >= 0], getattr(flows, column)[row >= 0])
    return most


def _rows_of(
    table: FlowTable, source: Int64, destination: Int64, protocol: Int64, source_port: Int64, destination_port: Int64
) -> npt.NDArray[np.intp]:
    """The row of each 5-tuple in the table; -1 where it has none."""
    if len(table) == 0:
        return np.full(len(source), -1, dtype=np.intp)
    hashes = flow_hash(source, destination, protocol, source_port, destination_port)
    row = np.minimum(np.searchsorted(table.hash, hashes), len(table) - 1)
    same = (table.hash[row] == hashes) & (table.source[row] == source) & (table.destination[row] == destination)
    return np.where(same, row, -1)


def flows_between(point: Point, ends: Sequence[tuple[int, int]]) -> Flows:
    """The flows of a point between some pairs of addresses, in the point's order."""
    keys, order = _by_ends(point)
    source, destination = np.array(ends, dtype=np.int64).T
    wanted = (source << 32) | destination
    begins, stops = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, side="right")
    rows = [order[begin:stop] for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True)]
    return point.facts.flows.select(np.sort(np.concatenate(rows)))


@lru_cache(maxsize=64)
def _by_ends(point: Point) -> tuple[Int64, npt.NDArray[np.intp]]:
    """Both addresses of each flow of a point in one number, rising, and the rows in that order."""
    flows = point.facts.flows
    ends = (flows.source << 32) | flows.destination
    order = np.argsort(ends, kind="stable")
    return ends[order], order
