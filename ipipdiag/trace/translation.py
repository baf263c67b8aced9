"""Translated flows: which 5-tuple at one place is, behind an address translation, which other elsewhere.

kube-proxy and masquerading change addresses and ports, and the identifier of an echo; what the packets carry beside
these stays: IP identification, TCP sequence numbers, ICMP sequence number, DNS transaction id. Two flows are one where
their first packets agree in all of that, one end is the same, and neither is seen where the other is.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from ipipdiag.facts.packet_keys import PacketKeys
from ipipdiag.hashing import hash_rows
from ipipdiag.table import distinct
from ipipdiag.trace.units import FlowTable

Int64 = npt.NDArray[np.int64]
MOST_ALIKE = 64  # flows that may begin with the same packet: beyond, it tells nothing, and comparing all takes too long
FIRST_PACKETS = 3  # of each flow at each place that are compared


def translated_flows(keys: PacketKeys, flow: Int64, place: Int64, flows: FlowTable) -> Int64:
    """For each flow the one it is counted as: itself, or the lowest of those that are the same conversation."""
    lead = np.arange(len(flows), dtype=np.int64)
    places_of = _places_by_flow(flow, place)
    by_signature: dict[int, set[int]] = defaultdict(set)
    first = _first_packets(flow, place)
    anonymous = (keys.ip_id[first] == 0) & ~keys.is_range[first]
    first = first[~anonymous]
    signatures = hash_rows(
        [
            flows.protocol[flow[first]],
            keys.is_range[first].astype(np.int64),
            keys.identity[first],
            keys.length[first],
            keys.ip_id[first],
        ]
    )
    repeated = _repeated(signatures)
    for signature, row in zip(signatures[repeated].tolist(), flow[first][repeated].tolist(), strict=True):
        by_signature[signature].add(row)
    for same in by_signature.values():
        if len(same) > MOST_ALIKE:
            continue
        rows = sorted(same)
        for position, one in enumerate(rows):
            for other in rows[position + 1 :]:
                if not places_of[one] & places_of[other] and _share_an_end(flows, one, other):
                    low, high = sorted((_root(lead, one), _root(lead, other)))
                    lead[high] = low
    return np.array([_root(lead, row) for row in range(len(lead))], dtype=np.int64)


def _places_by_flow(flow: Int64, place: Int64) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for pair in distinct((flow << 20) | place).tolist():
        found[pair >> 20].add(pair & ((1 << 20) - 1))
    return found


def _first_packets(flow: Int64, place: Int64) -> npt.NDArray[np.intp]:
    """Positions of the first packets of each flow at each place."""
    group = (flow << 20) | place
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else order[:0]
    rank = np.arange(len(ordered)) - np.repeat(begins, np.diff(np.append(begins, len(ordered))))
    return order[rank < FIRST_PACKETS]


def _repeated(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    repeated: npt.NDArray[np.bool_] = count[inverse] > 1
    return repeated


def _share_an_end(flows: FlowTable, one: int, other: int) -> bool:
    return bool(flows.source[one] == flows.source[other]) != bool(flows.destination[one] == flows.destination[other])


def _root(lead: Int64, row: int) -> int:
    while lead[row] != row:
        row = int(lead[row])
    return row
