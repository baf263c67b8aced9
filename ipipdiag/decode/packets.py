"""The packet table: a row a frame, and small tables beside it for what few frames have.

*Outer* is the node-to-node header, absent when the packet is bare; *inner* is the packet as the pod sees it: the
innermost IPv4 header, whether or not something is wrapped around it. Addresses are 32-bit integers, MACs 48-bit
integers, times int64 nanoseconds. Where a column does not apply, its value is the one its comment gives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ipipdiag.decode.columns import I16, I32, I64, U8, U16, U32, Bool
from ipipdiag.table import Table

__all__ = ["ArpMessages", "Decoded", "IcmpErrors", "Packets", "Segments"]


class Packets(Table):
    """One row a frame. An IPv4 header that is not there has header length 0 and zeros elsewhere."""

    # the record
    number: I64  # frame number, 1-based, as Wireshark counts
    time_ns: I64
    captured_length: I32
    wire_length: I32
    interface: I32  # number of the capture interface
    # the link layer
    packet_type: U8  # PacketType
    interface_index: I32  # of the kernel, from Linux cooked v2; -1 elsewhere
    hardware_type: I32  # ARPHRD_ of Linux cooked captures; -1 elsewhere
    source_mac: I64  # ABSENT_MAC where the link has none
    destination_mac: I64
    vlan_count: U8
    vlan_id: I16  # of the outermost tag; -1 without
    ether_type: U16  # after VLAN tags; 0 where the link has none
    network: U8  # Network
    record_offset: U8  # bytes skipped before the IP header of a RAW record that begins too early: 0, 14 or 34
    # what is wrapped around
    tunnel: U8  # Tunnel
    depth: U8  # number of IPv4 headers that carry another IPv4 header by protocol 4; 1 is ordinary IP-in-IP
    vni: I32  # VXLAN network identifier; -1 without
    outer_header_length: U8  # bytes; 0: no outer header
    outer_dscp: U8
    outer_ecn: U8
    outer_total_length: I32  # bytes, as the header states
    outer_id: U16
    outer_dont_fragment: Bool
    outer_more_fragments: Bool
    outer_fragment_offset: I32  # bytes
    outer_ttl: U8
    outer_protocol: U8
    outer_checksum: U16
    outer_checksum_good: Bool  # header checksum verified; False also where it could not be computed
    outer_source: U32
    outer_destination: U32
    # the packet as the pod sees it
    inner_header_length: U8  # bytes; 0: no IPv4 header (ARP, IPv6, later outer fragment, undecodable)
    inner_dscp: U8
    inner_ecn: U8
    inner_total_length: I32
    inner_id: U16
    inner_dont_fragment: Bool
    inner_more_fragments: Bool
    inner_fragment_offset: I32
    inner_ttl: U8
    inner_protocol: U8
    inner_checksum: U16
    inner_checksum_good: Bool
    inner_source: U32
    inner_destination: U32
    # transport of the inner packet
    has_transport: Bool  # the fixed part of the TCP, UDP, SCTP (ports only) or ICMP header was decoded
    source_port: I32  # TCP, UDP, SCTP; -1 elsewhere
    destination_port: I32
    payload_length: I32  # bytes after the transport header by the IP lengths, not by what was captured; -1 unknown
    transport_checksum: U16
    checksum_partial: Bool  # TCP or UDP: the checksum field holds the pseudo-header sum (left to the NIC)
    tcp_checksum: U8  # Checksum, of segments without payload that were captured whole
    tcp_sequence: U32
    tcp_acknowledgement: U32
    tcp_header_length: U8  # bytes; 0: not TCP
    tcp_flags: U16  # 12 bits, as tcp.flags: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128
    tcp_window: I32  # unscaled; -1 without
    tcp_mss: I32  # option 2; -1 without
    tcp_window_scale: I16  # option 3, shift count; -1 without
    tcp_sack_permitted: Bool  # option 4
    tcp_timestamp: I64  # option 8, TSval; -1 without
    tcp_timestamp_echo: I64  # TSecr; -1 without
    tcp_md5: Bool  # option 19
    icmp_type: I16  # -1: not ICMP
    icmp_code: I16
    icmp_id: I32  # echo and timestamp messages; -1 elsewhere
    icmp_sequence: I32
    dns_id: I32  # transaction id of UDP from or to port 53 (RFC 1035, 4.1.1); -1 elsewhere
    # where decoding stopped
    stop_layer: U8  # Layer
    stop_reason: U8  # StopReason


class ArpMessages(Table):
    """ARP for IPv4 over Ethernet (RFC 826), a row a message; ``row`` is the position in the packet table."""

    row: I64
    number: I64
    time_ns: I64
    operation: U16  # 1 request, 2 reply
    frame_source_mac: I64  # of the Ethernet header
    frame_destination_mac: I64
    sender_mac: I64
    sender: U32
    target_mac: I64
    target: U32


class IcmpErrors(Table):
    """ICMP errors (types 3, 4, 5, 11, 12) and the headers they quote (RFC 792); a row a message.

    ``quoted_outer_*`` is the quoted header where that is a tunnel's (protocol 4), ``quoted_*`` the packet inside it;
    of a bare packet only ``quoted_*`` is set. A header that was not quoted has header length 0.
    """

    row: I64
    number: I64
    time_ns: I64
    type: U8
    code: U8
    next_hop_mtu: I32  # of 3/4 (RFC 1191), bytes; -1 for other messages
    gateway: U32  # of redirects; 0 elsewhere
    quoted_outer_header_length: U8
    quoted_outer_source: U32
    quoted_outer_destination: U32
    quoted_outer_id: U16
    quoted_outer_ttl: U8
    quoted_outer_protocol: U8
    quoted_outer_total_length: I32
    quoted_header_length: U8
    quoted_source: U32
    quoted_destination: U32
    quoted_id: U16
    quoted_ttl: U8
    quoted_protocol: U8
    quoted_total_length: I32
    quoted_source_port: I32  # -1 where not quoted or not TCP or UDP
    quoted_destination_port: I32
    quoted_tcp_sequence: I64  # -1 where not quoted
    quoted_icmp_type: I16
    quoted_icmp_id: I32
    quoted_icmp_sequence: I32


class Segments(Table):
    """Payloads of a kind of packet, a row a packet that carries any: where they lie in the batch's buffer.

    ``captured`` may be less than ``length`` where the snap length cut the frame.
    """

    row: I64
    offset: I64
    captured: I32
    length: I32


class DnsMessages(Table):
    """DNS over UDP (RFC 1035, 4.1): a row a message whose header is whole; ``row`` is the position in the packet table.

    Of the name asked for there is a hash: enough to tell questions apart, and nothing that a report could give away.
    Upper and lower case are alike. It is 0, and the type -1, where the question was cut or there is none.
    """

    row: I64
    id: U16
    is_response: Bool
    opcode: U8
    is_truncated: Bool  # TC: the rest is to be asked for over TCP
    response_code: U8  # RCODE
    question: I64  # of the first: a hash of QNAME
    question_type: I32  # QTYPE


@dataclass(frozen=True, slots=True)
class Decoded:
    """A batch of frames, decoded: the packet table, and the tables of the rare kinds."""

    packets: Packets
    arp_messages: ArpMessages
    icmp_errors: IcmpErrors
    bgp_segments: Segments  # of TCP from or to port 179
    dns_messages: DnsMessages  # of UDP from or to port 53

    def numbered_from(self, frames_before: int) -> Decoded:
        """The batch with its frames numbered on from those of earlier files."""
        if frames_before == 0:
            return self
        packets, arp, icmp = self.packets, self.arp_messages, self.icmp_errors
        return replace(
            self,
            packets=packets.with_columns(number=packets.number + frames_before),
            arp_messages=arp.with_columns(number=arp.number + frames_before),
            icmp_errors=icmp.with_columns(number=icmp.number + frames_before),
        )
