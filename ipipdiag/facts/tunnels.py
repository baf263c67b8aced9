"""Tunnel packets of one point: how many between which nodes, in which form, and whether their inner packet is whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets
from ipipdiag.facts.tally import Tally, frame_numbers, key, largest, smallest, total
from ipipdiag.kinds import Layer, StopReason, Tunnel


@dataclass(frozen=True, slots=True)
class Tunnels(Tally):
    """Frames, as captured, whose outermost IPv4 header has protocol 4: later fragments too, sightings not merged.

    This is what ``ip.proto#1 == 4`` counts in tshark. ``bytes`` are those of the frames on the wire.
    """

    outer_source: npt.NDArray[np.int64] = key()
    outer_destination: npt.NDArray[np.int64] = key()
    packets: npt.NDArray[np.int64] = total()
    bytes: npt.NDArray[np.int64] = total()
    first_frame: npt.NDArray[np.int64] = smallest()
    first_ns: npt.NDArray[np.int64] = smallest()
    last_ns: npt.NDArray[np.int64] = largest()
    frames: npt.NDArray[np.int64] = frame_numbers()


def tunnel_rows(packets: Packets) -> Tunnels:
    """A row for each frame whose outermost IPv4 header has protocol 4."""
    packets = packets.select(packets.tunnel == Tunnel.IPIP)
    return Tunnels(
        outer_source=packets.outer_source.astype(np.int64),
        outer_destination=packets.outer_destination.astype(np.int64),
        packets=np.ones(len(packets), dtype=np.int64),
        bytes=packets.wire_length.astype(np.int64),
        first_frame=packets.number,
        first_ns=packets.time_ns,
        last_ns=packets.time_ns,
        frames=packets.number[:, None],
    )


@dataclass(frozen=True, slots=True)
class TunnelHeaders(Tally):
    """The outer headers of IP-in-IP packets beside the fields of the inner header that the kernel copies.

    A row a distinct combination. Only packets with both headers and without outer fragmentation.
    """

    outer_source: npt.NDArray[np.int64] = key()
    outer_destination: npt.NDArray[np.int64] = key()
    source_mac: npt.NDArray[np.int64] = key()
    depth: npt.NDArray[np.int64] = key()  # headers of protocol 4; 1 is ordinary
    outer_header_length: npt.NDArray[np.int64] = key()  # bytes
    outer_ttl: npt.NDArray[np.int64] = key()
    inner_ttl: npt.NDArray[np.int64] = key()
    outer_dscp: npt.NDArray[np.int64] = key()
    outer_ecn: npt.NDArray[np.int64] = key()
    inner_ecn: npt.NDArray[np.int64] = key()
    outer_dont_fragment: npt.NDArray[np.int64] = key()
    inner_dont_fragment: npt.NDArray[np.int64] = key()
    outer_id_is_zero: npt.NDArray[np.int64] = key()
    packets: npt.NDArray[np.int64] = total()
    first_ns: npt.NDArray[np.int64] = smallest()
    last_ns: npt.NDArray[np.int64] = largest()
    frames: npt.NDArray[np.int64] = frame_numbers()


def tunnel_header_rows(packets: Packets) -> TunnelHeaders:
    """A row for each whole IP-in-IP packet."""
    packets = packets.select(
        (packets.tunnel == Tunnel.IPIP)
        & (packets.inner_header_length > 0)
        & ~packets.outer_more_fragments
        & (packets.outer_fragment_offset == 0)
    )
    copied = [
        "outer_source",
        "outer_destination",
        "source_mac",
        "depth",
        "outer_header_length",
        "outer_ttl",
        "inner_ttl",
        "outer_dscp",
        "outer_ecn",
        "inner_ecn",
        "outer_dont_fragment",
        "inner_dont_fragment",
    ]
    return TunnelHeaders(
        **{name: getattr(packets, name).astype(np.int64) for name in copied},
        outer_id_is_zero=(packets.outer_id == 0).astype(np.int64),
        packets=np.ones(len(packets), dtype=np.int64),
        first_ns=packets.time_ns,
        last_ns=packets.time_ns,
        frames=packets.number[:, None],
    )


@dataclass(frozen=True, slots=True)
class InnerDefects(Tally):
    """Tunnel packets whose inner IPv4 packet is not whole.

    ``reason`` is the StopReason of the inner header; TOTAL_LENGTH also where the inner packet ends after the outer one.
    ``trailing`` counts packets with bytes after the inner packet, inside the outer length: no defect.
    """

    outer_source: npt.NDArray[np.int64] = key()
    outer_destination: npt.NDArray[np.int64] = key()
    reason: npt.NDArray[np.int64] = key()  # StopReason; NONE for trailing bytes
    packets: npt.NDArray[np.int64] = total()
    first_ns: npt.NDArray[np.int64] = smallest()
    last_ns: npt.NDArray[np.int64] = largest()
    frames: npt.NDArray[np.int64] = frame_numbers()


def inner_defect_rows(packets: Packets) -> InnerDefects:
    """A row for each IP-in-IP packet, not a fragment, whose inner packet is malformed or shorter than its room."""
    packets = packets.select(
        (packets.tunnel == Tunnel.IPIP) & ~packets.outer_more_fragments & (packets.outer_fragment_offset == 0)
    )
    room = packets.outer_total_length - packets.outer_header_length.astype(np.int64)
    has_length = (packets.inner_header_length > 0) & (packets.inner_total_length > 0) & (packets.outer_total_length > 0)
    has_length &= packets.depth == 1
    is_long = has_length & (packets.inner_total_length > room)
    is_short = has_length & (packets.inner_total_length < room)
    stopped = (packets.stop_layer == Layer.INNER_IPV4) & ~np.isin(
        packets.stop_reason, [StopReason.CAPTURED_LENGTH, StopReason.FRAGMENT, StopReason.DEPTH]
    )
    reason = np.select(
        [stopped, is_long], [packets.stop_reason.astype(np.int64), int(StopReason.TOTAL_LENGTH)], int(StopReason.NONE)
    )
    chosen = stopped | is_long | is_short
    packets, reason = packets.select(chosen), reason[chosen]
    return InnerDefects(
        outer_source=packets.outer_source.astype(np.int64),
        outer_destination=packets.outer_destination.astype(np.int64),
        reason=reason.astype(np.int64),
        packets=np.ones(len(packets), dtype=np.int64),
        first_ns=packets.time_ns,
        last_ns=packets.time_ns,
        frames=packets.number[:, None],
    )


@dataclass(frozen=True, slots=True)
class Fragments(Tally):
    """IPv4 fragments, of outer headers (``is_outer``) or of packets that are not wrapped or lie inside a tunnel."""

    is_outer: npt.NDArray[np.int64] = key()
    source: npt.NDArray[np.int64] = key()
    destination: npt.NDArray[np.int64] = key()
    tunnel: npt.NDArray[np.int64] = key()
    first_fragments: npt.NDArray[np.int64] = total()  # offset 0, more to come
    later_fragments: npt.NDArray[np.int64] = total()
    length_max: npt.NDArray[np.int64] = largest()  # bytes, by the fragment's own header
    first_ns: npt.NDArray[np.int64] = smallest()
    last_ns: npt.NDArray[np.int64] = largest()
    frames: npt.NDArray[np.int64] = frame_numbers()


def fragment_rows(packets: Packets) -> Fragments:
    """A row for each fragment; a packet fragmented in both headers gives two."""
    tables = []
    for is_outer, side in ((1, "outer"), (0, "inner")):
        offset = getattr(packets, f"{side}_fragment_offset")
        more = getattr(packets, f"{side}_more_fragments")
        chosen = (getattr(packets, f"{side}_header_length") > 0) & (more | (offset > 0))
        part = packets.select(chosen)
        is_later = offset[chosen] > 0
        tables.append(
            Fragments(
                is_outer=np.full(len(part), is_outer, dtype=np.int64),
                source=getattr(part, f"{side}_source").astype(np.int64),
                destination=getattr(part, f"{side}_destination").astype(np.int64),
                tunnel=part.tunnel.astype(np.int64),
                first_fragments=(~is_later).astype(np.int64),
                later_fragments=is_later.astype(np.int64),
                length_max=getattr(part, f"{side}_total_length").astype(np.int64),
                first_ns=part.time_ns,
                last_ns=part.time_ns,
                frames=part.number[:, None],
            )
        )
    return Fragments.concatenate(tables)
