"""One frame of every kind that is decoded or named, by link type; the recorded samples hold only some of them."""

from __future__ import annotations

from tests.builders import packets as build
from tests.builders.captures import ETHERNET, NULL, PPP, RAW, SLL, SLL2
from tests.builders.packets import MAC_A, MAC_B, PARTIAL, QINQ, Layer, ethernet, icmp_error, ipip, ipv4, tcp, udp, vlan

NODE_A, NODE_B, ROUTER = "172.18.0.2", "172.18.0.3", "172.18.0.1"
POD_A, POD_B = "10.244.1.5", "10.244.2.7"
SYN_OPTIONS = build.tcp_options(mss=1460, sack=True, timestamps=(7, 8), window_scale=7)
ROUTER_ALERT = b"\x94\x04\0\0"
NTP = b"\x23" + bytes(47)


def syn() -> Layer:
    """The first packet of a connection between two pods."""
    segment = tcp(flags="S", sequence=0xFEDCBA98, options=SYN_OPTIONS)
    return ipv4(segment, POD_A, POD_B, ttl=63, id=0x1234, dont_fragment=True, dscp=10, ecn=2)


def data(payload: bytes = bytes(40)) -> Layer:
    """A segment of an established connection."""
    options = build.tcp_options(timestamps=(0x01020304, 0x05060708))
    return ipv4(
        tcp(payload, flags="PA", sequence=5, acknowledgement=9, options=options, window=501), POD_A, POD_B, ttl=63
    )


def datagram(payload: bytes = NTP) -> Layer:
    """A UDP datagram between two pods."""
    return ipv4(udp(payload, 50123, 9999), POD_A, POD_B, ttl=63)


def ping(request: bool = True) -> Layer:
    """An echo request or reply between two pods."""
    return ipv4(build.icmp_echo(request, id=77, sequence=3, payload=bytes(56)), POD_A, POD_B, ttl=63)


def wrapped(inner: bytes, **fields: int) -> Layer:
    """The packet in an outer header between the nodes."""
    return ipip(inner, NODE_A, NODE_B, id=0x2222, **fields)


def nested(depth: int) -> Layer:
    """An echo request behind that many outer headers, each with another identification."""
    packet = ping()
    for level in range(depth):
        packet = ipip(packet, NODE_A, NODE_B, ttl=200 - level, id=1000 + level)
    return packet


def in_vxlan(frame: bytes, vni: int = 4096) -> Layer:
    """The Ethernet frame in VXLAN between the nodes."""
    return ipv4(build.vxlan(frame, vni), NODE_A, NODE_B)


