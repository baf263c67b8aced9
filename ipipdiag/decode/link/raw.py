"""IP without a link-layer header (LINKTYPE_RAW, LINKTYPE_IPV4): what tcpdump writes on tunl0.

Kernels 5.8 to 5.10 begin the records of packets *received* by tunl0 too early: at the Ethernet header, or at the outer
IPv4 header behind it (fixed in Linux by "net/packet: fix packet receive on L3 devices without visible hard header").
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.columns import Bool
from ipipdiag.decode.ipv4 import PLAIN
from ipipdiag.decode.link.model import ETHERTYPE_IPV4, LinkRows, network_by_version
from ipipdiag.decode.window import ByteWindow, u16
from ipipdiag.kinds import Network
from ipipdiag.protocols import IPIP_PROTOCOL

LINK_TYPES = {12: "RAW", 14: "RAW", 101: "RAW", 228: "IPV4"}
ETHERNET, IPV4, IPV6 = 14, 20, 40


def decode_link(window: ByteWindow, rows: LinkRows) -> None:
    """The first byte says which IP; where it cannot be, look for a header 34 or 14 bytes further on."""
    network_by_version(window, rows)
    odd = np.concatenate([np.flatnonzero(rows.network == Network.OTHER), _begins_with_mac(window, rows)])
    behind = odd[_holds_ipv4(window, rows, odd, ETHERNET)]
    is_wrapped = window.gather(rows.start[behind] + ETHERNET, IPV4)[:, 9] == IPIP_PROTOCOL
    is_wrapped &= _holds_ipv4(window, rows, behind, ETHERNET + IPV4)
    for early, skipped in ((behind[is_wrapped], ETHERNET + IPV4), (behind[~is_wrapped], ETHERNET)):
        rows.record_offset[early] = skipped
        rows.network_start[early] += skipped
        rows.network[early] = Network.IPV4


def _begins_with_mac(window: ByteWindow, rows: LinkRows) -> npt.NDArray[np.intp]:
    """Frames whose MAC only looks like an IP version (42:01:..., 60:45:...): typed IPv4, and no sound header there."""
    has_version = (rows.network == Network.IPV4) | (rows.network == Network.IPV6)
    typed = u16(window.gather(rows.start + ETHERNET - 2, 2), 0) == ETHERTYPE_IPV4
    chosen = np.flatnonzero(has_version & typed & (rows.captured_end - rows.start >= ETHERNET))
    run = window.gather(rows.start[chosen], IPV4)
    size = rows.wire_end[chosen] - rows.start[chosen]
    total = u16(run, 2)
    sound_ipv4 = (run[:, 0] >= PLAIN) & ((total == 0) | ((total >= IPV4) & (total <= size)))
    is_sound: Bool = np.where(rows.network[chosen] == Network.IPV4, sound_ipv4, u16(run, 4) == size - IPV6)
    return chosen[~is_sound]


def _holds_ipv4(window: ByteWindow, rows: LinkRows, chosen: npt.NDArray[np.intp], at: int) -> Bool:
    """Whether a plausible IPv4 header without options lies there: version, length, total length within the record."""
    position = rows.start[chosen] + at
    run = window.gather(position, IPV4)
    total = u16(run, 2)
    plausible: Bool = (rows.captured_end[chosen] - position >= IPV4) & (run[:, 0] == PLAIN) & (total >= IPV4)
    return plausible & (total <= rows.wire_end[chosen] - position)
