"""A frame's bytes to headers: dpkt decodes each header, this module says where each begins and ends.

dpkt is given one header at a time. Left to decode a whole frame it hands a header that is cut back as plain bytes,
without saying so.
"""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import dpkt

from ipipdiag.inspection.model import Dissection, Header, Kind, Stop
from ipipdiag.protocols import VXLAN_PORT

ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_IPV6 = 0x0800, 0x0806, 0x86DD
VLAN_TAGS = (0x8100, 0x88A8, 0x9100)
IPIP, ICMP, TCP, UDP = 4, 1, 6, 17
NAMED_PROTOCOLS = {41: "IPv6 in IPv4", 47: "GRE", 50: "ESP", 132: "SCTP", 2: "IGMP", 89: "OSPF", 112: "VRRP"}
QUOTING = (3, 4, 5, 11, 12)  # ICMP errors (RFC 792)
ICMP_HEADER = 8
QUOTED_TRANSPORT = 8
MOST_NESTED = 64
_PPP_ETHERTYPES = {0x0021: ETHERTYPE_IPV4, 0x0057: ETHERTYPE_IPV6}


def dissect(data: bytes, wire_length: int, link_type: int, record_offset: int = 0) -> Dissection:
    """The headers in a frame of a link type (LINKTYPE_ number), from ``record_offset`` bytes into it on."""
    walk = _Walk(data, max(wire_length, len(data)))
    try:
        walk.link(link_type, record_offset)
    except _StoppedError as stopped:
        return Dissection(tuple(walk.headers), stopped.stop)
    return Dissection(tuple(walk.headers), None)


def _ethernet(data: bytes) -> SimpleNamespace:
    destination, source, ether_type = struct.unpack("!6s6sH", data)
    return SimpleNamespace(dst=destination, src=source, type=ether_type)


def _loopback(data: bytes) -> SimpleNamespace:
    """Its address family in the byte order of the machine that captured (dpkt would go on to what is behind it)."""
    little, big = int.from_bytes(data, "little"), int.from_bytes(data, "big")
    return SimpleNamespace(family=min(little, big))


class _StoppedError(Exception):
    def __init__(self, layer: str, reason: str) -> None:
        super().__init__(reason)
        self.stop = Stop(layer, reason)


