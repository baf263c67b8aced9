"""BSD loopback (LINKTYPE_NULL, LINKTYPE_LOOP): a 4-byte address family, then the packet."""

from __future__ import annotations

from ipipdiag.decode.link.model import LinkRows, network_by_version
from ipipdiag.decode.window import ByteWindow

LINK_TYPES = {0: "NULL", 108: "LOOP"}
HEADER = 4


def decode_link(window: ByteWindow, rows: LinkRows) -> None:
    """The family's byte order and value differ between systems; the IP version does not."""
    rows.network_start += HEADER
    rows.require(HEADER)
    network_by_version(window, rows)
