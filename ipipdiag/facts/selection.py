"""Which frames a run looks at: those of a span of time, or of some hosts. Their numbers stay the file's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Decoded, Packets
from ipipdiag.hashing import hash_rows

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Selection:
    """Frames from ``from_ns`` to ``to_ns``, both included (None: no bound), of any of ``hosts`` (none: of all).

    A frame is of a host that is its source or destination, outer or inner; that its ARP is from or about; or that the
    packet quoted by its ICMP error is from or to. Later fragments of a tunnel packet go with its first one.
    """

    from_ns: int | None = None
    to_ns: int | None = None
    hosts: frozenset[int] = frozenset()

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self.from_ns is None and self.to_ns is None and not self.hosts

    def rows(self, decoded: Decoded) -> Mask:
        """Which rows of the packet table are chosen."""
        time_ns = decoded.packets.time_ns
        chosen = np.ones(len(time_ns), dtype=np.bool_)
        if self.from_ns is not None:
            chosen &= time_ns >= self.from_ns
        if self.to_ns is not None:
            chosen &= time_ns <= self.to_ns
        return chosen & self._of_hosts(decoded) if self.hosts else chosen

    def _of_hosts(self, decoded: Decoded) -> Mask:
        packets, arp, errors = decoded.packets, decoded.arp_messages, decoded.icmp_errors
        chosen = (packets.outer_header_length > 0) & self._any(packets.outer_source, packets.outer_destination)
        chosen |= (packets.inner_header_length > 0) & self._any(packets.inner_source, packets.inner_destination)
        chosen[arp.row[self._any(arp.sender, arp.target)]] = True
        quoted = (errors.quoted_outer_source, errors.quoted_outer_destination)
        chosen[errors.row[self._any(errors.quoted_source, errors.quoted_destination, *quoted)]] = True
        return chosen | _later_fragments(packets, chosen)

    def _any(self, *columns: npt.NDArray[np.uint32]) -> Mask:
        hosts = np.array(sorted(self.hosts), dtype=np.int64)
        found: Mask = np.logical_or.reduce([np.isin(column.astype(np.int64), hosts) for column in columns])
        return found


def _later_fragments(packets: Packets, chosen: Mask) -> Mask:
    """Fragments without an inner header whose first fragment is chosen."""
    later = packets.outer_fragment_offset > 0
    if not later.any():
        return later
    datagrams = hash_rows([packets.outer_source, packets.outer_destination, packets.outer_id])
    return later & np.isin(datagrams, datagrams[chosen & packets.outer_more_fragments])
