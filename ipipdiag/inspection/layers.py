"""Headers to fields with their values as text, and what is expected of each."""

from __future__ import annotations

import struct
from collections.abc import Callable

from ipipdiag.addresses import HOST_SIDE_MAC, format_mac
from ipipdiag.inspection.expectations import (
    ECN_NAMES,
    arp_fields,
    inner_fields,
    mss_field,
    outer_fields,
    vni_field,
)
from ipipdiag.inspection.model import Dissection, Field, FrameRecord, FrameView, Header, Judgement, Kind, Layer, judged

IPIP, TCP, UDP = 4, 6, 17
PROTOCOLS = {1: "ICMP", 4: "IP-in-IP", 6: "TCP", 17: "UDP", 41: "IPv6", 47: "GRE", 132: "SCTP"}
FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
ICMP_NAMES = {
    (0, 0): "echo reply",
    (8, 0): "echo request",
    (3, 0): "network unreachable",
    (3, 1): "host unreachable",
    (3, 2): "protocol unreachable: no ipip module at the reporter, if protocol 4 is quoted",
    (3, 3): "port unreachable: tunl0 down or absent at the reporter, if protocol 4 is quoted",
    (3, 4): "fragmentation needed",
    (3, 9): "network prohibited",
    (3, 10): "host prohibited",
    (3, 13): "administratively prohibited",
    (11, 0): "time exceeded in transit",
    (11, 1): "time exceeded in reassembly",
}
MSS, WINDOW_SCALE, SACK_PERMITTED, SACK, TIMESTAMPS, MD5 = 2, 3, 4, 5, 8, 19


def view(record: FrameRecord, dissection: Dissection) -> FrameView:
    """The frame as it is shown: every header with its fields, judged where one frame tells."""
    headers = dissection.headers
    layers = tuple(_layer(headers, position, record) for position in range(len(headers)))
    return FrameView(record, _summary(headers), layers, dissection.stop)


def _layer(headers: tuple[Header, ...], position: int, record: FrameRecord) -> Layer:
    header = headers[position]
    fields, title = _FIELDS[header.kind](headers, position, record)
    prefix = "quoted: " if header.quoted else ""
    return Layer(prefix + title, header.start, header.length, tuple(fields))


Fields = tuple[list[Field], str]


def _ethernet(headers: tuple[Header, ...], position: int, record: FrameRecord) -> Fields:
    packet = headers[position].packet
    return [
        _mac("destination", packet.dst),
        _mac("source", packet.src),
        Field("ether type", f"0x{packet.type:04x}"),
    ], "Ethernet"


def _mac(name: str, octets: bytes) -> Field:
    number = int.from_bytes(octets, "big")
    return Field(name, format_mac(number), "host side of a pod's veth" if number == HOST_SIDE_MAC else "")


def _cooked(headers: tuple[Header, ...], position: int, record: FrameRecord) -> Fields:
    packet = headers[position].packet
    kinds = {0: "to us", 1: "broadcast", 2: "multicast", 3: "to another host", 4: "sent by us"}
    fields = [Field("packet type", f"{packet.type} ({kinds.get(packet.type, 'unknown')})")]
    if headers[position].kind is Kind.COOKED2:
        index = struct.unpack_from("!I", record.data, headers[position].start + 4)[0]
        fields.append(Field("interface index", str(index)))
    return [*fields, Field("ether type", f"0x{packet.ethtype:04x}")], "Linux cooked capture"


def _null(headers: tuple[Header, ...], position: int, record: FrameRecord) -> Fields:
    return [Field("family", str(headers[position].packet.family))], "BSD loopback"


def _ppp(headers: tuple[Header, ...], position: int, record: FrameRecord) -> Fields:
    return [Field("protocol", f"0x{headers[position].packet.protocol:04x}")], "PPP"


def _vlan(headers: tuple[Header, ...], position: int, record: FrameRecord) -> Fields:
    packet = headers[position].packet
    return [Field("VLAN", str(packet.id)), Field("ether type", f"0x{packet.type:04x}")], "VLAN tag"


