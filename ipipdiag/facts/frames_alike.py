"""The frames of one batch that are alike in all that flows, pairs of MACs and tunnels are keyed by.

Frames are grouped once, by the finest of these keys. What is keyed by less is made from the few thousand rows here
instead of from every frame of the batch.
"""

from __future__ import annotations

import numpy as np

from ipipdiag.decode.packets import Packets
from ipipdiag.facts.groups import Groups, Int64
from ipipdiag.facts.tally import Tally, frame_numbers, key, largest, smallest, total
from ipipdiag.kinds import Network


class FramesAlike(Tally):
    """A row for the frames of one flow, or of one pair of MACs that are of no flow; sightings are not merged."""

    source_mac: Int64 = key()
    destination_mac: Int64 = key()
    packet_type: Int64 = key()
    tunnel: Int64 = key()
    outer_source: Int64 = key()
    outer_destination: Int64 = key()
    count: Int64 = total()
    bytes: Int64 = total()  # of the frames on the wire
    ipv4: Int64 = total()
    ipv6: Int64 = total()
    arp: Int64 = total()
    first_frame: Int64 = smallest()
    first_ns: Int64 = smallest()
    last_ns: Int64 = largest()
    frames: Int64 = frame_numbers()


def frames_alike(packets: Packets, groups: Groups) -> FramesAlike:
    """The frames of a batch by the groups of :func:`ipipdiag.facts.flows.flow_groups`."""
    return FramesAlike.unmerged(
        source_mac=packets.source_mac,
        destination_mac=packets.destination_mac,
        packet_type=packets.packet_type,
        tunnel=packets.tunnel,
        outer_source=packets.outer_source,
        outer_destination=packets.outer_destination,
        count=np.ones(len(packets), dtype=np.bool_),
        bytes=packets.wire_length,
        ipv4=packets.network == Network.IPV4,
        ipv6=packets.network == Network.IPV6,
        arp=packets.network == Network.ARP,
        first_frame=packets.number,
        first_ns=packets.time_ns,
        last_ns=packets.time_ns,
        frames=packets.number[:, None],
    ).aggregate(groups)
