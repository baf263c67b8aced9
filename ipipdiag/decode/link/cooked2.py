"""Linux cooked captures, version 2 (LINKTYPE_LINUX_SLL2): with the index of the kernel's interface."""

from __future__ import annotations

from ipipdiag.decode.link.model import LinkRows, skip_vlan_tags
from ipipdiag.decode.window import ByteWindow, u16, u32, u48

LINK_TYPES = {276: "LINUX_SLL2"}
HEADER = 20
MAC_LENGTH = 6


def decode_link(window: ByteWindow, rows: LinkRows) -> None:
    """Protocol, interface index, hardware type, packet type, sender's address."""
    here = rows.require(HEADER)
    run = window.gather(rows.start, HEADER)
    rows.interface_index[here] = (u32(run, 4) & 0x7FFFFFFF)[here]
    rows.hardware_type[here] = u16(run, 8)[here]
    rows.packet_type[here] = run[:, 10][here]
    has_mac = here & (run[:, 11] == MAC_LENGTH)
    rows.source_mac[has_mac] = u48(run, 12)[has_mac]
    rows.network_start += HEADER
    rows.set_ether_type(here, u16(run, 0))
    skip_vlan_tags(window, rows, here)
