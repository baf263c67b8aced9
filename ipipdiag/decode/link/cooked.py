"""Linux cooked captures, version 1 (LINKTYPE_LINUX_SLL): ``tcpdump -i any`` before libpcap 1.10, dumpcap still."""

from __future__ import annotations

import numpy as np

from ipipdiag.decode.link.model import LinkRows, skip_vlan_tags
from ipipdiag.decode.window import ByteWindow, u16, u48

LINK_TYPES = {113: "LINUX_SLL"}
HEADER = 16
MAC_LENGTH = 6


def decode_link(window: ByteWindow, rows: LinkRows) -> None:
    """Packet type, hardware type, sender's address, protocol."""
    here = rows.require(HEADER)
    run = window.gather(rows.start, HEADER)
    rows.packet_type[here] = np.minimum(u16(run, 0), 255)[here]
    rows.hardware_type[here] = u16(run, 2)[here]
    has_mac = here & (u16(run, 4) == MAC_LENGTH)
    rows.source_mac[has_mac] = u48(run, 6)[has_mac]
    rows.network_start += HEADER
    rows.set_ether_type(here, u16(run, 14))
    skip_vlan_tags(window, rows, here)
