"""Tunnel packets of one point: how many between which nodes, in which form, and whether their inner packet is whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets
from ipipdiag.facts.frames_alike import FramesAlike
from ipipdiag.facts.groups import Column
from ipipdiag.facts.tally import Tally, frame_numbers, key, largest, smallest, total
from ipipdiag.kinds import Layer, StopReason, Tunnel


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


def tunnel_rows(frames: FramesAlike) -> Tunnels:
    """The pairs of outer addresses of the frames whose outermost IPv4 header has protocol 4, a row or more each."""
    frames = frames.select(frames.tunnel == Tunnel.IPIP)
    return Tunnels(
        outer_source=frames.outer_source,
        outer_destination=frames.outer_destination,
        packets=frames.count,
        bytes=frames.bytes,
        first_frame=frames.first_frame,
        first_ns=frames.first_ns,
        last_ns=frames.last_ns,
        frames=frames.frames,
    )


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
    rows = np.flatnonzero(
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
    return TunnelHeaders.unmerged(
        **{name: getattr(packets, name)[rows] for name in copied},
        outer_id_is_zero=packets.outer_id[rows] == 0,
        packets=np.ones(len(rows), dtype=np.bool_),
        first_ns=packets.time_ns[rows],
        last_ns=packets.time_ns[rows],
        frames=packets.number[rows, None],
    )


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
    is_tunnel = (packets.tunnel == Tunnel.IPIP) & ~packets.outer_more_fragments & (packets.outer_fragment_offset == 0)
    room = packets.outer_total_length - packets.outer_header_length.astype(np.int64)
    has_length = is_tunnel & (packets.depth == 1)
    has_length &= (
        (packets.inner_header_length > 0) & (packets.inner_total_length > 0) & (packets.outer_total_length > 0)
    )
    is_long = has_length & (packets.inner_total_length > room)
    is_short = has_length & (packets.inner_total_length < room)
    stopped = is_tunnel & (packets.stop_layer == Layer.INNER_IPV4)
    for no_defect in (StopReason.CAPTURED_LENGTH, StopReason.FRAGMENT, StopReason.DEPTH):
        stopped &= packets.stop_reason != no_defect
    rows = np.flatnonzero(stopped | is_long | is_short)
    stop_reason = np.where(stopped[rows], packets.stop_reason[rows], int(StopReason.NONE))
    return InnerDefects.unmerged(
        outer_source=packets.outer_source[rows],
        outer_destination=packets.outer_destination[rows],
        reason=np.where(is_long[rows] & ~stopped[rows], int(StopReason.TOTAL_LENGTH), stop_reason),
        packets=np.ones(len(rows), dtype=np.bool_),
        first_ns=packets.time_ns[rows],
        last_ns=packets.time_ns[rows],
        frames=packets.number[rows, None],
    )


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
    return Fragments.concatenate([_fragment_rows(packets, "outer"), _fragment_rows(packets, "inner")])


def _fragment_rows(packets: Packets, side: str) -> Fragments:
    def of(name: str) -> Column:
        column: Column = getattr(packets, f"{side}_{name}")
        return column

    rows = np.flatnonzero((of("header_length") > 0) & (of("more_fragments") | (of("fragment_offset") > 0)))
    is_later = of("fragment_offset")[rows] > 0
    return Fragments.unmerged(
        is_outer=np.full(len(rows), side == "outer"),
        source=of("source")[rows],
        destination=of("destination")[rows],
        tunnel=packets.tunnel[rows],
        first_fragments=~is_later,
        later_fragments=is_later,
        length_max=of("total_length")[rows],
        first_ns=packets.time_ns[rows],
        last_ns=packets.time_ns[rows],
        frames=packets.number[rows, None],
    )
