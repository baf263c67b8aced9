"""Packets as bytes, built from the inside out: ``ethernet(ipip(ipv4(tcp(flags="S"), POD_A, POD_B), NODE_A, NODE_B))``.

Each function returns the bytes of its header and all within. Lengths and checksums are right unless a parameter says
otherwise. What a builder returns also remembers what the header around it must say (ether type, IP protocol, where the
checksum is), so these follow of themselves; a slice of it is plain bytes and remembers nothing.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence

MAC_A, MAC_B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
BROADCAST = "ff:ff:ff:ff:ff:ff"
PARTIAL = -1  # as a checksum: the pseudo-header sum that Linux leaves for the NIC to complete

IPV4, ARP, IPV6, VLAN, QINQ = 0x0800, 0x0806, 0x86DD, 0x8100, 0x88A8
ICMP, IPIP, TCP, UDP, IPV6_IN_IPV4, GRE, SCTP = 1, 4, 6, 17, 41, 47, 132
TCP_FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128}


class Layer(bytes):
    """A header with what it carries, and what the header around it needs to know."""

    ether_type: int
    protocol: int
    checksum_at: int | None  # offset of a TCP or UDP checksum that is not filled in yet
    partial: bool

    @classmethod
    def of(
        cls,
        data: bytes,
        *,
        ether_type: int = IPV4,
        protocol: int = UDP,
        checksum_at: int | None = None,
        partial: bool = False,
    ) -> Layer:
        """The bytes, remembered as something of that ether type or IP protocol."""
        layer = cls(data)
        layer.ether_type, layer.protocol = ether_type, protocol
        layer.checksum_at, layer.partial = checksum_at, partial
        return layer


def mac(address: str | int) -> bytes:
    """The six bytes of a MAC address."""
    return address.to_bytes(6, "big") if isinstance(address, int) else bytes.fromhex(address.replace(":", ""))


def ip(address: str | int) -> bytes:
    """The four bytes of an IPv4 address."""
    return ipaddress.IPv4Address(address).packed


def ip_number(address: str) -> int:
    """An IPv4 address as the packet table holds it."""
    return int(ipaddress.IPv4Address(address))


def mac_number(address: str) -> int:
    """A MAC address as the packet table holds it."""
    return int.from_bytes(mac(address), "big")


def ones_sum(data: bytes) -> int:
    """The ones' complement sum of the 16-bit words (RFC 1071), not complemented."""
    total: int = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checksum_of(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    return ones_sum(data) ^ 0xFFFF


# link layers


def ethernet(
    payload: bytes, source: str | int = MAC_A, destination: str | int = MAC_B, ether_type: int | None = None
) -> bytes:
    """An Ethernet frame; the type follows from the payload."""
    return mac(destination) + mac(source) + struct.pack(">H", _ether_type(payload, ether_type)) + payload


def vlan(payload: bytes, id: int, ether_type: int | None = None, tag_type: int = VLAN) -> Layer:
    """An 802.1Q tag (or 802.1ad with ``tag_type=QINQ``) and what it carries."""
    return Layer.of(struct.pack(">HH", id, _ether_type(payload, ether_type)) + payload, ether_type=tag_type)


def sll(
    payload: bytes,
    source: str | int = MAC_A,
    packet_type: int = 0,
    hardware_type: int = 1,
    ether_type: int | None = None,
    address_length: int = 6,
) -> bytes:
    """A Linux cooked header, version 1."""
    head = struct.pack(">HHH", packet_type, hardware_type, address_length) + mac(source) + b"\0\0"
    return head + struct.pack(">H", _ether_type(payload, ether_type)) + payload


def sll2(
    payload: bytes,
    source: str | int = MAC_A,
    packet_type: int = 0,
    interface_index: int = 2,
    hardware_type: int = 1,
    ether_type: int | None = None,
    address_length: int = 6,
) -> bytes:
    """A Linux cooked header, version 2."""
    kind = _ether_type(payload, ether_type)
    head = struct.pack(">HHIHBB", kind, 0, interface_index, hardware_type, packet_type, address_length)
    return head + mac(source) + b"\0\0" + payload


def _ether_type(payload: bytes, given: int | None) -> int:
    if given is not None:
        return given
    return payload.ether_type if isinstance(payload, Layer) else IPV4


# ARP and IPv4


def arp(
    operation: int,
    sender_mac: str | int,
    sender: str | int,
    target_mac: str | int = 0,
    target: str | int = "0.0.0.0",
) -> Layer:
    """An ARP message for IPv4 over Ethernet: operation 1 asks, 2 answers."""
    head = struct.pack(">HHBBH", 1, IPV4, 6, 4, operation)
    return Layer.of(head + mac(sender_mac) + ip(sender) + mac(target_mac) + ip(target), ether_type=ARP)


def ipv4(
    payload: bytes,
    source: str | int,
    destination: str | int,
    protocol: int | None = None,
    ttl: int = 64,
    id: int = 1,
    dont_fragment: bool = False,
    more_fragments: bool = False,
    offset: int = 0,
    dscp: int = 0,
    ecn: int = 0,
    total_length: int | None = None,
    options: bytes = b"",
    checksum: int | None = None,
    version: int = 4,
    header_length: int | None = None,
) -> Layer:
    """An IPv4 packet. ``offset`` is in bytes; ``options`` are padded to a multiple of four.

    A TCP or UDP checksum inside that was left open is filled in. ``total_length``, ``header_length`` (bytes),
    ``version`` and ``checksum`` can be made to lie.
    """
    options += b"\0" * (-len(options) % 4)
    payload_protocol = payload.protocol if isinstance(payload, Layer) else UDP
    payload = _complete_checksum(payload, source, destination)
    stated = 20 + len(options) + len(payload) if total_length is None else total_length
    words = (header_length if header_length is not None else 20 + len(options)) // 4
    flags = dont_fragment << 14 | more_fragments << 13 | offset // 8
    kind = payload_protocol if protocol is None else protocol
    head = struct.pack(">BBHHHBBH", version << 4 | words, dscp << 2 | ecn, stated & 0xFFFF, id, flags, ttl, kind, 0)
    head += ip(source) + ip(destination) + options
    total = checksum_of(head) if checksum is None else checksum
    return Layer.of(head[:10] + struct.pack(">H", total) + head[12:] + payload, protocol=IPIP)


def ipip(inner: bytes, source: str | int, destination: str | int, ttl: int = 64, id: int = 2, **fields: int) -> Layer:
    """An IPv4 packet inside another (protocol 4); further fields are those of ``ipv4``."""
    return ipv4(inner, source, destination, protocol=IPIP, ttl=ttl, id=id, **fields)  # type: ignore[arg-type]


def fragments(packet: bytes, size: int) -> list[Layer]:
    """The packet (20-byte header) in fragments of ``size`` bytes of payload (a multiple of 8; the last has less)."""
    head, payload = packet[:20], packet[20:]
    parts = []
    for at in range(0, len(payload), size):
        part = payload[at : at + size]
        flags = (at + size < len(payload)) << 13 | at // 8
        new = head[:2] + struct.pack(">H", 20 + len(part)) + head[4:6] + struct.pack(">H", flags) + head[8:10]
        new += b"\0\0" + head[12:20]
        parts.append(Layer.of(new[:10] + struct.pack(">H", checksum_of(new)) + new[12:] + part, protocol=IPIP))
    return parts


def _complete_checksum(payload: bytes, source: str | int, destination: str | int) -> bytes:
    """The payload with the TCP or UDP checksum that its addresses and length make."""
    if not isinstance(payload, Layer) or payload.checksum_at is None:
        return payload
    pseudo = ip(source) + ip(destination) + struct.pack(">HH", payload.protocol, len(payload) & 0xFFFF)
    total = ones_sum(pseudo) if payload.partial else checksum_of(pseudo + payload)
    if payload.protocol == UDP and total == 0:
        total = 0xFFFF
    at = payload.checksum_at
    return payload[:at] + struct.pack(">H", total) + payload[at + 2 :]


# transport


def tcp(
    payload: bytes = b"",
    source_port: int = 40000,
    destination_port: int = 80,
    flags: str | int = "A",
    sequence: int = 1000,
    acknowledgement: int = 0,
    window: int = 64240,
    options: bytes = b"",
    checksum: int | None = None,
    header_length: int | None = None,
    urgent: int = 0,
) -> Layer:
    """A TCP segment; ``flags`` are letters of FSRPAUEC; ``checksum`` may be PARTIAL; options are padded with END."""
    options += b"\0" * (-len(options) % 4)
    length = 20 + len(options) if header_length is None else header_length
    bits = flags if isinstance(flags, int) else sum(TCP_FLAGS[letter] for letter in flags)
    head = struct.pack(">HHII", source_port, destination_port, sequence & 0xFFFFFFFF, acknowledgement & 0xFFFFFFFF)
    left_open = checksum in (None, PARTIAL)
    head += struct.pack(">HHHH", length // 4 << 12 | bits, window, 0 if left_open else checksum, urgent)
    checksum_at = 16 if left_open else None
    return Layer.of(head + options + payload, protocol=TCP, checksum_at=checksum_at, partial=checksum == PARTIAL)


def tcp_options(
    mss: int | None = None,
    sack: bool = False,
    timestamps: tuple[int, int] | None = None,
    window_scale: int | None = None,
) -> bytes:
    """TCP options as Linux lays them out: MSS, SACK permitted, timestamps (value, echo), window scale."""
    data = b"" if mss is None else struct.pack(">BBH", 2, 4, mss)
    if timestamps is not None:
        data += (b"\x04\x02" if sack else b"\x01\x01") + struct.pack(">BBII", 8, 10, *timestamps)
    elif sack:
        data += b"\x01\x01\x04\x02"
    if window_scale is not None:
        data += struct.pack(">BBBB", 1, 3, 3, window_scale)
    return data


def udp(
    payload: bytes = b"",
    source_port: int = 40000,
    destination_port: int = 53,
    checksum: int | None = None,
    length: int | None = None,
) -> Layer:
    """A UDP datagram; ``checksum`` may be PARTIAL, or 0 for none."""
    stated = 8 + len(payload) if length is None else length
    left_open = checksum in (None, PARTIAL)
    head = struct.pack(">HHHH", source_port, destination_port, stated & 0xFFFF, 0 if left_open else checksum)
    checksum_at = 6 if left_open else None
    return Layer.of(head + payload, protocol=UDP, checksum_at=checksum_at, partial=checksum == PARTIAL)


def dns_query(name: str, id: int = 1, kind: int = 1) -> bytes:
    """A DNS query for a name; ``kind`` 1 asks for A, 28 for AAAA."""
    return _dns(id, 0x0100, name, kind)


def dns_answer(name: str, id: int = 1, kind: int = 1, code: int = 0, truncated: bool = False, more: int = 0) -> bytes:
    """The answer to it, without records; ``code`` 3 is NXDOMAIN; ``more`` bytes stand for what records it has."""
    return _dns(id, 0x8180 | truncated << 9 | code, name, kind) + bytes(more)


def _dns(id: int, flags: int, name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", id, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def icmp_echo(request: bool = True, id: int = 1, sequence: int = 1, payload: bytes = b"abcdefgh") -> Layer:
    """An ICMP echo request or reply."""
    return icmp_message(8 if request else 0, 0, struct.pack(">HH", id, sequence) + payload)


def icmp_error(type: int, code: int, quoted: bytes, next_hop_mtu: int = 0, gateway: str | int | None = None) -> Layer:
    """An ICMP error about the packet ``quoted``, of which 548 bytes are taken at most (RFC 1812, 4.3.2.3)."""
    rest = ip(gateway) if gateway is not None else struct.pack(">HH", 0, next_hop_mtu)
    return icmp_message(type, code, rest + quoted[:548])


def icmp_message(type: int, code: int, rest: bytes) -> Layer:
    """Any ICMP message: what follows the checksum is ``rest``."""
    total = checksum_of(struct.pack(">BBH", type, code, 0) + rest)
    return Layer.of(struct.pack(">BBH", type, code, total) + rest, protocol=ICMP)


def vxlan(payload: bytes, vni: int, source_port: int = 50000, flags: int = 0x08, checksum: int | None = 0) -> Layer:
    """A UDP datagram to port 4789 that carries an Ethernet frame; Linux leaves its checksum 0."""
    return udp(struct.pack(">II", flags << 24, vni << 8) + payload, source_port, 4789, checksum)


# BGP

Prefixes = Sequence[str]


def bgp_open(
    as_number: int = 64512,
    hold_time: int = 90,
    router_id: str = "172.18.0.2",
    capabilities: bytes = b"\x01\x04\0\x01\0\x01",
) -> bytes:
    """A BGP OPEN with its capabilities in one optional parameter."""
    parameters = bytes([2, len(capabilities)]) + capabilities if capabilities else b""
    body = struct.pack(">BHH", 4, as_number, hold_time) + ip(router_id) + bytes([len(parameters)]) + parameters
    return _bgp(1, body)


def bgp_update(
    announced: Prefixes = (),
    next_hop: str = "172.18.0.2",
    withdrawn: Prefixes = (),
    path_id: int | None = None,
    multiprotocol: bool = False,
    reflected_by: str | None = None,
) -> bytes:
    """A BGP UPDATE; ``path_id`` puts an identifier before each prefix (RFC 7911), ``multiprotocol`` uses RFC 4760,
    ``reflected_by`` adds what a route reflector does (RFC 4456).
    """
    reach, unreach = _prefixes(announced, path_id), _prefixes(withdrawn, path_id)
    attributes = b"\x40\x01\x01\x00\x40\x02\x00" if announced else b""
    if reflected_by:
        attributes += _attribute(9, ip(next_hop), flags=0x80) + _attribute(10, ip(reflected_by), flags=0x80)
    if multiprotocol:
        if announced:
            attributes += _attribute(14, b"\0\x01\x01\x04" + ip(next_hop) + b"\0" + reach, flags=0x90)
        if withdrawn:
            attributes += _attribute(15, b"\0\x01\x01" + unreach, flags=0x90)
        reach = unreach = b""
    elif announced:
        attributes += _attribute(3, ip(next_hop), flags=0x40)
    body = struct.pack(">H", len(unreach)) + unreach + struct.pack(">H", len(attributes)) + attributes + reach
    return _bgp(2, body)


def bgp_notification(code: int, subcode: int = 0, data: bytes = b"") -> bytes:
    """A BGP NOTIFICATION: code 4 is an expired hold timer, 6 a cease."""
    return _bgp(3, bytes([code, subcode]) + data)


def bgp_keepalive() -> bytes:
    """A BGP KEEPALIVE."""
    return _bgp(4, b"")


def _bgp(kind: int, body: bytes) -> bytes:
    return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), kind) + body


def _attribute(kind: int, value: bytes, flags: int) -> bytes:
    length = struct.pack(">H", len(value)) if flags & 0x10 else bytes([len(value)])
    return bytes([flags, kind]) + length + value


def _prefixes(prefixes: Prefixes, path_id: int | None) -> bytes:
    data = b""
    for text in prefixes:
        network = ipaddress.IPv4Network(text)
        data += b"" if path_id is None else struct.pack(">I", path_id)
        data += bytes([network.prefixlen]) + network.network_address.packed[: (network.prefixlen + 7) // 8]
    return data
