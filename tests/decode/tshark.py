"""What tshark shows of each frame, in the terms of the packet table.

``frame.protocols`` gives the layers in their order; the n-th layer of a protocol has the n-th occurrence of its fields.
Headers before the first ICMP layer are those of the packet itself, those behind it are quoted.
"""

from __future__ import annotations

import ipaddress
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ipipdiag.kinds import ABSENT_MAC, Checksum, Network, PacketType, Tunnel
from tests.builders.captures import ETHERNET, NULL, PPP, RAW, SLL, SLL2
from tests.builders.packets import IPIP, IPV6_IN_IPV4, TCP, UDP, ip_number, mac_number, ones_sum

TSHARK = shutil.which("tshark")

PREFERENCES = (
    "ip.defragment:FALSE",
    "ip.check_checksum:TRUE",
    "tcp.check_checksum:TRUE",
    "tcp.desegment_tcp_streams:FALSE",
    "tcp.relative_sequence_numbers:FALSE",
    "tcp.analyze_sequence_numbers:FALSE",
    "tcp.calculate_timestamps:FALSE",
    "udp.calculate_timestamps:FALSE",
)
IPV4_FIELDS = {
    "header_length": "ip.hdr_len",
    "dscp": "ip.dsfield.dscp",
    "ecn": "ip.dsfield.ecn",
    "total_length": "ip.len",
    "id": "ip.id",
    "dont_fragment": "ip.flags.df",
    "more_fragments": "ip.flags.mf",
    "ttl": "ip.ttl",
    "protocol": "ip.proto",
    "checksum": "ip.checksum",
    "source": "ip.src",
    "destination": "ip.dst",
}
QUOTED_FIELDS = ("header_length", "source", "destination", "id", "ttl", "protocol", "total_length")
TCP_FIELDS = {
    "source_port": "tcp.srcport",
    "destination_port": "tcp.dstport",
    "payload_length": "tcp.len",
    "transport_checksum": "tcp.checksum",
    "tcp_sequence": "tcp.seq",
    "tcp_acknowledgement": "tcp.ack_raw",
    "tcp_header_length": "tcp.hdr_len",
    "tcp_flags": "tcp.flags",
    "tcp_window": "tcp.window_size_value",
}
TCP_OPTIONS = {
    "tcp_mss": "tcp.options.mss_val",
    "tcp_window_scale": "tcp.options.wscale.shift",
    "tcp_timestamp": "tcp.options.timestamp.tsval",
    "tcp_timestamp_echo": "tcp.options.timestamp.tsecr",
}
UDP_FIELDS = {
    "source_port": "udp.srcport",
    "destination_port": "udp.dstport",
    "transport_checksum": "udp.checksum",
}
QUOTED_TRANSPORT = (
    "quoted_source_port",
    "quoted_destination_port",
    "quoted_tcp_sequence",
    "quoted_icmp_type",
    "quoted_icmp_id",
    "quoted_icmp_sequence",
)
SCTP_FIELDS = {"source_port": "sctp.srcport", "destination_port": "sctp.dstport"}
ICMP_FIELDS = {
    "icmp_type": "icmp.type",
    "icmp_code": "icmp.code",
    "transport_checksum": "icmp.checksum",
    "icmp_id": "icmp.ident",
    "icmp_sequence": "icmp.seq",
}
ARP_FIELDS = {
    "operation": "arp.opcode",
    "sender_mac": "arp.src.hw_mac",
    "sender": "arp.src.proto_ipv4",
    "target_mac": "arp.dst.hw_mac",
    "target": "arp.dst.proto_ipv4",
}
RECORD_FIELDS = ("frame.number", "frame.time_epoch", "frame.cap_len", "frame.len", "frame.interface_id")
LINK_FIELDS = ("frame.protocols", "eth.src", "eth.dst", "eth.type", "vlan.id", "vlan.etype", "ieee8021ad.id")
SLL_FIELDS = ("sll.pkttype", "sll.hatype", "sll.src.eth", "sll.etype", "sll.ifindex")
OTHER_FIELDS = (
    "ip.frag_offset",
    "ip.checksum.status",
    "tcp.checksum.status",
    "tcp.option_kind",
    "icmp.mtu",
    "icmp.redir_gw",
    "vxlan.vni",
    "wg.type",
)
FIELDS = list(
    dict.fromkeys(
        [
            *RECORD_FIELDS,
            *LINK_FIELDS,
            *SLL_FIELDS,
            *OTHER_FIELDS,
            *IPV4_FIELDS.values(),
            *TCP_FIELDS.values(),
            *TCP_OPTIONS.values(),
            *UDP_FIELDS.values(),
            *SCTP_FIELDS.values(),
            *ICMP_FIELDS.values(),
            *ARP_FIELDS.values(),
        ]
    )
)
LINK_HEADERS = {NULL: 4, ETHERNET: 14, PPP: 4, SLL: 16, SLL2: 20}
CHECKSUM_GOOD, CHECKSUM_UNVERIFIED = 1, 2
ERROR_TYPES = (3, 4, 5, 11, 12)
SHORT_QUOTES = (4, 5)  # of which tshark takes no more than eight bytes behind the quoted header
SACK_PERMITTED = 4
WHOLE_IPV4 = 20
VXLAN_PORT = 4789
Expected = dict[str, int]


