"""What survives of every packet on its way through the cluster: the keys by which it is found again elsewhere.

On the way a packet loses and gains an outer header, its TTL falls, MACs change, checksums are filled in, and segments
are cut and merged (GSO, GRO). What stays is the inner 5-tuple, of TCP the range of sequence numbers, of others the IP
identification with ICMP sequence number or DNS transaction id.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets
from ipipdiag.hashing import hash_rows
from ipipdiag.kinds import Tunnel
from ipipdiag.protocols import FIN, SYN
from ipipdiag.table import Table

KEYS_LIMIT = 2_000_000  # packets kept of all captures of a run; beyond, every other flow is left out
CONVERSATION_BITS = 8  # of a flow's hash, the same for both directions: as many halvings are possible
NOTHING_KEPT = 63  # halvings that no flow survives: one flow alone is above the limit


class PacketKeys(Table):
    """A row an inner packet, in the order of the file; sightings of duplicates and later fragments are left out.

    ``flow`` is the hash of the inner 5-tuple (:func:`flow_hash`). Where ``is_range``, the packet is TCP that takes up
    sequence numbers: ``length`` of them from ``identity`` on (RFC 9293, 3.4: SYN and FIN count one each). Of other
    packets ``identity`` is a hash of what tells them apart within their flow, and ``length`` their total length.
    """

    flow: npt.NDArray[np.uint64]
    time_ns: npt.NDArray[np.int64]
    number: npt.NDArray[np.uint32]
    identity: npt.NDArray[np.uint32]
    length: npt.NDArray[np.int32]
    ip_id: npt.NDArray[np.uint16]
    ttl: npt.NDArray[np.uint8]
    is_range: npt.NDArray[np.bool_]
    is_wrapped: npt.NDArray[np.bool_]

    @classmethod
    def none(cls) -> PacketKeys:
        """The table with no rows, its columns of the right types."""
        zeros = np.zeros(0, dtype=np.int64)
        return cls(
            flow=zeros.astype(np.uint64),
            time_ns=zeros,
            number=zeros.astype(np.uint32),
            identity=zeros.astype(np.uint32),
            length=zeros.astype(np.int32),
            ip_id=zeros.astype(np.uint16),
            ttl=zeros.astype(np.uint8),
            is_range=zeros.astype(np.bool_),
            is_wrapped=zeros.astype(np.bool_),
        )


def flow_hash(
    source: npt.NDArray[np.int64],
    destination: npt.NDArray[np.int64],
    protocol: npt.NDArray[np.int64],
    source_port: npt.NDArray[np.int64],
    destination_port: npt.NDArray[np.int64],
) -> npt.NDArray[np.uint64]:
    """A hash of each directed 5-tuple; the lowest CONVERSATION_BITS are the same both ways."""
    low = np.uint64((1 << CONVERSATION_BITS) - 1)
    forward = hash_rows([source, destination, protocol, source_port, destination_port])
    ends = hash_rows([source, source_port]) + hash_rows([destination, destination_port])
    return (forward & ~low) | ((ends ^ (ends >> np.uint64(32))) & low)


def packet_key_rows(packets: Packets) -> PacketKeys:
    """A row for each packet that can be told from the next of its flow."""
    packets = packets.select((packets.inner_header_length > 0) & (packets.inner_fragment_offset == 0))
    wide = {
        name: getattr(packets, name).astype(np.int64)
        for name in ("inner_source", "inner_destination", "inner_protocol", "inner_id", "inner_total_length",
                     "source_port", "destination_port", "payload_length", "tcp_sequence", "tcp_acknowledgement",
                     "tcp_flags", "icmp_id", "icmp_type", "icmp_sequence", "dns_id")
    }  # fmt: skip
    is_echo = (wide["icmp_type"] == 0) | (wide["icmp_type"] == 8)
    is_tcp = packets.tcp_header_length > 0
    controls = (wide["tcp_flags"] & SYN != 0).astype(np.int64) + (wide["tcp_flags"] & FIN != 0)
    span = np.maximum(wide["payload_length"], 0) + controls
    is_range = is_tcp & (span > 0)
    # an identification of 0 says nothing; the length then helps, which a fragment would change
    length = np.where(wide["inner_id"] == 0, wide["inner_total_length"], 0)
    told_apart = hash_rows(
        [
            wide["inner_id"],
            length,
            np.where(is_tcp, wide["tcp_sequence"], wide["icmp_sequence"]),
            np.where(is_tcp, wide["tcp_acknowledgement"], wide["dns_id"]),
            np.where(is_tcp, wide["tcp_flags"], wide["icmp_type"]),
        ]
    )
    return PacketKeys(
        flow=flow_hash(
            wide["inner_source"],
            wide["inner_destination"],
            wide["inner_protocol"],
            np.where(is_echo, wide["icmp_id"], wide["source_port"]),
            np.where(is_echo, wide["icmp_id"], wide["destination_port"]),
        ),
        time_ns=packets.time_ns,
        number=packets.number.astype(np.uint32),
        identity=np.where(is_range, packets.tcp_sequence, (told_apart >> np.uint64(32)).astype(np.uint32)),
        length=np.where(is_range, span, wide["inner_total_length"]).astype(np.int32),
        ip_id=packets.inner_id,
        ttl=packets.inner_ttl,
        is_range=is_range,
        is_wrapped=packets.tunnel == Tunnel.IPIP,
    )


class PacketKeysFold:
    """Keeps the keys of one point: of all flows, or of the power-of-two fraction of them to which it was told to
    shrink (:func:`fit`).
    """

    def __init__(self) -> None:
        self._parts: list[PacketKeys] = []
        self.kept = 0
        self.halvings = 0  # kept are the flows whose hash has so many low bits zero

    def step(self, packets: Packets) -> None:
        """Add a batch."""
        self._add(packet_key_rows(packets))

    def shrink(self, halvings: int) -> None:
        """Keep the flows alone that are left after so many halvings."""
        self.halvings = halvings
        parts, self._parts, self.kept = self._parts, [], 0
        for part in parts:
            self._add(part)

    def _add(self, keys: PacketKeys) -> None:
        kept = keys.select(chosen_flows(keys.flow, self.halvings)).copy()
        self._parts.append(kept)
        self.kept += len(kept)

    def finish(self) -> PacketKeys:
        """The keys of all batches."""
        return PacketKeys.concatenate(self._parts) if self._parts else PacketKeys.none()


def fit(folds: Sequence[PacketKeysFold], limit: int) -> None:
    """Shrink the folds of some points, all to the same flows, until what they keep together is within the limit."""
    halvings = max((fold.halvings for fold in folds), default=0)
    while sum(fold.kept for fold in folds) > limit:
        halvings = halvings + 1 if halvings < CONVERSATION_BITS else NOTHING_KEPT
        for fold in folds:
            fold.shrink(halvings)


def chosen_flows(flow: npt.NDArray[np.uint64], halvings: int) -> npt.NDArray[np.bool_]:
    """Which flows belong to the fraction that is left after so many halvings: the same at every point."""
    mask: npt.NDArray[np.bool_] = (flow & np.uint64((1 << halvings) - 1)) == 0
    return mask
