"""Where the fields of each header lie: their names, as ``inspection/layers.py`` has them, and widths in bits."""

from __future__ import annotations

from ipipdiag.inspection.model import Header, Kind

Layout = tuple[tuple[str, int], ...]

_LAYOUTS: dict[Kind, Layout] = {
    Kind.ETHERNET: (("destination", 48), ("source", 48), ("ether type", 16)),
    Kind.COOKED: (
        ("packet type", 16), ("hardware type", 16), ("address length", 16), ("source", 64), ("ether type", 16),
    ),
    Kind.COOKED2: (
        ("ether type", 16), ("reserved", 16), ("interface index", 32), ("hardware type", 16), ("packet type", 8),
        ("address length", 8), ("source", 64),
    ),
    Kind.NULL: (("family", 32),),
    Kind.VLAN: (("VLAN", 16), ("ether type", 16)),
    Kind.ARP: (
        ("hardware type", 16), ("protocol type", 16), ("hardware length", 8), ("protocol length", 8),
        ("operation", 16), ("sender MAC", 48), ("sender", 32), ("target MAC", 48), ("target", 32),
    ),
    Kind.IPV4: (
        ("version", 4), ("header length", 4), ("DSCP", 6), ("ECN", 2), ("total length", 16), ("identification", 16),
        ("reserved", 1), ("DF", 1), ("MF", 1), ("fragment offset", 13), ("TTL", 8), ("protocol", 8),
        ("header checksum", 16), ("source", 32), ("destination", 32),
    ),
    Kind.TCP: (
        ("source port", 16), ("destination port", 16), ("sequence", 32), ("acknowledgement", 32),
        ("header length", 4), ("flags", 12), ("window", 16), ("checksum", 16), ("urgent pointer", 16),
    ),
    Kind.UDP: (("source port", 16), ("destination port", 16), ("length", 16), ("checksum", 16)),
    Kind.ICMP: (("type and code", 16), ("checksum", 16), ("rest of the header", 32)),
    Kind.VXLAN: (("flags", 32), ("network identifier", 24), ("reserved", 8)),
    Kind.QUOTED_TRANSPORT: (("source port", 16), ("destination port", 16), ("sequence or length, checksum", 32)),
}  # fmt: skip


def layout_of(header: Header) -> Layout:
    """The fields of a header from its first bit to its last; what no field has a name for is "options"."""
    fields = _LAYOUTS.get(header.kind, (("protocol", header.length * 8),))
    rest = header.length * 8 - sum(bits for _, bits in fields)
    return (*fields, ("options", rest)) if rest > 0 else fields
