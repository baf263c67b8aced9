"""Folds over one point's packets in order: what TCP sends again, and how long an answer takes.

Both look back a bounded way that is counted packet by packet, so that the answer does not depend on how the frames were
cut into batches.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets
from ipipdiag.hashing import hash_rows
from ipipdiag.protocols import ACK, DNS_PORT, ECHO_REPLY, ECHO_REQUEST, FIN, RST, SYN, UDP

Int64 = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

FLOWS_LIMIT = 65_536  # directed TCP flows that are followed; those that first appear later are not
ASKED_LIMIT = 65_536  # requests and answers within which a round trip is found
SEQUENCE_SPACE = 1 << 32
NOT_SEEN = np.iinfo(np.int64).min  # positions may be negative: a flow's first segment need not be its lowest
_ASKS, _ANSWERS = 1, 2  # kinds of rows of the round trip fold


class SentAgainFold:
    """Marks TCP segments with data, SYN or FIN that end where, or before, an earlier one of their flow ended.

    That is what was sent before and is sent again, whether or not the first was seen here, or what came out of order.
    """

    def __init__(self) -> None:
        self._flows = np.zeros(0, dtype=np.uint64)  # rises
        self._last = np.zeros(0, dtype=np.int64)  # where the flow's latest segment began, running on beyond 2^32
        self._highest = np.zeros(0, dtype=np.int64)  # and where its farthest one ended

    def step(self, packets: Packets) -> npt.NDArray[np.bool_]:
        """True for each row that holds nothing beyond what was sent before."""
        marked = np.zeros(len(packets), dtype=np.bool_)
        flags = packets.tcp_flags
        span = np.maximum(packets.payload_length, 0).astype(np.int64) + (flags & SYN != 0) + (flags & FIN != 0)
        rows = np.flatnonzero((packets.tcp_header_length > 0) & (span > 0) & (packets.inner_fragment_offset == 0))
        if len(rows) == 0:
            return marked
        flow = _flow(packets, rows)
        known = self._admit(flow)
        rows, flow = rows[known], flow[known]
        order = np.argsort(flow, kind="stable")
        rows, flow = rows[order], flow[order]
        place = np.searchsorted(self._flows, flow)
        begins = np.ones(len(rows), dtype=np.bool_)
        begins[1:] = flow[1:] != flow[:-1]
        start = self._unwrapped(packets.tcp_sequence[rows].astype(np.int64), begins, place)
        end = start + span[rows]
        before = _highest_before(end, begins, self._highest[place])
        marked[rows] = end <= before
        last = np.append(begins[1:], True) if len(rows) else begins
        self._last[place[last]] = start[last]
        self._highest[place[last]] = np.maximum(before, end)[last]
        return marked

    def _admit(self, flow: Hashes) -> npt.NDArray[np.bool_]:
        """Which rows belong to a flow that is followed; new flows are taken in as long as there is room."""
        distinct, first = np.unique(flow, return_index=True)
        new = ~np.isin(distinct, self._flows)
        fresh = distinct[new][np.argsort(first[new])][: FLOWS_LIMIT - len(self._flows)]
        if len(fresh):
            flows = np.concatenate([self._flows, fresh])
            order = np.argsort(flows)
            unseen = np.full(len(fresh), NOT_SEEN, dtype=np.int64)
            self._flows = flows[order]
            self._last = np.concatenate([self._last, unseen])[order]
            self._highest = np.concatenate([self._highest, unseen])[order]
        return np.isin(flow, self._flows)

    def _unwrapped(self, sequence: Int64, begins: npt.NDArray[np.bool_], place: npt.NDArray[np.intp]) -> Int64:
        """Sequence numbers as positions that run on: each next to that of the segment before it."""
        if len(sequence) == 0:
            return sequence
        known = self._last[place]
        before = np.concatenate([sequence[:1], sequence[:-1]])
        first = np.where(known != NOT_SEEN, known, sequence)
        before = np.where(begins, first, before)
        half = SEQUENCE_SPACE // 2
        step = (sequence - before + half) % SEQUENCE_SPACE - half
        base = np.where(begins, first, 0)
        running = np.cumsum(step)
        at = np.maximum.accumulate(np.where(begins, np.arange(len(sequence)), 0))
        positions: Int64 = base[at] + running - running[at] + step[at]
        return positions


def _highest_before(end: Int64, begins: npt.NDArray[np.bool_], known: Int64) -> Int64:
    """For each row the highest end before it in its flow, earlier batches counted; NOT_SEEN for a flow's first."""
    before = np.where(begins, known, np.concatenate([end[:1], end[:-1]]))
    group = np.cumsum(begins)
    order = np.lexsort((before, group))  # ranks within the group, so that one running maximum serves all groups
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    highest: Int64 = before[order][np.maximum.accumulate(rank)]
    return highest