@cache
def number(text: str) -> int:
    """A field's value as the packet table holds it: number, MAC, or IPv4 address."""
    if text.count(":") == 5:
        return mac_number(text)
    if text.count(".") == 3:
        return ip_number(text)
    return {"True": 1, "False": 0}[text] if text in ("True", "False") else int(text, 0)


@dataclass
class Shown:
    """One frame as tshark shows it: its layers, each with its index among those of its protocol, and its fields."""

    fields: dict[str, list[str]]
    layers: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        seen: dict[str, int] = {}
        for name in self.fields.get("frame.protocols", [""])[0].split(":"):
            self.layers.append((name, seen.get(name, 0)))
            seen[name] = seen.get(name, 0) + 1

    def get(self, name: str, index: int = 0) -> int | None:
        """The index-th occurrence of a field."""
        values = self.fields.get(name, [])
        return number(values[index]) if index < len(values) else None

    def value(self, name: str, index: int = 0) -> int:
        """The index-th occurrence of a field that must be there."""
        value = self.get(name, index)
        assert value is not None, (name, index, self.fields)
        return value

    def icmp(self, name: str, index: int) -> int | None:
        """A field of the index-th ICMP header; errors have no identifier and sequence number to count."""
        if name not in ("icmp.ident", "icmp.seq"):
            return self.get(name, index)
        kinds = [self.get("icmp.type", earlier) for earlier in range(index + 1)]
        if kinds[index] in ERROR_TYPES:
            return None
        return self.get(name, index - sum(kind in ERROR_TYPES for kind in kinds))

    @property
    def time_ns(self) -> int:
        """The time of the record."""
        seconds, _, rest = self.fields["frame.time_epoch"][0].partition(".")
        return int(seconds) * 1_000_000_000 + int(rest.ljust(9, "0"))


