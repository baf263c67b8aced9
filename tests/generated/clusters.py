"""Captures of a node's NIC in a healthy cluster, drawn at random, with what is true of them.

A few nodes on one link, each with a block of its own; pods of the first node talk with those of the others: pings,
TCP connections with segments sent again, UDP packets, some of them in fragments. BGP and ARP run between the nodes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from hypothesis import strategies as st

from tests.builders.captures import START_NS, CaptureInterface, Frame, pcap, pcapng
from tests.builders.packets import (
    arp,
    bgp_keepalive,
    bgp_update,
    ethernet,
    fragments,
    icmp_echo,
    ip_number,
    ipip,
    ipv4,
    tcp,
    tcp_options,
    udp,
    vlan,
)

MILLISECOND = 1_000_000
FiveTuple = tuple[int, int, int, int, int]
ICMP, TCP, UDP = 1, 6, 17
BGP_SECONDS = 12


@dataclass(frozen=True)
class Node:
    """A node, its block, and the pods it has."""

    address: str
    mac: str
    block: IPv4Network
    pods: tuple[str, ...]


@dataclass(frozen=True)
class Form:
    """How the capture is written."""

    is_pcapng: bool
    big_endian: bool
    nanoseconds: bool
    vlan: int | None
    snap_length: int
    interfaces: int  # of the pcapng file, of which one has the frames
    interface: int


@dataclass
class Story:
    """The frames of a capture and what is true of them."""

    nodes: tuple[Node, ...]
    form: Form
    frames: list[tuple[int, bytes]] = field(default_factory=list, repr=False)
    tunnels: Counter[tuple[str, str]] = field(default_factory=Counter)
    tunnel_bytes: Counter[tuple[str, str]] = field(default_factory=Counter)
    flows: Counter[FiveTuple] = field(default_factory=Counter)
    flow_bytes: Counter[FiveTuple] = field(default_factory=Counter)
    sent_again: Counter[FiveTuple] = field(default_factory=Counter)
    owners: dict[int, int] = field(default_factory=dict)  # pod and node
    announced: set[tuple[int, int, int]] = field(default_factory=set)  # prefix, its length, node
    arp: int = 0
    fragments: int = 0
    _id: int = 1

    def show(self, at_ns: int, payload: bytes, sender: Node, receiver: Node) -> int:
        """A frame from one node to another; returns its length."""
        inside = vlan(payload, self.form.vlan) if self.form.vlan is not None else payload
        frame = ethernet(inside, source=sender.mac, destination=receiver.mac)
        self.frames.append((at_ns, frame))
        return len(frame)

    def send(self, at_ns: int, packet: bytes, ends: tuple[Node, Node]) -> None:
        """A pod's packet, wrapped by its node."""
        sender, receiver = ends
        self._id = self._id % 65_000 + 1
        has_flag = bool(packet[6] & 0x40)  # DF, which the kernel copies
        outer = ipip(packet, sender.address, receiver.address, ttl=packet[8], id=self._id, dont_fragment=has_flag)
        pair = (sender.address, receiver.address)
        self.tunnels[pair] += 1
        self.tunnel_bytes[pair] += self.show(at_ns, outer, sender, receiver)
        source = int.from_bytes(packet[12:16])
        self.owners[source] = ip_number(sender.address)

    def say(self, at_ns: int, packet: bytes, five: FiveTuple, ends: tuple[Node, Node]) -> None:
        """The same, counted towards its flow."""
        self.flows[five] += 1
        self.flow_bytes[five] += len(packet)
        self.send(at_ns, packet, ends)

    def data(self) -> bytes:
        """The capture file."""
        step = 1 if self.form.nanoseconds else 1_000
        cut: list[Frame] = [
            (at_ns // step * step, frame[: self.form.snap_length], len(frame), self.form.interface)
            for at_ns, frame in sorted(self.frames, key=lambda one: one[0])
        ]
        if self.form.is_pcapng:
            names = [
                CaptureInterface(name=f"port{number}", resolution=9 if self.form.nanoseconds else 6)
                for number in range(self.form.interfaces)
            ]
            return pcapng(cut, names, big_endian=self.form.big_endian)
        return pcap(cut, nano=self.form.nanoseconds, big_endian=self.form.big_endian)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A healthy cluster and its capture."""
    number = st.integers
    base, prefix = draw(number(1, 200)), draw(st.sampled_from([26, 27, 28]))
    nodes = []
    for position in range(draw(number(2, 4))):
        block = IPv4Network((f"172.{16 + base % 16}.{position * 7 + base % 40}.0", prefix))
        hosts = draw(st.lists(number(2, block.num_addresses - 2), min_size=1, max_size=3, unique=True))
        pods = tuple(str(block[host]) for host in hosts)
        nodes.append(Node(f"192.0.2.{base + position}", f"02:50:00:00:00:{position + 1:02x}", block, pods))
    is_pcapng = draw(st.booleans())
    interfaces = draw(number(1, 3)) if is_pcapng else 1
    form = Form(
        is_pcapng=is_pcapng,
        big_endian=draw(st.booleans()),
        nanoseconds=draw(st.booleans()),
        vlan=draw(st.sampled_from([None, None, 42])),
        snap_length=draw(st.sampled_from([262_144, 262_144, 160])),
        interfaces=interfaces,
        interface=draw(number(0, interfaces - 1)) if is_pcapng else 0,
    )
    story = Story(tuple(nodes), form)
    _control(story)
    for conversation in range(draw(number(1, 6))):
        here, there = nodes[0], draw(st.sampled_from(nodes[1:]))
        ends = (here, there) if draw(st.booleans()) else (there, here)
        pods = draw(st.sampled_from(ends[0].pods)), draw(st.sampled_from(ends[1].pods))
        start_ns = START_NS + (1_000 + draw(number(0, 5_000))) * MILLISECOND
        kind = draw(st.sampled_from([_ping, _connection, _datagrams, _fragments]))
        kind(story, start_ns, pods, ends, conversation, draw(number(1, 6)))
    return story


def _control(story: Story) -> None:
    """ARP and BGP of the first node with the others."""
    own, *peers = story.nodes
    for position, peer in enumerate(peers):
        start_ns = START_NS + position * 10 * MILLISECOND
        story.show(start_ns, arp(1, own.mac, own.address, 0, peer.address), own, peer)
        story.show(start_ns + MILLISECOND // 2, arp(2, peer.mac, peer.address, own.mac, own.address), peer, own)
        story.arp += 2
        sequence = {own.address: 1, peer.address: 1}
        ports = {own.address: 179, peer.address: 42_000 + position}
        for second in range(BGP_SECONDS):
            for speaker, other, after in ((own, peer, 0), (peer, own, 5)):
                said = bgp_keepalive() if second else bgp_update([str(speaker.block)], next_hop=speaker.address)
                segment = tcp(
                    said,
                    source_port=ports[speaker.address],
                    destination_port=ports[other.address],
                    flags="PA",
                    sequence=sequence[speaker.address],
                    acknowledgement=sequence[other.address],
                )
                sequence[speaker.address] += len(said)
                packet = ipv4(segment, speaker.address, other.address, id=second * 2 + 1)
                story.show(start_ns + second * 1_000 * MILLISECOND + after * MILLISECOND, packet, speaker, other)
        for node in (own, peer):
            story.announced.add((int(node.block.network_address), node.block.prefixlen, ip_number(node.address)))


def _both_ways(pods: tuple[str, str], protocol: int, ports: tuple[int, int]) -> tuple[FiveTuple, FiveTuple]:
    one, other = map(ip_number, pods)
    return (one, other, protocol, *ports), (other, one, protocol, *ports[::-1])


def _ping(story: Story, at_ns: int, pods: tuple[str, str], ends: tuple[Node, Node], number: int, count: int) -> None:
    identifier = 700 + number
    there, back = _both_ways(pods, ICMP, (identifier, identifier))
    for sequence in range(1, count + 1):
        request = ipv4(icmp_echo(id=identifier, sequence=sequence), *pods, ttl=63, id=1_000 + sequence)
        reply = ipv4(icmp_echo(request=False, id=identifier, sequence=sequence), *pods[::-1], ttl=63, id=sequence)
        story.say(at_ns, request, there, ends)
        story.say(at_ns + MILLISECOND // 2, reply, back, ends[::-1])
        at_ns += 200 * MILLISECOND


def _connection(
    story: Story, at_ns: int, pods: tuple[str, str], ends: tuple[Node, Node], number: int, count: int
) -> None:
    """A handshake, then requests, each answered; the first request is sent again where there are several."""
    ports = (40_000 + number, 8_080)
    there, back = _both_ways(pods, TCP, ports)
    sent, received, identification = 5_000 + number, 9_000 + number, 100

    def segment(
        payload: bytes, flags: str, *, is_back: bool = False, mss: int | None = None, after: float = 0.3
    ) -> None:
        nonlocal at_ns, identification
        at_ns += int(after * MILLISECOND)
        identification += 1
        own, other = (received, sent) if is_back else (sent, received)
        part = tcp(
            payload,
            source_port=ports[1] if is_back else ports[0],
            destination_port=ports[0] if is_back else ports[1],
            flags=flags,
            sequence=own,
            acknowledgement=other if "A" in flags else 0,
            options=tcp_options(mss=mss) if mss else b"",
        )
        packet = ipv4(part, *(pods[::-1] if is_back else pods), ttl=63, id=identification, dont_fragment=True)
        story.say(at_ns, packet, back if is_back else there, ends[::-1] if is_back else ends)

    segment(b"", "S", mss=1_440)
    sent += 1
    segment(b"", "SA", is_back=True, mss=1_440)
    received += 1
    segment(b"", "A")
    for request in range(count):
        segment(bytes(100), "PA")
        if request == 0 and count > 1:
            segment(bytes(100), "PA", after=220)
            story.sent_again[there] += 1
        sent += 100
        segment(bytes(300 + request), "PA", is_back=True)
        received += 300 + request
        segment(b"", "A")


def _datagrams(
    story: Story, at_ns: int, pods: tuple[str, str], ends: tuple[Node, Node], number: int, count: int
) -> None:
    ports = (50_000 + number, 9_125)
    there, _ = _both_ways(pods, UDP, ports)
    for position in range(count):
        datagram = udp(bytes(20 + position), source_port=ports[0], destination_port=ports[1])
        story.say(at_ns, ipv4(datagram, *pods, ttl=63, id=300 + position), there, ends)
        at_ns += 10 * MILLISECOND


def _fragments(
    story: Story, at_ns: int, pods: tuple[str, str], ends: tuple[Node, Node], number: int, count: int
) -> None:
    datagram = udp(bytes(100 * count + 900), source_port=51_000 + number, destination_port=9_126)
    for part in fragments(ipv4(datagram, *pods, ttl=63, id=20_000 + number), 800):
        story.fragments += 1
        story.send(at_ns, part, ends)
        at_ns += MILLISECOND // 10