def ip_packets() -> dict[str, Layer]:
    """IPv4 packets of all kinds."""
    outer_fragments = build.fragments(wrapped(data(bytes(200))), 80)
    inner_fragments = build.fragments(datagram(bytes(100)), 48)
    too_big = ipv4(icmp_error(3, 4, wrapped(data()), next_hop_mtu=1400), ROUTER, NODE_A)
    return {
        "syn": syn(),
        "data": data(),
        "datagram": datagram(),
        "echo request": ping(),
        "echo reply": ping(request=False),
        "ipip syn": wrapped(syn()),
        "ipip data": wrapped(data()),
        "ipip datagram": wrapped(datagram()),
        "ipip ping": wrapped(ping()),
        "ipip 3 deep": nested(3),
        "outer options": ipv4(ping(), NODE_A, NODE_B, options=ROUTER_ALERT),
        "inner options": wrapped(ipv4(udp(NTP, 50123, 9999), POD_A, POD_B, options=ROUTER_ALERT * 10)),
        "first outer fragment": outer_fragments[0],
        "later outer fragment": outer_fragments[1],
        "first inner fragment": wrapped(inner_fragments[0]),
        "later inner fragment": wrapped(inner_fragments[-1]),
        "checksum left to the NIC": ipv4(tcp(b"x", checksum=PARTIAL), POD_A, POD_B),
        "udp checksum left to the NIC": ipv4(udp(b"x", 50123, 9999, checksum=PARTIAL), POD_A, POD_B),
        "wrong header checksum": wrapped(ipv4(udp(b"x", 50123, 9999), POD_A, POD_B, checksum=0xBEEF)),
        "wrong outer checksum": ipv4(data(), NODE_A, NODE_B, checksum=0xBEEF),
        "fragmentation needed": too_big,
        "fragmentation needed inside": wrapped(ipv4(icmp_error(3, 4, data(), next_hop_mtu=1480), NODE_B, POD_A)),
        "time exceeded": ipv4(icmp_error(11, 0, wrapped(ping())), ROUTER, NODE_A),
        "port unreachable": ipv4(icmp_error(3, 3, datagram()), POD_B, POD_A),
        "redirect": ipv4(icmp_error(5, 1, wrapped(ping()), gateway=ROUTER), ROUTER, NODE_A),
        "quote of eight bytes": ipv4(icmp_error(3, 1, syn()[:28]), NODE_A, POD_A),
        "quote of a later fragment": ipv4(icmp_error(11, 1, wrapped(inner_fragments[1])), ROUTER, NODE_A),
        "timestamp request": ipv4(build.icmp_message(13, 0, bytes(16)), POD_A, POD_B),
        "bgp": ipv4(tcp(build.bgp_keepalive(), 179, 50001, "PA"), NODE_A, NODE_B),
        "sctp": ipv4(bytes.fromhex("9c4001bb000000010000000003000010") + bytes(12), POD_A, POD_B, protocol=132),
        "ospf": ipv4(bytes(24), NODE_A, NODE_B, protocol=89),
        "gre": ipv4(b"\0\0\x08\0" + ping(), NODE_A, NODE_B, protocol=47),
        "ipv6 in ipv4": ipv4(ipv6(bytes(8)), NODE_A, NODE_B, protocol=41),
        "wireguard": ipv4(udp(b"\x04\0\0\0" + bytes(28), 51820, 51820), NODE_A, NODE_B),
        "vxlan": in_vxlan(ethernet(syn())),
        "vxlan datagram": in_vxlan(ethernet(datagram())),
        "vxlan ping": in_vxlan(ethernet(ping())),
        "vxlan arp": in_vxlan(ethernet(build.arp(1, MAC_A, POD_A, 0, POD_B))),
        "vxlan ipv6": in_vxlan(ethernet(ipv6(bytes(8)), ether_type=0x86DD)),
    }


def ipv6(payload: bytes) -> bytes:
    """An IPv6 packet with no next header."""
    return (
        b"\x60\0\0\0"
        + len(payload).to_bytes(2, "big")
        + b"\x3b\x40"
        + bytes(15)
        + b"\x01"
        + bytes(15)
        + b"\x02"
        + payload
    )


def frames() -> dict[int, dict[str, bytes]]:
    """Whole frames by link type and name."""
    asked = build.arp(1, MAC_A, POD_A, 0, "169.254.1.1")
    on_ethernet = {name: ethernet(packet) for name, packet in ip_packets().items()} | {
        "arp request": ethernet(asked, destination=build.BROADCAST),
        "arp reply": ethernet(build.arp(2, "ee:ee:ee:ee:ee:ee", "169.254.1.1", MAC_A, POD_A)),
        "tagged ipip": ethernet(vlan(wrapped(syn()), 100)),
        "tagged arp": ethernet(vlan(asked, 4094)),
        "double tagged ipip": ethernet(vlan(vlan(wrapped(data()), 200), 100, tag_type=QINQ)),
        "padded": ethernet(ipv4(tcp(), NODE_A, NODE_B)) + bytes(6),
        "ipv6": ethernet(ipv6(bytes(8)), ether_type=0x86DD),
        "lldp": ethernet(bytes(46), ether_type=0x88CC),
    }
    cooked = {"ipip": wrapped(syn()), "bare": datagram(), "arp": asked, "tagged": vlan(wrapped(ping()), 100)}
    return {
        ETHERNET: on_ethernet,
        RAW: {**ip_packets(), "ipv6": ipv6(bytes(8))},
        SLL: {name: build.sll(packet, MAC_B, packet_type=4) for name, packet in cooked.items()},
        SLL2: {name: build.sll2(packet, MAC_B, packet_type=3, interface_index=9) for name, packet in cooked.items()},
        NULL: {"ipip": b"\x02\0\0\0" + wrapped(syn()), "ipv6": b"\x1e\0\0\0" + ipv6(bytes(8))},
        PPP: {"ipip": b"\xff\x03\0\x21" + wrapped(data()), "bare": b"\0\x21" + ping()},
    }