class RoundTripFold:
    """How long after a packet that asks for an answer the answer comes, as this point sees it.

    Asking are echo requests, DNS queries, and TCP segments with data, SYN or FIN; the answer of the last is the first
    packet back that echoes its timestamp (RFC 7323), of a SYN without timestamps the SYN-ACK. Of several segments with
    one timestamp the latest before the answer counts.
    """

    def __init__(self) -> None:
        self._hashes = np.zeros(0, dtype=np.uint64)
        self._times = np.zeros(0, dtype=np.int64)
        self._kinds = np.zeros(0, dtype=np.int8)

    def step(self, packets: Packets) -> Int64:
        """Nanoseconds since the request of each row that answers one; -1 for the others."""
        trips = np.full(len(packets), -1, dtype=np.int64)
        owner, hashes, kinds = _rows(packets)
        carried = len(self._hashes)
        hashes = np.concatenate([self._hashes, hashes])
        kinds = np.concatenate([self._kinds, kinds])
        times = np.concatenate([self._times, packets.time_ns[owner]])
        order = np.argsort(hashes, kind="stable")
        same = hashes[order[1:]] == hashes[order[:-1]]
        earlier, later = order[:-1][same], order[1:][same]
        answered = (kinds[earlier] == _ASKS) & (kinds[later] == _ANSWERS) & (later >= carried)
        answered &= (later - earlier <= ASKED_LIMIT) & (times[later] >= times[earlier])
        earlier, later = earlier[answered], later[answered]
        trips[owner[later - carried]] = times[later] - times[earlier]
        self._hashes, self._times = hashes[-ASKED_LIMIT:], times[-ASKED_LIMIT:]
        self._kinds = kinds[-ASKED_LIMIT:]
        return trips


def _rows(packets: Packets) -> tuple[npt.NDArray[np.intp], Hashes, npt.NDArray[np.int8]]:
    """The requests and answers of a batch: their packets' rows, what ties an answer to its request, and which it is.

    A packet that does both answers first.
    """
    flags = packets.tcp_flags
    is_tcp = packets.tcp_header_length > 0
    has_span = is_tcp & ((packets.payload_length > 0) | (flags & (SYN | FIN) != 0))
    stamped = is_tcp & (packets.tcp_timestamp >= 0)
    plain_syn = is_tcp & ~stamped & (flags & SYN != 0)
    is_query = (packets.inner_protocol == UDP) & (packets.dns_id >= 0)
    kinds = (
        (stamped & has_span, packets.tcp_timestamp, _ASKS),
        (stamped & (flags & (ACK | RST) == ACK), packets.tcp_timestamp_echo, _ANSWERS),
        (plain_syn & (flags & ACK == 0), (packets.tcp_sequence.astype(np.int64) + 1) % SEQUENCE_SPACE, _ASKS),
        (plain_syn & (flags & ACK != 0), packets.tcp_acknowledgement.astype(np.int64), _ANSWERS),
        (packets.icmp_type == ECHO_REQUEST, packets.icmp_sequence, _ASKS),
        (packets.icmp_type == ECHO_REPLY, packets.icmp_sequence, _ANSWERS),
        (is_query & (packets.destination_port == DNS_PORT), packets.dns_id, _ASKS),
        (is_query & (packets.source_port == DNS_PORT), packets.dns_id, _ANSWERS),
    )
    owners, hashes, codes = [], [], []
    for mask, value, kind in kinds:
        rows = np.flatnonzero(mask)
        ends = _ends(packets, rows)
        flow = ends if kind == _ASKS else [ends[1], ends[0], ends[3], ends[2], ends[4]]
        owners.append(rows)
        hashes.append(hash_rows([*flow, value[rows].astype(np.int64)]))
        codes.append(np.full(len(rows), kind, dtype=np.int8))
    owner, code = np.concatenate(owners), np.concatenate(codes)
    order = np.lexsort((-code, owner))
    return owner[order], np.concatenate(hashes)[order], code[order]


def _ends(packets: Packets, rows: npt.NDArray[np.intp]) -> list[Int64]:
    is_echo = (packets.icmp_type[rows] == ECHO_REQUEST) | (packets.icmp_type[rows] == ECHO_REPLY)
    source_port = np.where(is_echo, packets.icmp_id[rows], packets.source_port[rows])
    destination_port = np.where(is_echo, packets.icmp_id[rows], packets.destination_port[rows])
    names = (packets.inner_source, packets.inner_destination)
    addresses = [column[rows].astype(np.int64) for column in names]
    return [
        *addresses,
        source_port.astype(np.int64),
        destination_port.astype(np.int64),
        packets.inner_protocol[rows].astype(np.int64),
    ]


def _flow(packets: Packets, rows: npt.NDArray[np.intp]) -> Hashes:
    return hash_rows(_ends(packets, rows))
