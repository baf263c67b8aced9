"""What a link layer says of its frames."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.columns import ABSENT, I16, I32, I64, U8, U16, Bool, blank
from ipipdiag.decode.window import ByteWindow, Positions, u16
from ipipdiag.kinds import Layer, Network, StopReason

ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_IPV6 = 0x0800, 0x0806, 0x86DD
ETHERTYPES_VLAN = (0x8100, 0x88A8, 0x9100)
MOST_TAGS = 8
SHORTEST_ETHERTYPE = 1536  # below it the field is an IEEE 802.3 length
NETWORKS = {ETHERTYPE_IPV4: Network.IPV4, ETHERTYPE_IPV6: Network.IPV6, ETHERTYPE_ARP: Network.ARP}


@dataclass(slots=True)
class LinkRows:
    """The frames of one link type: where they lie, and the columns their decoder fills.

    ``start``, ``captured_end`` and ``wire_end`` are positions in the buffer; ``network_start`` is where the network
    header begins, ``stop_reason`` the StopReason of frames whose link layer cannot be decoded. A decoder fills whole
    columns; :meth:`require` then takes back what it read of frames that are too short.
    """

    start: Positions
    captured_end: Positions
    wire_end: Positions
    network_start: Positions
    packet_type: U8
    interface_index: I32
    hardware_type: I32
    source_mac: I64
    destination_mac: I64
    vlan_count: U8
    vlan_id: I16
    ether_type: U16
    network: U8
    record_offset: U8
    stop_layer: U8
    stop_reason: U8

    @classmethod
    def at(cls, start: Positions, captured_end: Positions, wire_end: Positions) -> LinkRows:
        """Rows of which nothing is known yet."""
        known = {"start": start, "captured_end": captured_end, "wire_end": wire_end, "network_start": start.copy()}
        return cls(**(blank(cls, len(start)) | known))

    def require(self, size: int) -> None:
        """Stop frames that do not hold a header of ``size`` bytes, and take back what was read of them."""
        short = np.flatnonzero(self.captured_end - self.start < size)
        for name in COLUMNS:
            getattr(self, name)[short] = ABSENT.get(name, 0)
        self.stop(short, Layer.LINK, self.wire_end[short] - self.start[short] >= size)

    def stop(self, rows: npt.NDArray[np.intp], layer: Layer, on_the_wire: Bool) -> None:
        """Stop frames at a layer for want of bytes: cut by the capture where they were on the wire, else too short."""
        self.stop_layer[rows] = layer
        self.stop_reason[rows] = np.where(on_the_wire, StopReason.CAPTURED_LENGTH, StopReason.TOTAL_LENGTH)

    def set_ether_type(self, values: U16, rows: npt.NDArray[np.intp] | slice = slice(None)) -> None:
        """Set the ether type, and by it what the network layer is; an IEEE 802.3 length is none."""
        network = np.full(len(values), Network.OTHER, dtype=np.uint8)
        for ether_type, kind in NETWORKS.items():
            network[np.flatnonzero(values == ether_type)] = kind
        self.network[rows] = network
        self.ether_type[rows] = values * (values >= SHORTEST_ETHERTYPE)


COLUMNS = tuple(column.name for column in fields(LinkRows) if column.type != "Positions")


def skip_vlan_tags(window: ByteWindow, rows: LinkRows) -> None:
    """Follow 802.1Q and 802.1ad tags from ``network_start``, up to MOST_TAGS of them (IEEE 802.1Q, 9.3)."""
    tagged = np.flatnonzero(rows.network == Network.OTHER)
    for _ in range(MOST_TAGS):
        tagged = tagged[np.isin(rows.ether_type[tagged], ETHERTYPES_VLAN)]
        start = rows.network_start[tagged]
        here = rows.captured_end[tagged] - start >= 4
        rows.stop(tagged[~here], Layer.VLAN, (rows.wire_end[tagged] - start >= 4)[~here])
        tagged = tagged[here]
        if len(tagged) == 0:
            return
        run = window.gather(start[here], 4)
        outermost = rows.vlan_count[tagged] == 0
        rows.vlan_id[tagged[outermost]] = (u16(run, 0) & 0x0FFF)[outermost]
        rows.vlan_count[tagged] += 1
        rows.network_start[tagged] += 4
        rows.set_ether_type(u16(run, 2), tagged)


def network_by_version(window: ByteWindow, rows: LinkRows) -> None:
    """Take the network layer of frames not stopped from the IP version, for links that carry nothing but IP."""
    present = rows.stop_layer == Layer.COMPLETE
    here = rows.captured_end > rows.network_start
    empty = np.flatnonzero(present & ~here)
    rows.stop(empty, Layer.NETWORK, rows.wire_end[empty] > rows.network_start[empty])
    version = window.gather(rows.network_start, 1)[:, 0] >> 4
    for kind, is_kind in (
        (Network.IPV4, version == 4),
        (Network.IPV6, version == 6),
        (Network.OTHER, (version != 4) & (version != 6)),
    ):
        rows.network[np.flatnonzero(present & here & is_kind)] = kind
