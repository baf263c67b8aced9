"""What a link layer says of its frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.window import ByteWindow, Positions, u16
from ipipdiag.kinds import ABSENT_MAC, Layer, Network, PacketType, StopReason

ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_IPV6 = 0x0800, 0x0806, 0x86DD
ETHERTYPES_VLAN = (0x8100, 0x88A8, 0x9100)
MOST_TAGS = 8
SHORTEST_ETHERTYPE = 1536  # below it the field is an IEEE 802.3 length


@dataclass(slots=True)
class LinkRows:
    """The frames of one link type: where they lie, and the columns their decoder fills.

    ``start``, ``captured_end`` and ``wire_end`` are positions in the buffer; ``network_start`` is where the network
    header begins, ``stop`` the StopReason of frames whose link layer cannot be decoded.
    """

    start: Positions
    captured_end: Positions
    wire_end: Positions
    network_start: Positions
    ether_type: npt.NDArray[np.int64]
    network: npt.NDArray[np.int64]
    source_mac: npt.NDArray[np.int64]
    destination_mac: npt.NDArray[np.int64]
    packet_type: npt.NDArray[np.int64]
    interface_index: npt.NDArray[np.int64]
    hardware_type: npt.NDArray[np.int64]
    vlan_count: npt.NDArray[np.int64]
    vlan_id: npt.NDArray[np.int64]
    record_offset: npt.NDArray[np.int64]
    stop_layer: npt.NDArray[np.int64]
    stop_reason: npt.NDArray[np.int64]

    @classmethod
    def at(cls, start: Positions, captured_end: Positions, wire_end: Positions) -> LinkRows:
        """Rows of which nothing is known yet."""

        def filled(value: int) -> npt.NDArray[np.int64]:
            return np.full(len(start), value, dtype=np.int64)

        return cls(
            start=start,
            captured_end=captured_end,
            wire_end=wire_end,
            network_start=start.copy(),
            ether_type=filled(0),
            network=filled(Network.NONE),
            source_mac=filled(ABSENT_MAC),
            destination_mac=filled(ABSENT_MAC),
            packet_type=filled(PacketType.UNKNOWN),
            interface_index=filled(-1),
            hardware_type=filled(-1),
            vlan_count=filled(0),
            vlan_id=filled(-1),
            record_offset=filled(0),
            stop_layer=filled(Layer.COMPLETE),
            stop_reason=filled(StopReason.NONE),
        )

    def require(self, size: int) -> npt.NDArray[np.bool_]:
        """Frames that hold a header of ``size`` bytes; the others are stopped here."""
        here = self.captured_end - self.start >= size
        self.stop(~here, Layer.LINK, self.wire_end - self.start >= size)
        return here

    def stop(self, rows: npt.NDArray[np.bool_], layer: Layer, on_the_wire: npt.NDArray[np.bool_]) -> None:
        """Stop frames at a layer for want of bytes: cut by the capture where they were on the wire, else too short."""
        self.stop_layer[rows] = layer
        self.stop_reason[rows] = np.where(on_the_wire, StopReason.CAPTURED_LENGTH, StopReason.TOTAL_LENGTH)[rows]

    def set_ether_type(self, rows: npt.NDArray[np.bool_], values: npt.NDArray[np.int64]) -> None:
        """Set the ether type of some rows, and by it what the network layer is; an IEEE 802.3 length is none."""
        self.ether_type[rows] = np.where(values < SHORTEST_ETHERTYPE, 0, values)[rows]
        self.network[rows] = np.select(
            [values == ETHERTYPE_IPV4, values == ETHERTYPE_IPV6, values == ETHERTYPE_ARP],
            [int(Network.IPV4), int(Network.IPV6), int(Network.ARP)],
            int(Network.OTHER),
        )[rows]


def skip_vlan_tags(window: ByteWindow, rows: LinkRows, present: npt.NDArray[np.bool_]) -> None:
    """Follow 802.1Q and 802.1ad tags from ``network_start``, up to MOST_TAGS of them (IEEE 802.1Q, 9.3)."""
    for _ in range(MOST_TAGS):
        tagged = present & np.isin(rows.ether_type, ETHERTYPES_VLAN) & (rows.stop_layer == Layer.COMPLETE)
        if not tagged.any():
            return
        here = rows.captured_end - rows.network_start >= 4
        rows.stop(tagged & ~here, Layer.VLAN, rows.wire_end - rows.network_start >= 4)
        tagged &= here
        run = window.gather(rows.network_start, 4)
        rows.vlan_id[tagged & (rows.vlan_count == 0)] = (u16(run, 0) & 0x0FFF)[tagged & (rows.vlan_count == 0)]
        rows.vlan_count[tagged] += 1
        rows.network_start[tagged] += 4
        rows.set_ether_type(tagged, u16(run, 2))


def network_by_version(window: ByteWindow, rows: LinkRows, present: npt.NDArray[np.bool_]) -> None:
    """Take the network layer of the ``present`` rows from the IP version, for links that carry nothing but IP."""
    here = present & (rows.captured_end > rows.network_start)
    rows.stop(present & ~here, Layer.NETWORK, rows.wire_end > rows.network_start)
    version = window.gather(rows.network_start, 1)[:, 0] >> 4
    rows.network[here] = np.select(
        [version == 4, version == 6], [int(Network.IPV4), int(Network.IPV6)], int(Network.OTHER)
    )[here]
