"""IP without a link-layer header (LINKTYPE_RAW, LINKTYPE_IPV4): what tcpdump writes on tunl0.

Kernels 5.8 to 5.10 begin the records of packets *received* by tunl0 too early: at the Ethernet header, or at the outer
IPv4 header behind it (fixed in Linux by "net/packet: fix packet receive on L3 devices without visible hard header").
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.link.model import ETHERTYPE_IPV4, LinkRows, network_by_version
from ipipdiag.decode.window import ByteWindow, Positions, u16
from ipipdiag.kinds import Network
from ipipdiag.protocols import IPIP_PROTOCOL

LINK_TYPES = {12: "RAW", 14: "RAW", 101: "RAW", 228: "IPV4"}
ETHERNET, IPV4, IPV6 = 14, 20, 40


def decode_link(window: ByteWindow, rows: LinkRows) -> None:
    """The first byte says which IP; where it cannot be, look for a header 34 or 14 bytes further on."""
    network_by_version(window, rows, np.ones(len(rows.start), dtype=np.bool_))
    odd = (rows.network == Network.OTHER) | _begins_with_mac(window, rows)
    if not odd.any():
        return
    wrapped = odd & _is_ipv4(window, rows, rows.start + ETHERNET) & _is_ipv4(window, rows, rows.start + ETHERNET + IPV4)
    wrapped &= window.gather(rows.start + ETHERNET, IPV4)[:, 9] == IPIP_PROTOCOL
    plain = odd & ~wrapped & _is_ipv4(window, rows, rows.start + ETHERNET)
    for early, skipped in ((wrapped, ETHERNET + IPV4), (plain, ETHERNET)):
        rows.record_offset[early] = skipped
        rows.network_start[early] += skipped
        rows.network[early] = Network.IPV4


def _begins_with_mac(window: ByteWindow, rows: LinkRows) -> npt.NDArray[np.bool_]:
    """Whether a MAC only looks like an IP version (42:01:..., 60:45:...): IPv4 by type behind it, no sound header."""
    run = window.gather(rows.start, IPV4)
    size, total = rows.wire_end - rows.start, u16(run, 2)
    sound_ipv4 = (run[:, 0] >= 0x45) & ((total == 0) | ((total >= IPV4) & (total <= size)))
    sound = np.where(rows.network == Network.IPV4, sound_ipv4, u16(run, 4) + IPV6 == size)
    typed: npt.NDArray[np.bool_] = (rows.captured_end - rows.start >= ETHERNET) & (u16(run, 12) == ETHERTYPE_IPV4)
    mistaken: npt.NDArray[np.bool_] = typed & ~sound
    return mistaken


def _is_ipv4(window: ByteWindow, rows: LinkRows, position: Positions) -> npt.NDArray[np.bool_]:
    """Whether a plausible IPv4 header without options lies there: version, length, total length within the record."""
    run = window.gather(position, IPV4)
    here = rows.captured_end - position >= IPV4
    total = u16(run, 2)
    plausible: npt.NDArray[np.bool_] = here & (run[:, 0] == 0x45) & (total >= IPV4)
    return plausible & (total <= rows.wire_end - position)
