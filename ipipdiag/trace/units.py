"""Units: the pieces into which the packets of all points are cut so that each is whole at every point.

A packet of 14,480 bytes at one point is ten at another (GSO, GRO). The sequence ranges of a TCP flow, of all points
together, are cut wherever any segment begins or ends; a piece between two cuts is a unit. A packet that is no range
(UDP, ICMP, a bare acknowledgement) is one unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.facts.flows import Flows
from ipipdiag.facts.fragment_pieces import incomplete_packets
from ipipdiag.facts.packet_keys import PacketKeys, chosen_flows, flow_hash
from ipipdiag.hashing import hash_rows
from ipipdiag.points.model import Point
from ipipdiag.protocols import TCP, UDP
from ipipdiag.table import Table, distinct

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]

SEQUENCE_SPACE = 1 << 32
RANGE_BITS = 40  # of a position in a flow, in bytes from its first segment: a tebibyte
MOST_PIECES = 16  # units a packet, on average of a flow; a flow cut finer than that is left out
SPARE_PIECES = 512


class FlowTable(Table):
    """The directed 5-tuples of a run, one row each; ``hash`` rises."""

    hash: npt.NDArray[np.uint64]
    source: Int64
    destination: Int64
    protocol: Int64
    source_port: Int64
    destination_port: Int64
    is_unclear: npt.NDArray[np.bool_]  # fragments, lengths or ports unknown: not to be counted packet by packet


class Sightings(Table):
    """A row each unit of each packet at each point, ordered by point, then as in the file.

    ``unit`` numbers the units, ``flow`` is the row of the flow table as the point saw it, ``size`` the
    bytes of sequence space or of the packet; the rest is the packet's. ``is_anonymous`` where its IP identification is
    0: a second sighting of it looks like another packet of its kind (SYN-ACK and RST without a socket have none).
    """

    unit: Int64
    flow: Int64
    point: npt.NDArray[np.int32]
    time_ns: Int64
    number: npt.NDArray[np.uint32]
    size: npt.NDArray[np.int32]
    ttl: npt.NDArray[np.uint8]
    is_wrapped: npt.NDArray[np.bool_]
    is_anonymous: npt.NDArray[np.bool_]


def build_flow_table(points: Sequence[Point]) -> FlowTable:
    """All 5-tuples of the points; those whose hashes collide are left out."""
    names = ("source", "destination", "protocol", "source_port", "destination_port")
    tables = [point.facts.flows for point in points]
    columns = {name: np.concatenate([getattr(table, name) for table in tables]) for name in names}
    hashes = flow_hash(**columns)
    unclear = np.concatenate([_unclear(table) for table in tables])
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    same = np.ones(len(hashes), dtype=np.bool_)
    for column in columns.values():
        same &= column == column[first][inverse]
    collided = np.zeros(len(first), dtype=np.bool_)
    collided[inverse[~same]] = True
    is_unclear = np.zeros(len(first), dtype=np.bool_)
    is_unclear[inverse[unclear]] = True
    chosen = first[~collided]
    return FlowTable(
        hash=hashes[chosen],
        is_unclear=is_unclear[~collided],
        **{name: column[chosen] for name, column in columns.items()},
    )


def _unclear(flows: Flows) -> npt.NDArray[np.bool_]:
    has_ports = np.isin(flows.protocol, (TCP, UDP))
    is_tcp = flows.protocol == TCP
    unclear: npt.NDArray[np.bool_] = has_ports & (flows.source_port < 0)
    unclear |= is_tcp & ((flows.fragments > 0) | (flows.payloads_unknown > 0))
    return unclear


def gather_keys(points: Sequence[Point], flows: FlowTable, halvings: int) -> tuple[PacketKeys, Int64, Int32]:
    """The packet keys of all points, with the flow (row of the table) and the point of each.

    A packet that lacks a fragment at a point was not there: it goes no further.
    """
    rows, flow, owner = [], [], []
    for position, point in enumerate(points):
        keys = point.facts.packet_keys
        row = np.minimum(np.searchsorted(flows.hash, keys.flow), max(len(flows) - 1, 0))
        known = chosen_flows(keys.flow, halvings)
        if len(flows):
            known &= (flows.hash[row] == keys.flow) & ~flows.is_unclear[row]
        if incomplete := incomplete_packets(point.facts.fragment_pieces):
            known &= ~np.isin(keys.number, np.array(incomplete, dtype=keys.number.dtype))
        rows.append(np.flatnonzero(known) if len(flows) else np.zeros(0, dtype=np.intp))
        flow.append(row[rows[-1]].astype(np.int64))
        owner.append(np.full(len(rows[-1]), position, dtype=np.int32))
    tables = [point.facts.packet_keys for point in points]
    gathered = PacketKeys(  # column by column: a second copy of all would be the most memory that a run takes
        **{
            name: np.concatenate([getattr(table, name)[here] for table, here in zip(tables, rows, strict=True)])
            for name in PacketKeys.column_names()
        }
    )
    return gathered, np.concatenate(flow), np.concatenate(owner)


def cut_into_units(keys: PacketKeys, flow: Int64, point: Int32, lead: Int64) -> tuple[Sightings, Int64]:
    """The units of all packets, and the flows that were left out because they are cut too finely.

    ``lead`` is the flow that each flow is counted as: translated ones are cut together.
    """
    others = np.flatnonzero(~keys.is_range)
    pieces, cuts, too_fine = _cut_ranges(keys, lead[flow], point)
    rows = np.concatenate([pieces.row, others])
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    sightings = Sightings(
        unit=np.concatenate([pieces.unit, _numbered(keys, lead[flow[others]], others) + cuts])[order],
        flow=flow[rows],
        point=point[rows],
        time_ns=keys.time_ns[rows],
        number=keys.number[rows],
        size=np.concatenate([pieces.size, keys.length[others]])[order],
        ttl=keys.ttl[rows],
        is_wrapped=keys.is_wrapped[rows],
        is_anonymous=keys.ip_id[rows] == 0,
    )
    return sightings, too_fine


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The units of TCP ranges, packet by packet: row of the packet key, number, bytes."""

    row: Int64
    unit: Int64
    size: Int32


