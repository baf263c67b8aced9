"""Linux cooked captures, version 2 (LINKTYPE_LINUX_SLL2): with the index of the kernel's interface."""

from __future__ import annotations

import numpy as np

from ipipdiag.decode.link.model import LinkRows, skip_vlan_tags
from ipipdiag.decode.window import ByteWindow, u16, u32, u48
from ipipdiag.kinds import ABSENT_MAC

LINK_TYPES = {276: "LINUX_SLL2"}
HEADER = 20
MAC_LENGTH = 6


def decode_link(window: ByteWindow, rows: LinkRows) -> None:
    """Protocol, interface index, hardware type, packet type, sender's address."""
    run = window.gather(rows.start, HEADER)
    rows.interface_index = (u32(run, 4) & 0x7FFFFFFF).astype(np.int32)
    rows.hardware_type = u16(run, 8).astype(np.int32)
    rows.packet_type = run[:, 10].copy()
    rows.source_mac = np.where(run[:, 11] == MAC_LENGTH, u48(run, 12), ABSENT_MAC)
    rows.network_start += HEADER
    rows.set_ether_type(u16(run, 0))
    rows.require(HEADER)
    skip_vlan_tags(window, rows)
