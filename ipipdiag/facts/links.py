"""What the link layer shows of one point: who sends frames to whom, and what arrives when."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets
from ipipdiag.facts.frames_alike import FramesAlike
from ipipdiag.facts.tally import Tally, frame_numbers, key, largest, smallest, total
from ipipdiag.kinds import Layer


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


def mac_pair_rows(frames: FramesAlike) -> MacPairs:
    """The pairs of the frames whose link layer names its sender, a row or more each."""
    frames = frames.select(frames.source_mac >= 0)
    return MacPairs(
        source_mac=frames.source_mac,
        destination_mac=frames.destination_mac,
        packet_type=frames.packet_type,
        frames_sent=frames.count,
        bytes=frames.bytes,
        ipv4=frames.ipv4,
        ipv6=frames.ipv6,
        arp=frames.arp,
        first_ns=frames.first_ns,
        last_ns=frames.last_ns,
        frames=frames.frames,
    )


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
    rows = np.flatnonzero(packets.stop_layer != Layer.COMPLETE)
    layer = packets.stop_layer[rows]
    has_inner = packets.inner_header_length[rows] > 0
    protocol = np.where(has_inner, packets.inner_protocol[rows], packets.outer_protocol[rows])
    return Stops.unmerged(
        layer=layer,
        reason=packets.stop_reason[rows],
        detail=np.select(
            [layer == Layer.NETWORK, (layer == Layer.TRANSPORT) | (layer == Layer.TUNNEL)],
            [packets.ether_type[rows], protocol],
            0,
        ),
        packets=np.ones(len(rows), dtype=np.bool_),
        captured_max=packets.captured_length[rows],
        first_ns=packets.time_ns[rows],
        last_ns=packets.time_ns[rows],
        frames=packets.number[rows, None],
    )