class _Walk:
    """One pass through a frame from the outside in; headers are noted as they are decoded."""

    def __init__(self, data: bytes, wire_length: int) -> None:
        self.data = data
        self.wire_length = wire_length
        self.headers: list[Header] = []
        self._quoted = False

    def link(self, link_type: int, record_offset: int) -> None:
        """Decode from the link layer on."""
        start, end = record_offset, self.wire_length
        if link_type == 1:
            self.ethernet(start, end)
        elif link_type == 113:
            cooked = self._note(Kind.COOKED, start, 16, end, "Linux cooked header", dpkt.sll.SLL)
            self.network(cooked.ethtype, start + 16, end)
        elif link_type == 276:
            cooked = self._note(Kind.COOKED2, start, 20, end, "Linux cooked header", dpkt.sll2.SLL2)
            self.network(cooked.ethtype, start + 20, end)
        elif link_type in (0, 108):
            self._note(Kind.NULL, start, 4, end, "BSD loopback header", _loopback)
            self.by_version(start + 4, end)
        elif link_type in (9, 50):
            self.ppp(start, end)
        elif link_type in (12, 14, 101, 228):
            self.by_version(start, end)
        else:
            raise _StoppedError("link layer", "this link type is only named, not decoded")

    def ethernet(self, start: int, end: int) -> None:
        """An Ethernet header, then its VLAN tags and what they carry."""
        # dpkt would go on to the tags behind the header, which are not in these bytes
        header = self._note(Kind.ETHERNET, start, 14, end, "Ethernet header", _ethernet)
        if header.type < 1536:
            raise _StoppedError("network layer", f"IEEE 802.3 frame of length {header.type}, not followed")
        self.network(header.type, start + 14, end)

    def ppp(self, start: int, end: int) -> None:
        """The optional address and control field, and the protocol (RFC 1661, 1662)."""
        self._need("PPP header", start, 4, end)
        address, protocol = struct.unpack_from("!HH", self.data, start)
        length = 4 if address == 0xFF03 else 2
        protocol = protocol if length == 4 else address
        self.headers.append(Header(Kind.PPP, start, length, end, SimpleNamespace(protocol=protocol)))
        self.network(_PPP_ETHERTYPES.get(protocol, 0), start + length, end)

    def network(self, ether_type: int, start: int, end: int) -> None:
        """What an ether type announces, behind any VLAN tags."""
        while ether_type in VLAN_TAGS:
            ether_type = self._note(Kind.VLAN, start, 4, end, "VLAN tag", dpkt.ethernet.VLANtag8021Q).type
            start += 4
        if ether_type == ETHERTYPE_IPV4:
            self.ipv4(start, end)
        elif ether_type == ETHERTYPE_ARP:
            self._note(Kind.ARP, start, 28, end, "ARP message", dpkt.arp.ARP)
        else:
            name = "IPv6" if ether_type == ETHERTYPE_IPV6 else f"ether type 0x{ether_type:04x}"
            raise _StoppedError("network layer", f"{name} is only named, not decoded")

    def by_version(self, start: int, end: int) -> None:
        """An IP packet on a link that carries nothing else."""
        self._need("IP header", start, 1, end)
        version = self.data[start] >> 4
        self.network({4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6}.get(version, version), start, end)

    def ipv4(self, start: int, end: int, depth: int = 0) -> None:
        """An IPv4 header and what it carries."""
        layer = "inner IPv4 header" if depth else "IPv4 header"
        self._need(layer, start, 20, end)
        version, header_length = self.data[start] >> 4, (self.data[start] & 0x0F) * 4
        if version != 4:
            raise _StoppedError(layer, f"the version is {version}, not 4")
        if header_length < 20:
            raise _StoppedError(layer, f"the header length is {header_length} bytes, below the least of 20")
        self._need(layer, start, header_length, end)
        header = dpkt.ip.IP(self.data[start : start + header_length])
        packet_end = min(start + header.len, end) if header.len else end  # length 0: too large for the field (TSO)
        self._append(Kind.IPV4, start, header_length, packet_end, header)
        if header.len and header.len < header_length:
            raise _StoppedError(
                layer, f"the total length is {header.len} bytes, less than the header's {header_length}"
            )
        self._payload(header, start + header_length, packet_end, depth)

    def _payload(self, header: Any, start: int, end: int, depth: int) -> None:
        if header.offset:
            raise _StoppedError("payload", "a later fragment: no further header is in it, and none is expected")
        if header.p == IPIP:
            if depth + 1 >= MOST_NESTED:
                raise _StoppedError("inner IPv4 header", f"{MOST_NESTED} headers deep, not followed further")
            self.ipv4(start, end, depth + 1)
        elif self._quoted and header.p in (TCP, UDP):
            self._need("quoted transport header", start, QUOTED_TRANSPORT, end)
            source, destination, rest = struct.unpack_from("!HHI", self.data, start)
            ports = SimpleNamespace(sport=source, dport=destination, seq=rest if header.p == TCP else None)
            self._append(Kind.QUOTED_TRANSPORT, start, QUOTED_TRANSPORT, end, ports)
        elif header.p == TCP:
            self.tcp(start, end)
        elif header.p == UDP:
            self.udp(start, end)
        elif header.p == ICMP:
            self.icmp(start, end)
        else:
            name = NAMED_PROTOCOLS.get(header.p, f"protocol {header.p}")
            raise _StoppedError("payload", f"{name} is only named, not decoded")

    def tcp(self, start: int, end: int) -> None:
        """A TCP header with its options."""
        self._need("TCP header", start, 20, end)
        header_length = (self.data[start + 12] >> 4) * 4
        if header_length < 20:
            raise _StoppedError("TCP header", f"the header length is {header_length} bytes, below the least of 20")
        try:
            self._need("TCP options", start, header_length, end)
        except _StoppedError:
            fixed = bytearray(self.data[start : start + 20])
            fixed[12] = 0x50 | (fixed[12] & 0x0F)  # no options, for dpkt
            self._append(Kind.TCP, start, 20, end, dpkt.tcp.TCP(bytes(fixed)))
            raise
        self._append(Kind.TCP, start, header_length, end, dpkt.tcp.TCP(self.data[start : start + header_length]))

    def udp(self, start: int, end: int) -> None:
        """A UDP header, and what VXLAN carries behind it."""
        header = self._note(Kind.UDP, start, 8, end, "UDP header", dpkt.udp.UDP)
        if header.dport != VXLAN_PORT:
            return
        self._need("VXLAN header", start + 8, 8, end)
        flags, network = struct.unpack_from("!II", self.data, start + 8)
        self._append(Kind.VXLAN, start + 8, 8, end, SimpleNamespace(flags=flags >> 24, vni=network >> 8))
        self.ethernet(start + 16, end)

    def icmp(self, start: int, end: int) -> None:
        """An ICMP header, and what an error quotes behind it."""
        self._need("ICMP header", start, ICMP_HEADER, end)
        kind, code, checksum, rest = struct.unpack_from("!BBHI", self.data, start)
        header = SimpleNamespace(type=kind, code=code, sum=checksum, rest=rest)
        self._append(Kind.ICMP, start, ICMP_HEADER, end, header)
        if kind in QUOTING and not self._quoted:
            self._quoted = True
            self.ipv4(start + ICMP_HEADER, end)

    def _note(self, kind: Kind, start: int, size: int, end: int, layer: str, decoder: Any) -> Any:
        """Decode a header of a fixed size by one of dpkt's classes, note it, and return it."""
        self._need(layer, start, size, end)
        packet = decoder(self.data[start : start + size])
        self._append(kind, start, size, end, packet)
        return packet

    def _append(self, kind: Kind, start: int, length: int, end: int, packet: Any) -> None:
        self.headers.append(Header(kind, start, length, end, packet, self._quoted))

    def _need(self, layer: str, start: int, size: int, end: int) -> None:
        """Stop unless so many bytes belong to the packet and were captured."""
        if start + size > end:
            limit = "the packet" if self.headers else "the frame"
            raise _StoppedError(layer, f"needs {size} bytes, {limit} ends after {max(end - start, 0)} of them")
        if start + size > len(self.data):
            had = max(len(self.data) - start, 0)
            raise _StoppedError(layer, f"needs {size} bytes, {had} were captured (snap length, or a cut record)")
