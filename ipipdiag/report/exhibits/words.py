"""What a packet is, in a few words: ``SYN 40000 → 80``, ``echo request 3``."""

from __future__ import annotations

from collections.abc import Sequence

from ipipdiag.inspection.layers import FLAGS, ICMP_NAMES, PROTOCOLS
from ipipdiag.inspection.model import Header, Kind
from ipipdiag.protocols import ECHO_REPLY, ECHO_REQUEST


def packet_words(headers: Sequence[Header]) -> str:
    """The innermost header that is not quoted, in short."""
    own = [header for header in headers if not header.quoted]
    if not own:
        return "nothing decoded"
    last = own[-1]
    packet = last.packet
    if last.kind is Kind.TCP:
        flags = "-".join(name for bit, name in enumerate(FLAGS) if packet.flags >> bit & 1 and name != "PSH")
        data = last.end - last.start - last.length
        ends = f"{packet.sport} → {packet.dport}"
        if data > 0 and flags == "ACK":
            return f"{ends}, {data:,} bytes"
        return f"{flags or 'TCP'} {ends}" + (f", {data:,} bytes" if data > 0 else "")
    if last.kind is Kind.UDP:
        return f"UDP {packet.sport} → {packet.dport}"
    if last.kind is Kind.ICMP:
        name = ICMP_NAMES.get((packet.type, packet.code), f"ICMP {packet.type}/{packet.code}").partition(":")[0]
        return f"{name} {packet.rest & 0xFFFF}" if packet.type in (ECHO_REPLY, ECHO_REQUEST) else name
    if last.kind is Kind.IPV4:
        return PROTOCOLS.get(packet.p, f"protocol {packet.p}")
    return last.kind.value