def _arp(headers: tuple[Header, ...], position: int, record: FrameRecord) -> Fields:
    packet = headers[position].packet
    expected = arp_fields(packet)
    plain = [
        Field("operation", {1: "1 (request)", 2: "2 (reply)"}.get(packet.op, str(packet.op))),
        _mac("sender MAC", packet.sha),
        Field("sender", _address(packet.spa)),
        _mac("target MAC", packet.tha),
        Field("target", _address(packet.tpa)),
    ]
    return [expected.get(field.name, field) for field in plain], "ARP"


def _ipv4(headers: tuple[Header, ...], position: int, record: FrameRecord) -> Fields:
    header = headers[position]
    packet = header.packet
    before = headers[position - 1] if position else None
    is_inner = before is not None and before.kind is Kind.IPV4 and before.quoted == header.quoted
    behind = headers[position + 1] if position + 1 < len(headers) else None
    inner = behind.packet if behind is not None and behind.kind is Kind.IPV4 else None
    expected: dict[str, Field] = {}
    if packet.p == IPIP:
        expected = outer_fields(packet, inner)
    elif is_inner and before is not None:
        is_fragment = bool(before.packet.mf or before.packet.offset)
        expected = inner_fields(packet, -1 if is_fragment or header.quoted else before.end - header.start)
    title = "Outer IPv4 header" if packet.p == IPIP else "Inner IPv4 header" if is_inner else "IPv4 header"
    return [expected.get(field.name, field) for field in _ipv4_fields(header, record)], title


def _ipv4_fields(header: Header, record: FrameRecord) -> list[Field]:
    packet = header.packet
    data = record.data[header.start : header.start + header.length]
    good = _ones_sum(data) == 0xFFFF
    return [
        Field("header length", f"{packet.hl * 4} bytes"),
        Field("DSCP", str(packet.tos >> 2)),
        Field("ECN", ECN_NAMES[packet.tos & 3]),
        Field("total length", f"{packet.len} bytes"),
        Field("identification", f"0x{packet.id:04x}"),
        Field("DF", "set" if packet.df else "not set"),
        Field("MF", "set" if packet.mf else "not set"),
        Field("fragment offset", f"{packet.offset} bytes"),
        Field("TTL", str(packet.ttl)),
        Field("protocol", f"{packet.p} ({PROTOCOLS.get(packet.p, 'not decoded')})"),
        judged("header checksum", f"0x{packet.sum:04x}", "the header's sum", good=good)
        if not header.quoted
        else Field("header checksum", f"0x{packet.sum:04x}"),
        Field("source", _address(packet.src)),
        Field("destination", _address(packet.dst)),
    ]


def _tcp(headers: tuple[Header, ...], position: int, record: FrameRecord) -> Fields:
    header = headers[position]
    packet = header.packet
    names = [name for bit, name in enumerate(FLAGS) if packet.flags >> bit & 1]
    fields = [
        Field("source port", str(packet.sport)),
        Field("destination port", str(packet.dport)),
        Field("sequence", str(packet.seq)),
        Field("acknowledgement", str(packet.ack)),
        Field("header length", f"{packet.off * 4 if header.length > 20 else header.length} bytes"),
        Field("flags", " ".join(names) or "none"),
        Field("window", f"{packet.win}, before scaling"),
        _checksum(headers, position, packet.sum),
        Field("payload", f"{max(header.end - header.start - header.length, 0)} bytes"),
    ]
    return [*fields, *_tcp_options(packet.opts)], "TCP"


def _tcp_options(options: bytes) -> list[Field]:
    fields: list[Field] = []
    at = 0
    while at < len(options) and options[at] != 0:
        if options[at] == 1:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        value = options[at + 2 : at + length]
        if length < 2 or at + length > len(options):
            return [*fields, Field("options", "malformed from here on", judgement=Judgement.DEVIATES)]
        fields.append(_tcp_option(options[at], value))
        at += length
    return fields


def _tcp_option(kind: int, value: bytes) -> Field:
    if kind == MSS and len(value) == 2:
        return mss_field(int.from_bytes(value, "big"))
    if kind == TIMESTAMPS and len(value) == 8:
        mine, echo = struct.unpack("!II", value)
        return Field("timestamps", f"{mine}, echo {echo}")
    if kind == WINDOW_SCALE and len(value) == 1:
        return Field("window scale", f"shift by {value[0]}")
    names = {SACK_PERMITTED: "SACK permitted", SACK: "SACK blocks", MD5: "MD5 signature"}
    return Field(names.get(kind, f"option {kind}"), f"{len(value)} bytes" if value else "yes")


