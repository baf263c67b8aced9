"""Ethernet (LINKTYPE_ETHERNET), with any VLAN tags."""

from __future__ import annotations

from ipipdiag.decode.link.model import LinkRows, skip_vlan_tags
from ipipdiag.decode.window import ByteWindow, u16, u48

LINK_TYPES = {1: "ETHERNET"}
HEADER = 14


def decode_link(window: ByteWindow, rows: LinkRows) -> None:
    """Destination, source, ether type (IEEE 802.3); then the tags."""
    run = window.gather(rows.start, HEADER)
    rows.destination_mac = u48(run, 0)
    rows.source_mac = u48(run, 6)
    rows.network_start += HEADER
    rows.set_ether_type(u16(run, 12))
    rows.require(HEADER)
    skip_vlan_tags(window, rows)