def _cut_ranges(keys: PacketKeys, flow: Int64, point: Int32) -> tuple[_Pieces, int, Int64]:
    """The pieces of all ranges, how many numbers they use up, and the flows that are cut too finely."""
    ranges = np.flatnonzero(keys.is_range)
    flow = flow[ranges]
    low = (flow << RANGE_BITS) + _unwrapped(keys, flow, point[ranges], ranges)
    high = low + keys.length[ranges]
    cuts = distinct(np.concatenate([low, high]))
    first, last = np.searchsorted(cuts, low), np.searchsorted(cuts, high)
    del low, high
    pieces = last - first
    count = int(flow.max()) + 1 if len(flow) else 0
    total = np.bincount(flow, weights=pieces, minlength=count)
    too_fine = total > MOST_PIECES * np.bincount(flow, minlength=count) + SPARE_PIECES
    if too_fine.any():
        fine = too_fine[flow]
        ranges, first, pieces = ranges[~fine], first[~fine], pieces[~fine]
    row = np.repeat(ranges, pieces)
    unit = np.arange(len(row)) + np.repeat(first - (np.cumsum(pieces) - pieces), pieces)
    size = (cuts[unit + 1] - cuts[unit]) if len(unit) else np.zeros(0, dtype=np.int64)
    return _Pieces(row, unit, size.astype(np.int32)), len(cuts), np.flatnonzero(too_fine)


def _numbered(keys: PacketKeys, flow: Int64, rows: npt.NDArray[np.intp]) -> Int64:
    """A number for each packet that is no range: the same for the same packet at every point."""
    told_apart = hash_rows([flow, keys.identity[rows], np.where(keys.ip_id[rows] == 0, 1, 0)])
    _, codes = np.unique(told_apart, return_inverse=True)
    return codes.astype(np.int64, copy=False)


def _unwrapped(keys: PacketKeys, flow: Int64, point: Int32, ranges: npt.NDArray[np.intp]) -> Int64:
    """Sequence numbers as positions that run on beyond 2^32: within a flow the same at every point.

    Each point's first segment of a flow is placed next to the flow's first of all, each later one next to the one
    before it; so neighbours may be 2 GiB apart, and captures of one flow may begin as far apart.
    """
    sequence = keys.identity[ranges].astype(np.int64)
    group = (flow << 20) + point
    order = np.argsort(group, kind="stable")
    ordered, at = group[order], sequence[order]
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = ordered[1:] != ordered[:-1]
    flows = ordered >> 20
    flow_begins = np.ones(len(order), dtype=np.bool_)
    flow_begins[1:] = flows[1:] != flows[:-1]
    base = at[np.maximum.accumulate(np.where(flow_begins, np.arange(len(at)), 0))]
    before = np.where(begins, base, np.concatenate([at[:1], at[:-1]]))
    half = SEQUENCE_SPACE // 2
    step = (at - before + half) % SEQUENCE_SPACE - half
    running = np.cumsum(step)
    offset = np.where(begins, running - step, 0)
    offset = offset[np.maximum.accumulate(np.where(begins, np.arange(len(at)), 0))]
    position = np.zeros(len(order), dtype=np.int64)
    position[order] = running - offset + (1 << (RANGE_BITS - 1))
    return position
