"""Folds over one point's packets in order: the same packet seen twice, and the same packet passing again and again.

Both look back a bounded number of packets and a bounded time, counted packet by packet, so that the answer does not
depend on how the frames were cut into batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets
from ipipdiag.facts.groups import Column, Groups, Index, maybe_repeated, mixed
from ipipdiag.facts.tally import Tally, frame_numbers, key, largest, smallest, total

DUPLICATE_WINDOW_PACKETS = 4_096
DUPLICATE_WINDOW_NS = 2_000_000  # a mirror port or a second interface shows a packet again within microseconds
LOOP_WINDOW_PACKETS = 65_536
LOOP_WINDOW_NS = 1_000_000_000  # one round of a routing loop takes less than a second on any network that works
LOOP_SIGHTINGS = 3

Bool = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]

_TELLING = ["inner_id", "transport_checksum", "tcp_sequence", "tcp_acknowledgement", "icmp_sequence", "inner_source"]
_HEADER = [
    "tunnel",
    "vni",
    "outer_dscp",
    "outer_ecn",
    "outer_total_length",
    "outer_id",
    "outer_fragment_offset",
    "outer_ttl",
    "outer_protocol",
    "outer_source",
    "outer_destination",
    "inner_dscp",
    "inner_ecn",
    "inner_total_length",
    "inner_id",
    "inner_dont_fragment",
    "inner_more_fragments",
    "inner_fragment_offset",
    "inner_ttl",
    "inner_protocol",
    "inner_source",
    "inner_destination",
    "source_port",
    "destination_port",
    "transport_checksum",
    "tcp_sequence",
    "tcp_acknowledgement",
    "tcp_flags",
    "tcp_window",
    "tcp_timestamp",
    "icmp_type",
    "icmp_code",
    "icmp_id",
    "icmp_sequence",
]
_TRAVELLING = [
    "tunnel",
    "source_mac",
    "destination_mac",
    "packet_type",
    "inner_total_length",
    "inner_id",
    "inner_fragment_offset",
    "inner_protocol",
    "inner_source",
    "inner_destination",
    "source_port",
    "destination_port",
    "transport_checksum",
    "tcp_sequence",
    "tcp_acknowledgement",
    "tcp_flags",
    "icmp_type",
    "icmp_code",
    "icmp_id",
    "icmp_sequence",
]


class Duplicates(Tally):
    """Frames that show a packet already seen with the very same headers; a row a form of packet."""

    tunnel: npt.NDArray[np.int64] = key()
    packets: npt.NDArray[np.int64] = total()
    first_ns: npt.NDArray[np.int64] = smallest()
    last_ns: npt.NDArray[np.int64] = largest()
    frames: npt.NDArray[np.int64] = frame_numbers()


class Loops(Tally):
    """Packets seen at least LOOP_SIGHTINGS times in one direction and form, their TTL falling each time.

    A row an inner source and destination and a form. ``packets`` counts looping packets, ``sightings`` their frames,
    ``sightings_max`` the most that one of them has. TTLs are of the inner header.
    """

    tunnel: npt.NDArray[np.int64] = key()
    outer_source: npt.NDArray[np.int64] = key()
    outer_destination: npt.NDArray[np.int64] = key()
    source_mac: npt.NDArray[np.int64] = key()
    destination_mac: npt.NDArray[np.int64] = key()
    source: npt.NDArray[np.int64] = key()
    destination: npt.NDArray[np.int64] = key()
    protocol: npt.NDArray[np.int64] = key()
    packets: npt.NDArray[np.int64] = total()
    sightings: npt.NDArray[np.int64] = total()
    sightings_max: npt.NDArray[np.int64] = largest()
    ttl_first: npt.NDArray[np.int64] = largest()  # at the first sighting, the largest of the packets
    ttl_last: npt.NDArray[np.int64] = smallest()
    first_ns: npt.NDArray[np.int64] = smallest()
    last_ns: npt.NDArray[np.int64] = largest()
    frames: npt.NDArray[np.int64] = frame_numbers()


def telling_hashes(packets: Packets) -> Hashes:
    """A hash of each packet's fields that seldom are the same in two packets, and are in two sightings of one."""
    return mixed([getattr(packets, name) for name in _TELLING])


