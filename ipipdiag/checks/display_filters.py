"""Wireshark display filters for evidence: every filter the report prints comes from one of these templates.

``ip.src#1`` is the outermost header (Wireshark 4.0 and later), which keeps ICMP errors that quote a tunnel packet out.
"""

from __future__ import annotations

from ipipdiag.addresses import format_address, format_mac


def tunnel(source: int, destination: int) -> str:
    """IP-in-IP packets from one outer address to another, later fragments too."""
    return f"ip.proto#1 == 4 && ip.src#1 == {format_address(source)} && ip.dst#1 == {format_address(destination)}"


def tunnel_both_ways(one: int, other: int) -> str:
    """IP-in-IP packets between two outer addresses."""
    return (
        f"ip.proto#1 == 4 && ip.src#1 in {{{format_address(one)}, {format_address(other)}}}"
        f" && ip.dst#1 in {{{format_address(one)}, {format_address(other)}}}"
    )


def tunnel_fragments(source: int, destination: int) -> str:
    """Fragments of the outer packets from one address to another."""
    return f"{tunnel(source, destination)} && (ip.flags.mf#1 == 1 || ip.frag_offset#1 > 0)"


def tunnelled_to(outer_source: int, outer_destination: int, inner_destination: int) -> str:
    """IP-in-IP packets between two outer addresses that carry packets to one inner address."""
    return f"{tunnel(outer_source, outer_destination)} && ip.dst#2 == {format_address(inner_destination)}"


def tunnelled_flow(source: int, destination: int) -> str:
    """Wrapped packets from one inner address to another."""
    return f"ip.proto#1 == 4 && ip.src#2 == {format_address(source)} && ip.dst#2 == {format_address(destination)}"


def bare(source: int, destination: int) -> str:
    """Packets from one address to another with nothing wrapped around them."""
    return f"ip.proto#1 != 4 && ip.src#1 == {format_address(source)} && ip.dst#1 == {format_address(destination)}"


def between(one: int, other: int) -> str:
    """Packets whose outermost header is between two addresses, whatever they carry."""
    return (
        f"ip.src#1 in {{{format_address(one)}, {format_address(other)}}}"
        f" && ip.dst#1 in {{{format_address(one)}, {format_address(other)}}}"
    )


def arp_about(address: int) -> str:
    """ARP requests and replies about an address."""
    text = format_address(address)
    return f"arp.dst.proto_ipv4 == {text} || arp.src.proto_ipv4 == {text}"


def arp_request(sender: int, target: int) -> str:
    """ARP requests of one address for another."""
    return (
        f"arp.opcode == 1 && arp.src.proto_ipv4 == {format_address(sender)}"
        f" && arp.dst.proto_ipv4 == {format_address(target)}"
    )


def arp_reply(sender: int) -> str:
    """ARP replies for an address."""
    return f"arp.opcode == 2 && arp.src.proto_ipv4 == {format_address(sender)}"


def to_mac(mac: int) -> str:
    """Frames sent to a MAC address."""
    return f"eth.dst == {format_mac(mac)}"


def icmp_error(reporter: int, kind: int, code: int | None = None) -> str:
    """ICMP errors of one type (and code) from one reporter, in either form."""
    with_code = "" if code is None else f" && icmp.code == {code}"
    return f"icmp.type == {kind}{with_code} && ip.src == {format_address(reporter)}"


def syn_from(source: int) -> str:
    """TCP SYN and SYN-ACK sent by one address, in either form."""
    return f"tcp.flags.syn == 1 && ip.src == {format_address(source)}"


def frames(numbers: tuple[int, ...]) -> str:
    """Frames by number, for what no protocol field selects."""
    if len(numbers) == 1:
        return f"frame.number == {numbers[0]}"
    return f"frame.number in {{{', '.join(str(number) for number in numbers)}}}"


def bgp_between(one: int, other: int) -> str:
    """TCP/179 between two addresses, connection attempts too."""
    return f"tcp.port == 179 && {between(one, other)}"


def bgp_from(speaker: int) -> str:
    """TCP/179 sent by one address."""
    return f"tcp.port == 179 && ip.src#1 == {format_address(speaker)}"


def announcements_of(prefix: int) -> str:
    """BGP messages that announce or withdraw a prefix."""
    text = format_address(prefix)
    return f"bgp.nlri_prefix == {text} || bgp.withdrawn_prefix == {text} || bgp.mp_reach_nlri_ipv4_prefix == {text}"


def to_address(address: int) -> str:
    """Packets to one address, in either form."""
    return f"ip.dst == {format_address(address)}"


def address(value: int) -> str:
    """Packets from or to one address, in any header."""
    return f"ip.addr == {format_address(value)}"


def tunnelled_from(source: int) -> str:
    """Wrapped packets of one inner address."""
    return f"ip.proto#1 == 4 && ip.src#2 == {format_address(source)}"


def from_mac(mac: int) -> str:
    """Frames of one MAC address."""
    return f"eth.src == {format_mac(mac)}"


def conversation(one: int, other: int) -> str:
    """Packets between two addresses, in either form."""
    return f"ip.addr == {format_address(one)} && ip.addr == {format_address(other)}"


def sent_by(source: int) -> str:
    """Packets whose outermost header names one address as the source."""
    return f"ip.src#1 == {format_address(source)}"


def inner_fragments(source: int, destination: int) -> str:
    """Wrapped fragments of packets from one inner address to another."""
    return f"{tunnelled_flow(source, destination)} && (ip.flags.mf#2 == 1 || ip.frag_offset#2 > 0)"


def bare_fragments(source: int, destination: int) -> str:
    """Fragments of packets from one address to another with nothing wrapped around them, as tunl0 shows them."""
    return f"{bare(source, destination)} && (ip.flags.mf#1 == 1 || ip.frag_offset#1 > 0)"


def handshakes(source: int, destination: int) -> str:
    """TCP SYN, SYN-ACK and RST between two addresses, in either form."""
    return f"(tcp.flags.syn == 1 || tcp.flags.reset == 1) && {conversation(source, destination)}"


def tcp_flow(source: int, destination: int, source_port: int, destination_port: int) -> str:
    """One direction of a TCP connection, in either form."""
    return (
        f"ip.src == {format_address(source)} && ip.dst == {format_address(destination)}"
        f" && tcp.srcport == {source_port} && tcp.dstport == {destination_port}"
    )


def tcp_between(source: int, destination: int) -> str:
    """TCP from one address to another, in either form."""
    return f"tcp && ip.src == {format_address(source)} && ip.dst == {format_address(destination)}"


def dns_with(server: int) -> str:
    """DNS over UDP from or to one server, in either form."""
    return f"udp.port == 53 && {address(server)}"
