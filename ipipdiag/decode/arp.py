"""ARP for IPv4 over Ethernet (RFC 826)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.link.model import LinkRows
from ipipdiag.decode.packets import ArpMessages
from ipipdiag.decode.window import ByteWindow, u16, u32, u48
from ipipdiag.kinds import Layer, StopReason

LENGTH = 28
ETHERNET_IPV4 = (1, 0x0800, 6, 4)  # hardware type, protocol type, and the lengths of their addresses


def read_arp(
    window: ByteWindow,
    link: LinkRows,
    chosen: npt.NDArray[np.intp],
    number: npt.NDArray[np.int64],
    time_ns: npt.NDArray[np.int64],
) -> ArpMessages:
    """The ARP messages of the chosen rows; those that are cut, or for other address families, stop at ARP."""
    start = link.network_start[chosen]
    short = link.wire_end[chosen] - start < LENGTH
    cut = ~short & (link.captured_end[chosen] - start < LENGTH)
    run = window.gather(start, LENGTH)
    hardware, protocol, hardware_length, protocol_length = ETHERNET_IPV4
    other = (u16(run, 0) != hardware) | (u16(run, 2) != protocol)
    other |= (run[:, 4] != hardware_length) | (run[:, 5] != protocol_length)
    other &= ~short & ~cut
    for stopped, reason in (
        (short, StopReason.TOTAL_LENGTH),
        (cut, StopReason.CAPTURED_LENGTH),
        (other, StopReason.UNSUPPORTED),
    ):
        link.stop_layer[chosen[stopped]] = Layer.ARP
        link.stop_reason[chosen[stopped]] = reason
    whole = ~short & ~cut & ~other
    row, run = chosen[whole], run[whole]
    return ArpMessages(
        row=row.astype(np.int64),
        number=number[row],
        time_ns=time_ns[row],
        operation=u16(run, 6),
        frame_source_mac=link.source_mac[row],
        frame_destination_mac=link.destination_mac[row],
        sender_mac=u48(run, 8),
        sender=u32(run, 14),
        target_mac=u48(run, 18),
        target=u32(run, 24),
    )
