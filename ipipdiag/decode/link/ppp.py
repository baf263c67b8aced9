"""PPP (LINKTYPE_PPP, LINKTYPE_PPP_HDLC): an optional address and control field, then the protocol (RFC 1661, 1662)."""

from __future__ import annotations

import numpy as np

from ipipdiag.decode.link.model import ETHERTYPE_IPV4, ETHERTYPE_IPV6, LinkRows
from ipipdiag.decode.window import ByteWindow, u16

LINK_TYPES = {9: "PPP", 50: "PPP_HDLC"}
ADDRESS_AND_CONTROL = 0xFF03
PPP_IPV4, PPP_IPV6 = 0x0021, 0x0057


def decode_link(window: ByteWindow, rows: LinkRows) -> None:
    """The protocol number is mapped to the ether type of the same network layer; others keep type 0."""
    run = window.gather(rows.start, 4)
    has_address = u16(run, 0) == ADDRESS_AND_CONTROL
    protocol = np.where(has_address, u16(run, 2), u16(run, 0))
    rows.network_start += np.where(has_address, 4, 2)
    ether_type = np.select([protocol == PPP_IPV4, protocol == PPP_IPV6], [ETHERTYPE_IPV4, ETHERTYPE_IPV6], 0)
    rows.set_ether_type(ether_type.astype(np.uint16))
    rows.require(4)