class _Window:
    """The last packets of a point, among which packets are found again: the same in all of some columns.

    Few packets of a capture are seen twice. So whole headers are compared only of those that share a hash
    (:func:`telling_hashes`).
    """

    def __init__(self, size: int, names: Sequence[str]) -> None:
        self._size = size
        self._names = names
        self._hashes = np.zeros(0, dtype=np.uint64)
        self._judged = np.zeros(0, dtype=np.bool_)
        self._columns: dict[str, Column] = {}

    def __len__(self) -> int:
        return len(self._hashes)

    def step(self, packets: Packets, hashes: Hashes, judged: Bool) -> tuple[Index, Index, Index]:
        """Each row that shows a packet again, its latest row before, and a number of the packet; then carry the batch.

        Rows are numbered through the window and the batch, and packets of that batch alone. Only ``judged`` rows are
        compared.
        """
        carried = len(self)
        hashes = np.concatenate([self._hashes, hashes])
        judged = np.concatenate([self._judged, judged])
        rows = maybe_repeated(hashes)
        rows = rows[judged[rows]]
        held, new = rows[rows < carried], rows[rows >= carried] - carried
        alike = Groups.of([self._joined(packets, name, held, new) for name in self._names])
        later, earlier = alike.previous()
        kept = max(0, len(hashes) - self._size)
        self._hashes, self._judged = hashes[kept:], judged[kept:]
        last, added = slice(kept, carried), slice(max(0, kept - carried), None)
        self._columns = {name: self._joined(packets, name, last, added) for name in self._names}
        return rows[later], rows[earlier], alike.codes[later]

    def _joined(self, packets: Packets, name: str, held: Index | slice, new: Index | slice) -> Column:
        """Some rows of a column, of the window and then of the batch."""
        column = getattr(packets, name)
        return np.concatenate([self._columns.get(name, column[:0])[held], column[new]])


@dataclass(slots=True)
class _Track:
    """What is known of the latest sighting of a packet."""

    sightings: npt.NDArray[np.int64]
    ttl: npt.NDArray[np.int64]
    ttl_first: npt.NDArray[np.int64]
    number_first: npt.NDArray[np.int64]
    time_first: npt.NDArray[np.int64]


def _among_moving(packet: Index, later: Index, earlier: Index, near: Bool, track: _Track) -> Bool:
    """Which pairs belong to packets whose TTL falls here or has fallen before; repeats at one TTL alone are no loop."""
    moves = near & ((track.ttl[later] < track.ttl[earlier]) | (track.sightings[earlier] > 1))
    return np.isin(packet, packet[moves])


class DuplicateFold:
    """Marks the frames of one point that show, within a short time, a packet already seen.

    The TTL is part of what must be equal: a lower one is the same packet one hop further. A packet that nothing
    distinguishes from the next of its kind is not judged: identification 0 and no payload, as of SYN-ACK and RST, which
    a host sends twice within a millisecond if it is asked twice. On Linux cooked v1 it is, unless it has no timestamp
    either: there one packet shows on every interface it passes.
    """

    def __init__(self) -> None:
        self._window = _Window(DUPLICATE_WINDOW_PACKETS, _HEADER)
        self._times = np.zeros(0, dtype=np.int64)

    def step(self, packets: Packets, hashes: Hashes) -> Bool:
        """True for each row that duplicates an earlier one of this or an earlier batch."""
        is_ip = (packets.inner_header_length > 0) | (packets.outer_header_length > 0)
        is_any = (packets.hardware_type >= 0) & (packets.interface_index < 0)
        anonymous = (packets.outer_id == 0) & (packets.inner_id == 0) & ~(is_any & (packets.tcp_timestamp >= 0))
        carried = len(self._window)
        times = np.concatenate([self._times, packets.time_ns])
        later, earlier, _ = self._window.step(packets, hashes, is_ip & ~(anonymous & (packets.payload_length <= 0)))
        near = (later - earlier <= DUPLICATE_WINDOW_PACKETS) & (
            np.abs(times[later] - times[earlier]) <= DUPLICATE_WINDOW_NS
        )
        near &= later >= carried
        duplicate = np.zeros(len(packets), dtype=np.bool_)
        duplicate[later[near] - carried] = True
        self._times = times[-DUPLICATE_WINDOW_PACKETS:]
        return duplicate


