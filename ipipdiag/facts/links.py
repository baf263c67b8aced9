"""What the link layer shows of one point: who sends frames to whom, and what arrives when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets
from ipipdiag.facts.tally import Tally, frame_numbers, key, largest, smallest, total
from ipipdiag.kinds import Layer, Network


@dataclass(frozen=True, slots=True)
class MacPairs(Tally):
    """A row a pair of source and destination MAC (and packet type); bytes are those of the frames on the wire."""

    source_mac: npt.NDArray[np.int64] = key()
    destination_mac: npt.NDArray[np.int64] = key()
    packet_type: npt.NDArray[np.int64] = key()  # PacketType, of cooked captures
    frames_sent: npt.NDArray[np.int64] = total()
    bytes: npt.NDArray[np.int64] = total()
    ipv4: npt.NDArray[np.int64] = total()
    ipv6: npt.NDArray[np.int64] = total()
    arp: npt.NDArray[np.int64] = total()
    first_ns: npt.NDArray[np.int64] = smallest()
    last_ns: npt.NDArray[np.int64] = largest()
    frames: npt.NDArray[np.int64] = frame_numbers()


def mac_pair_rows(packets: Packets) -> MacPairs:
    """A row for each frame whose link layer names its sender."""
    packets = packets.select(packets.source_mac >= 0)
    return MacPairs(
        source_mac=packets.source_mac,
        destination_mac=packets.destination_mac,
        packet_type=packets.packet_type.astype(np.int64),
        frames_sent=np.ones(len(packets), dtype=np.int64),
        bytes=packets.wire_length.astype(np.int64),
        ipv4=(packets.network == Network.IPV4).astype(np.int64),
        ipv6=(packets.network == Network.IPV6).astype(np.int64),
        arp=(packets.network == Network.ARP).astype(np.int64),
        first_ns=packets.time_ns,
        last_ns=packets.time_ns,
        frames=packets.number[:, None],
    )


@dataclass(frozen=True, slots=True)
class Stops(Tally):
    """Where decoding stopped and why: a row a layer, reason and protocol named there.

    ``detail`` is the ether type where decoding stopped at the network layer, the IP protocol where it stopped at the
    transport or tunnel layer, else 0.
    """

    layer: npt.NDArray[np.int64] = key()  # Layer
    reason: npt.NDArray[np.int64] = key()  # StopReason
    detail: npt.NDArray[np.int64] = key()
    packets: npt.NDArray[np.int64] = total()
    captured_max: npt.NDArray[np.int64] = largest()  # bytes captured of the longest such frame
    first_ns: npt.NDArray[np.int64] = smallest()
    last_ns: npt.NDArray[np.int64] = largest()
    frames: npt.NDArray[np.int64] = frame_numbers()


def stop_rows(packets: Packets) -> Stops:
    """A row for each frame that was not decoded to its end."""
    packets = packets.select(packets.stop_layer != Layer.COMPLETE)
    layer = packets.stop_layer.astype(np.int64)
    protocol = np.where(packets.inner_header_length > 0, packets.inner_protocol, packets.outer_protocol)
    detail = np.select(
        [layer == Layer.NETWORK, (layer == Layer.TRANSPORT) | (layer == Layer.TUNNEL)],
        [packets.ether_type.astype(np.int64), protocol.astype(np.int64)],
        0,
    )
    return Stops(
        layer=layer,
        reason=packets.stop_reason.astype(np.int64),
        detail=detail,
        packets=np.ones(len(packets), dtype=np.int64),
        captured_max=packets.captured_length.astype(np.int64),
        first_ns=packets.time_ns,
        last_ns=packets.time_ns,
        frames=packets.number[:, None],
    )
