"""Linux cooked captures, version 1 (LINKTYPE_LINUX_SLL): ``tcpdump -i any`` before libpcap 1.10, dumpcap still."""

from __future__ import annotations

import numpy as np

from ipipdiag.decode.link.model import LinkRows, skip_vlan_tags
from ipipdiag.decode.window import ByteWindow, u16, u48
from ipipdiag.kinds import ABSENT_MAC

LINK_TYPES = {113: "LINUX_SLL"}
HEADER = 16
MAC_LENGTH = 6


def decode_link(window: ByteWindow, rows: LinkRows) -> None:
    """Packet type, hardware type, sender's address, protocol."""
    run = window.gather(rows.start, HEADER)
    rows.packet_type = np.minimum(u16(run, 0), 255).astype(np.uint8)
    rows.hardware_type = u16(run, 2).astype(np.int32)
    rows.source_mac = np.where(u16(run, 4) == MAC_LENGTH, u48(run, 6), ABSENT_MAC)
    rows.network_start += HEADER
    rows.set_ether_type(u16(run, 14))
    rows.require(HEADER)
    skip_vlan_tags(window, rows)