def duplicate_rows(packets: Packets, duplicate: Bool) -> Duplicates:
    """A row for each duplicate."""
    rows = np.flatnonzero(duplicate)
    return Duplicates.unmerged(
        tunnel=packets.tunnel[rows],
        packets=np.ones(len(rows), dtype=np.bool_),
        first_ns=packets.time_ns[rows],
        last_ns=packets.time_ns[rows],
        frames=packets.number[rows, None],
    )


class LoopFold:
    """Counts, for each packet of one point, how often it has passed in the same direction with its TTL fallen."""

    def __init__(self) -> None:
        self._window = _Window(LOOP_WINDOW_PACKETS, _TRAVELLING)
        self._times = np.zeros(0, dtype=np.int64)
        self._track = _Track(*(np.zeros(0, dtype=np.int64) for _ in range(5)))

    def step(self, packets: Packets, hashes: Hashes) -> Loops:
        """A row for each sighting from the LOOP_SIGHTINGS-th on."""
        carried = len(self._window)
        times = np.concatenate([self._times, packets.time_ns])
        track = self._extend(packets)
        later, earlier, packet = self._window.step(packets, hashes, packets.inner_header_length > 0)
        near = (later - earlier <= LOOP_WINDOW_PACKETS) & (np.abs(times[later] - times[earlier]) <= LOOP_WINDOW_NS)
        near &= (later >= carried) & (track.ttl[later] <= track.ttl[earlier])
        near &= _among_moving(packet, later, earlier, near, track)
        # few rows are left, and each needs its predecessor's count: in order, one by one
        for after, before in zip(later[near].tolist(), earlier[near].tolist(), strict=True):
            track.sightings[after] = track.sightings[before] + (track.ttl[after] < track.ttl[before])
            track.ttl_first[after] = track.ttl_first[before]
            track.number_first[after] = track.number_first[before]
            track.time_first[after] = track.time_first[before]
        looping = np.flatnonzero(track.sightings[carried:] >= LOOP_SIGHTINGS)
        rows = self._rows(packets, looping, track, looping + carried)
        keep = slice(-LOOP_WINDOW_PACKETS, None)
        self._times = times[keep]
        self._track = _Track(*(getattr(track, name)[keep] for name in _Track.__slots__))
        return rows

    def _extend(self, packets: Packets) -> _Track:
        old, ttl = self._track, packets.inner_ttl.astype(np.int64)
        return _Track(
            sightings=np.concatenate([old.sightings, np.ones(len(packets), dtype=np.int64)]),
            ttl=np.concatenate([old.ttl, ttl]),
            ttl_first=np.concatenate([old.ttl_first, ttl]),
            number_first=np.concatenate([old.number_first, packets.number]),
            time_first=np.concatenate([old.time_first, packets.time_ns]),
        )

    @staticmethod
    def _rows(packets: Packets, rows: Index, track: _Track, position: Index) -> Loops:
        is_new = track.sightings[position] == LOOP_SIGHTINGS
        names = ["tunnel", "outer_source", "outer_destination", "source_mac", "destination_mac"]
        return Loops.unmerged(
            **{name: getattr(packets, name)[rows] for name in names},
            source=packets.inner_source[rows],
            destination=packets.inner_destination[rows],
            protocol=packets.inner_protocol[rows],
            packets=is_new,
            sightings=np.where(is_new, LOOP_SIGHTINGS, 1),
            sightings_max=track.sightings[position],
            ttl_first=track.ttl_first[position],
            ttl_last=packets.inner_ttl[rows],
            first_ns=track.time_first[position],
            last_ns=packets.time_ns[rows],
            frames=np.stack([np.where(is_new, track.number_first[position], 0), packets.number[rows]], axis=1),
        )
