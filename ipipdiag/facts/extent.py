"""How much one point recorded, over which time, and whether its clock ran on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets
from ipipdiag.facts.tally import EVIDENCE_FRAMES
from ipipdiag.kinds import Network


@dataclass(frozen=True, slots=True)
class Extent:
    """Counts over all frames of a point; times are None without frames, lengths in bytes."""

    frames: int = 0
    bytes: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    ipv4: int = 0
    ipv6: int = 0
    arp: int = 0
    other: int = 0
    truncated: int = 0  # captured length below wire length
    captured_max: int = 0
    wire_max: int = 0
    vlan_ids: tuple[int, ...] = ()  # of outermost tags, the lowest EVIDENCE_FRAMES
    hardware_types: tuple[int, ...] = ()  # ARPHRD_ of Linux cooked captures
    backward_steps: int = 0
    backward_max_ns: int = 0
    backward_frames: tuple[int, ...] = ()
    forward_max_ns: int = 0  # longest time without a frame
    forward_frame: int = 0  # the frame after it
    early_records: int = 0  # RAW records that began 14 or 34 bytes early


class ExtentFold:
    """Adds up the extent of one point over its batches, in order."""

    def __init__(self) -> None:
        self._extent = Extent()
        self._last_time: int | None = None

    def step(self, packets: Packets) -> None:
        """Add a batch."""
        if len(packets) == 0:
            return
        old, times = self._extent, packets.time_ns
        previous = np.concatenate([[times[0] if self._last_time is None else self._last_time], times[:-1]])
        step = times - previous
        back = step < 0
        network = np.bincount(packets.network, minlength=len(Network))
        first, last = int(times.min()), int(times.max())
        tags = np.unique(packets.vlan_id[packets.vlan_id >= 0]).tolist()
        types = np.unique(packets.hardware_type[packets.hardware_type >= 0]).tolist()
        self._extent = Extent(
            frames=old.frames + len(packets),
            bytes=old.bytes + int(packets.wire_length.sum(dtype=np.int64)),
            first_ns=first if old.first_ns is None else min(first, old.first_ns),
            last_ns=last if old.last_ns is None else max(last, old.last_ns),
            ipv4=old.ipv4 + int(network[Network.IPV4]),
            ipv6=old.ipv6 + int(network[Network.IPV6]),
            arp=old.arp + int(network[Network.ARP]),
            other=old.other + int(network[Network.OTHER] + network[Network.NONE]),
            truncated=old.truncated + int((packets.captured_length < packets.wire_length).sum()),
            captured_max=max(old.captured_max, int(packets.captured_length.max())),
            wire_max=max(old.wire_max, int(packets.wire_length.max())),
            vlan_ids=tuple(sorted({*old.vlan_ids, *tags})[:EVIDENCE_FRAMES]),
            hardware_types=tuple(sorted({*old.hardware_types, *types})[:EVIDENCE_FRAMES]),
            backward_steps=old.backward_steps + int(back.sum()),
            backward_max_ns=max(old.backward_max_ns, int(-step.min(initial=0))),
            backward_frames=(old.backward_frames + tuple(packets.number[back].tolist()))[:EVIDENCE_FRAMES],
            **self._longest_pause(step, packets),
            early_records=old.early_records + int((packets.record_offset > 0).sum()),
        )
        self._last_time = int(times[-1])

    def _longest_pause(self, step: npt.NDArray[np.int64], packets: Packets) -> dict[str, int]:
        at = int(step.argmax())
        old = self._extent
        if step[at] <= old.forward_max_ns:
            return {"forward_max_ns": old.forward_max_ns, "forward_frame": old.forward_frame}
        return {"forward_max_ns": int(step[at]), "forward_frame": int(packets.number[at])}

    def finish(self) -> Extent:
        """The extent of all batches."""
        return self._extent