def run_tshark(path: Path) -> Iterator[Shown]:
    """The frames of a capture file, with nothing reassembled and nothing made relative."""
    assert TSHARK is not None
    command = [TSHARK, "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for name in FIELDS:
        command += ["-e", name]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        values = line.split("\t")
        yield Shown({name: value.split(",") for name, value in zip(FIELDS, values, strict=True) if value})


def expected_packet(shown: Shown, link_type: int) -> Expected:
    """Columns of the packet table, by tshark; a column it cannot judge in this frame is left out."""
    expected = {
        "number": shown.value("frame.number"),
        "time_ns": shown.time_ns,
        "captured_length": shown.value("frame.cap_len"),
        "wire_length": shown.value("frame.len"),
        "interface": shown.get("frame.interface_id") or 0,
        **_link(shown, link_type),
    }
    if _has_cut_options(shown):
        return expected
    carriers, _ = ipv4_layers(shown)
    outer, inner, depth = _outer_and_inner(shown, carriers)
    expected["depth"] = depth
    expected["tunnel"] = _tunnel(shown, carriers)
    expected["vni"] = _or_absent(shown.get("vxlan.vni"))
    expected.update(_ipv4(shown, "outer", outer))
    expected.update(_ipv4(shown, "inner", inner))
    expected.update(_transport(shown, inner))
    return expected


def _has_cut_options(shown: Shown) -> bool:
    """Whether an IPv4 header is cut in its options: tshark then shows no addresses, though they were captured."""
    return any(length != "20" for length in shown.fields.get("ip.hdr_len", [])[len(shown.fields.get("ip.dst", [])) :])


def _or_absent(value: int | None) -> int:
    return -1 if value is None else value


def _link(shown: Shown, link_type: int) -> Expected:
    """Addresses, tags and ether type; what is not on that link has the value for absence."""
    expected = {
        "source_mac": ABSENT_MAC,
        "destination_mac": ABSENT_MAC,
        "packet_type": int(PacketType.UNKNOWN),
        "interface_index": -1,
        "hardware_type": -1,
        "ether_type": 0,
        "record_offset": 0,
        "vlan_count": 0,
        "vlan_id": -1,
        "network": int(Network.NONE),
    }
    if shown.value("frame.cap_len") < LINK_HEADERS.get(link_type, 1):
        return expected
    if link_type == ETHERNET:
        expected["source_mac"] = _or_absent(shown.get("eth.src"))
        expected["destination_mac"] = _or_absent(shown.get("eth.dst"))
        expected["ether_type"] = shown.get("eth.type") or 0
    elif link_type in (SLL, SLL2):
        expected["source_mac"] = _or_absent(shown.get("sll.src.eth"))
        expected["packet_type"] = shown.value("sll.pkttype")
        expected["hardware_type"] = shown.value("sll.hatype")
        expected["interface_index"] = _or_absent(shown.get("sll.ifindex"))
        expected["ether_type"] = shown.get("sll.etype") or 0
    tags = _whole_tags(shown, LINK_HEADERS.get(link_type, 0))
    expected["vlan_count"] = len(tags)
    expected["vlan_id"] = shown.value(f"{tags[0]}.id") if tags else -1
    if tags == ["ieee8021ad"] or link_type == PPP:  # the type behind these is not a field, or not an ether type
        del expected["ether_type"]
    elif tags:
        expected["ether_type"] = shown.value("vlan.etype", tags.count("vlan") - 1)
    expected["network"] = _network(shown)
    if link_type == RAW and shown.value("frame.cap_len") < WHOLE_IPV4:  # not enough for tshark to say
        del expected["network"]
    return expected


def _whole_tags(shown: Shown, start: int) -> list[str]:
    """The VLAN tags before the network layer that were captured whole."""
    tags: list[str] = []
    for name, _ in shown.layers[1:]:
        if name in ("vlan", "ieee8021ad"):
            if start + 4 * (len(tags) + 1) <= shown.value("frame.cap_len"):
                tags.append(name)
        elif name != "ethertype":
            break
    return tags


def _network(shown: Shown) -> int:
    known = {"ip": Network.IPV4, "ipv6": Network.IPV6, "arp": Network.ARP}
    names = [name for name, _ in shown.layers[1:] if name not in ("ethertype", "vlan", "ieee8021ad", "ppp")]
    return int(known.get(names[0] if names else "", Network.OTHER))


def ipv4_layers(shown: Shown) -> tuple[list[int], list[int]]:
    """Indices of the whole IPv4 headers: of the packet itself, and of those that an ICMP error quotes."""
    whole = len(shown.fields.get("ip.dst", []))
    names = [name for name, _ in shown.layers]
    ends = next((at for at, name in enumerate(names) if name in ("icmp", "gre", "ipv6")), len(names))
    carriers = [index for name, index in shown.layers[:ends] if name == "ip" and index < whole]
    quoted = [index for name, index in shown.layers[ends:] if name == "ip" and index < whole]
    return carriers, quoted


def _outer_and_inner(shown: Shown, carriers: list[int]) -> tuple[int | None, int | None, int]:
    """Indices of the outer and the inner header, and how many headers carry another by protocol 4."""
    depth = sum(shown.value("ip.proto", index) == IPIP for index in carriers)
    if depth:
        ends = shown.value("ip.proto", carriers[-1]) != IPIP
        return carriers[0], carriers[-1] if ends else None, depth
    if carriers and _is_vxlan(shown, carriers[0]):
        inside = shown.layers.index(("vxlan", 0)) if ("vxlan", 0) in shown.layers else len(shown.layers)
        has_ip = any(name == "ip" for name, _ in shown.layers[inside:])
        return carriers[0], carriers[1] if len(carriers) > 1 and has_ip else None, 0
    return None, carriers[-1] if carriers else None, 0


def _is_vxlan(shown: Shown, index: int) -> bool:
    is_udp = shown.value("ip.proto", index) == UDP and shown.value("ip.frag_offset", index) == 0
    return is_udp and shown.get("udp.dstport") == VXLAN_PORT and shown.get("udp.checksum") is not None


def _tunnel(shown: Shown, carriers: list[int]) -> int:
    if not carriers:
        return int(Tunnel.NONE)
    first = shown.value("ip.proto", carriers[0])
    if first == IPIP:
        return int(Tunnel.IPIP)
    if _is_vxlan(shown, carriers[0]):
        return int(Tunnel.VXLAN)
    names = {name for name, _ in shown.layers}
    if first == IPV6_IN_IPV4:
        return int(Tunnel.IPV6)
    return int(Tunnel.GRE if "gre" in names else Tunnel.WIREGUARD if shown.get("wg.type") else Tunnel.NONE)


def _ipv4(shown: Shown, side: str, index: int | None) -> Expected:
    if index is None:
        return {f"{side}_{name}": 0 for name in (*IPV4_FIELDS, "fragment_offset", "checksum_good")}
    expected = {f"{side}_{name}": shown.value(source, index) for name, source in IPV4_FIELDS.items()}
    expected[f"{side}_fragment_offset"] = shown.value("ip.frag_offset", index) * 8
    status = shown.value("ip.checksum.status", index)
    expected[f"{side}_checksum_good"] = int(status == CHECKSUM_GOOD)
    return expected


def _transport(shown: Shown, inner: int | None) -> Expected:
    """The header behind the inner IPv4 header."""
    expected = dict.fromkeys((*TCP_FIELDS, *TCP_OPTIONS, *ICMP_FIELDS), -1)
    for name in ("transport_checksum", "tcp_sequence", "tcp_acknowledgement", "tcp_header_length", "tcp_flags"):
        expected[name] = 0
    expected["tcp_sack_permitted"] = 0
    expected["checksum_partial"] = 0
    name, index = _layer_behind(shown, inner)
    tables = {"tcp": TCP_FIELDS, "udp": UDP_FIELDS, "sctp": SCTP_FIELDS, "icmp": ICMP_FIELDS}
    for column, source in tables.get(name, {}).items():
        value = shown.icmp(source, index) if name == "icmp" else shown.get(source, index)
        if value is not None:
            expected[column] = value
    if name == "sctp" and shown.get("sctp.srcport") is None:  # tshark shows the ports of a whole header only
        del expected["source_port"], expected["destination_port"]
    if name == "tcp":
        expected.update({column: _or_absent(shown.get(source)) for column, source in TCP_OPTIONS.items()})
        expected["tcp_sack_permitted"] = int(str(SACK_PERMITTED) in shown.fields.get("tcp.option_kind", []))
    if inner is not None and name in ("tcp", "udp"):
        expected["checksum_partial"] = _is_partial(shown, inner, expected["transport_checksum"])
    expected["tcp_checksum"] = int(_tcp_checksum(shown, inner, name, expected))
    if name != "tcp" and name in tables:
        _expect_payload_length(shown, inner, name, expected)
    return expected


def _layer_behind(shown: Shown, ip_index: int | None) -> tuple[str, int]:
    """Name and index of the layer that an IPv4 header carries."""
    if ip_index is None or shown.value("ip.frag_offset", ip_index):
        return "", 0
    at = shown.layers.index(("ip", ip_index)) + 1
    return shown.layers[at] if at < len(shown.layers) else ("", 0)


def _is_broken_up(shown: Shown) -> bool:
    """Whether one of the packet's headers says fragment, so that its lengths do not add up."""
    return any(map(number, shown.fields.get("ip.flags.mf", []))) or any(map(number, shown.fields["ip.frag_offset"]))


def _expect_payload_length(shown: Shown, inner: int | None, name: str, expected: Expected) -> None:
    """By the IP header, of packets in one piece; tshark has no field for it."""
    del expected["payload_length"]
    if inner is None or _is_broken_up(shown):
        return
    header = {"udp": 8, "icmp": 8, "sctp": 12}[name]
    length = shown.value("ip.len", inner) - shown.value("ip.hdr_len", inner) - header
    if length >= 0 and shown.value("ip.len", inner) <= shown.value("frame.len"):
        expected["payload_length"] = length


def _tcp_checksum(shown: Shown, inner: int | None, name: str, expected: Expected) -> Checksum:
    """By tshark's verdict, of segments without payload."""
    status = shown.get("tcp.checksum.status")
    if name != "tcp" or inner is None or expected["payload_length"] or status not in (0, CHECKSUM_GOOD):
        return Checksum.UNKNOWN
    if status == CHECKSUM_GOOD:
        return Checksum.RIGHT
    return Checksum.LEFT_OPEN if expected["checksum_partial"] else Checksum.WRONG


def _is_partial(shown: Shown, inner: int, checksum: int) -> int:
    """Whether the checksum is the sum of the pseudo-header by tshark's fields."""
    if shown.value("ip.flags.mf", inner):
        return 0
    protocol = shown.value("ip.proto", inner)
    assert protocol in (TCP, UDP)
    length = shown.value("ip.len", inner) - shown.value("ip.hdr_len", inner)
    if _is_broken_up(shown):  # the first outer fragment: what is left of the inner packet
        length = min(length, shown.value("ip.len") - shown.value("ip.hdr_len") - shown.value("ip.hdr_len", inner))
    addresses = (shown.fields["ip.src"][inner], shown.fields["ip.dst"][inner])
    pseudo = b"".join(ipaddress.IPv4Address(address).packed for address in addresses)
    return int(ones_sum(pseudo + bytes([0, protocol]) + length.to_bytes(2, "big")) == checksum)


def expected_arp(shown: Shown) -> Expected | None:
    """The ARP message of a frame, where tshark shows a whole one for IPv4 over Ethernet."""
    if shown.get("arp.dst.proto_ipv4") is None or _network(shown) != Network.ARP:
        return None
    return {column: shown.value(source) for column, source in ARP_FIELDS.items()}


def expected_icmp_error(shown: Shown) -> Expected | None:
    """The ICMP error of a frame and what it quotes."""
    kind = shown.get("icmp.type")
    carriers, quoted = ipv4_layers(shown)
    is_inside = bool(carriers) and _layer_behind(shown, carriers[-1]) == ("icmp", 0)
    if kind not in ERROR_TYPES or shown.get("icmp.checksum") is None or not is_inside:
        return None
    expected = {"type": kind, "code": shown.value("icmp.code")}
    expected["next_hop_mtu"] = _or_absent(shown.get("icmp.mtu"))
    expected["gateway"] = shown.get("icmp.redir_gw") or 0
    is_tunnel = bool(quoted) and shown.value("ip.proto", quoted[0]) == IPIP
    outer = quoted[0] if is_tunnel else None
    packet = (quoted[1] if len(quoted) > 1 else None) if is_tunnel else quoted[0] if quoted else None
    expected.update(_quoted_ipv4(shown, "quoted_outer_", outer))
    if kind not in SHORT_QUOTES:
        expected.update(_quoted_ipv4(shown, "quoted_", packet))
        expected.update(_quoted_transport(shown, packet))
    return expected


def _quoted_ipv4(shown: Shown, prefix: str, index: int | None) -> Expected:
    return {prefix + name: 0 if index is None else shown.value(IPV4_FIELDS[name], index) for name in QUOTED_FIELDS}


def _quoted_transport(shown: Shown, packet: int | None) -> Expected:
    """The first bytes behind the quoted header; tshark does not show a sequence number or ICMP type cut soon after."""
    name, index = _layer_behind(shown, packet)
    expected = dict.fromkeys(QUOTED_TRANSPORT, -1)
    if name in ("tcp", "udp"):
        expected["quoted_source_port"] = _or_absent(shown.get(f"{name}.srcport", index))
        expected["quoted_destination_port"] = _or_absent(shown.get(f"{name}.dstport", index))
    if name == "tcp":
        sequence = shown.get("tcp.seq", index)
        if sequence is None:
            del expected["quoted_tcp_sequence"]
        else:
            expected["quoted_tcp_sequence"] = sequence
    if name == "icmp":
        for column in ("type", "id", "sequence"):
            expected[f"quoted_icmp_{column}"] = _or_absent(shown.icmp(ICMP_FIELDS[f"icmp_{column}"], index))
        if shown.get("icmp.type", index) is None:
            del expected["quoted_icmp_type"]
    return expected