def _udp(headers: tuple[Header, ...], position: int, record: FrameRecord) -> Fields:
    packet = headers[position].packet
    return [
        Field("source port", str(packet.sport)),
        Field("destination port", str(packet.dport)),
        Field("length", f"{packet.ulen} bytes"),
        _checksum(headers, position, packet.sum),
    ], "UDP"


def _checksum(headers: tuple[Header, ...], position: int, value: int) -> Field:
    """The transport checksum; equal to the sum of the pseudo-header alone it is one that was left to the NIC."""
    header, carrier = headers[position], headers[position - 1].packet
    length = header.end - header.start
    pseudo = carrier.src + carrier.dst + struct.pack("!HHI", 0, carrier.p, max(length, 0))
    note = "the pseudo-header's sum: left to the NIC, not wrong at the sender" if _ones_sum(pseudo) == value else ""
    return Field("checksum", f"0x{value:04x}", note)


def _icmp(headers: tuple[Header, ...], position: int, record: FrameRecord) -> Fields:
    packet = headers[position].packet
    name = ICMP_NAMES.get((packet.type, packet.code), "")
    fields = [Field("type and code", f"{packet.type}/{packet.code}", name), Field("checksum", f"0x{packet.sum:04x}")]
    if packet.type in (0, 8):
        fields += [Field("identifier", str(packet.rest >> 16)), Field("sequence", str(packet.rest & 0xFFFF))]
    elif (packet.type, packet.code) == (3, 4):
        fields.append(Field("next-hop MTU", f"{packet.rest & 0xFFFF} bytes"))
    return fields, "ICMP"


def _vxlan(headers: tuple[Header, ...], position: int, record: FrameRecord) -> Fields:
    packet = headers[position].packet
    return [Field("flags", f"0x{packet.flags:02x}"), vni_field(packet.vni)], "VXLAN"


def _quoted_transport(headers: tuple[Header, ...], position: int, record: FrameRecord) -> Fields:
    packet = headers[position].packet
    fields = [Field("source port", str(packet.sport)), Field("destination port", str(packet.dport))]
    if packet.seq is not None:
        fields.append(Field("sequence", str(packet.seq)))
    return fields, "first 8 bytes of the transport header"


_FIELDS: dict[Kind, Callable[[tuple[Header, ...], int, FrameRecord], Fields]] = {
    Kind.ETHERNET: _ethernet,
    Kind.COOKED: _cooked,
    Kind.COOKED2: _cooked,
    Kind.NULL: _null,
    Kind.PPP: _ppp,
    Kind.VLAN: _vlan,
    Kind.ARP: _arp,
    Kind.IPV4: _ipv4,
    Kind.TCP: _tcp,
    Kind.UDP: _udp,
    Kind.ICMP: _icmp,
    Kind.VXLAN: _vxlan,
    Kind.QUOTED_TRANSPORT: _quoted_transport,
}


def _summary(headers: tuple[Header, ...]) -> str:
    """Who sends what to whom, from the inside out."""
    own = [header for header in headers if not header.quoted]
    packets = [header.packet for header in own if header.kind is Kind.IPV4]
    if not packets:
        return " in ".join(header.kind.value for header in reversed(own)) or "nothing decoded"
    ends = [f"{_address(packet.src)} → {_address(packet.dst)}" for packet in packets]
    last = own[-1].kind.value.upper() if own[-1].kind is not Kind.IPV4 else PROTOCOLS.get(packets[-1].p, "IP")
    if len(ends) == 1:
        return f"{last} {ends[0]}"
    wrap = "VXLAN" if any(header.kind is Kind.VXLAN for header in own) else "IP-in-IP"
    return f"{last} {ends[-1]}, in {wrap} {ends[0]}"


def _address(octets: bytes) -> str:
    return ".".join(str(octet) for octet in octets)


def _ones_sum(data: bytes) -> int:
    """The ones' complement sum of the 16-bit words (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) // 2 * 2]))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total
