"""Writes a large capture of a node's NIC in a Calico cluster: generate.py OUTPUT [--frames N] [--flows N] [--seed N].

A name that ends in .pcapng gets that format, any other one pcap.

With --peer FILE the cluster is two nodes, and FILE is what the other one's NIC saw of the same packets: by a clock
that is ahead, and without some frames, as a busy machine's capture misses them.

Two fifths of the frames are IP-in-IP between the pods of this node and those of its peers; the rest is TCP, UDP and
ICMP between the nodes, BGP keepalives and ARP. Every flow runs both ways: a handshake, then requests that are answered.
Headers and checksums are right, most payload is zeros, and frames are cut at the snap length. One seed gives the same
bytes always.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from headers import (
    RECORD_HEADER,
    Column,
    Rows,
    put,
    put_bytes,
    put_ipv4,
    put_mac,
    put_transport_checksum,
)

SNAP_LENGTH = 128
BLOCK_HEADER = 28  # of an Enhanced Packet Block
PCAP_HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAP_LENGTH, 1)
PCAPNG_HEAD = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28) + struct.pack(
    "<IIHHII", 1, 20, 1, 0, SNAP_LENGTH, 20
)
BATCH = 65_536
START_US = 1_700_000_000_000_000
SPAN_US = 60_000_000  # flows begin within this time

FIRST_NODE = 0x0A320A1F  # 10.50.10.31
NODES = 8  # the first is the one whose NIC is captured
TRANSIT_US = 30  # from one NIC to the other; less than half of what an answer takes
PEER_CLOCK_AHEAD_US = 1_750_000
MISSED_ONE_IN = 1_000  # of the TCP segments to the peer
PODS = 50  # on each node
ARP, ICMP, TCP, UDP = 0, 1, 6, 17
ETHERNET, IPV4 = 14, 20  # header lengths
SYN_OPTIONS, OPTIONS = 20, 12  # MSS, SACK permitted, timestamps, window scale; timestamps alone
HANDSHAKE = 3
BGP_PORT = 179
BGP_KEEPALIVE = b"\xff" * 16 + b"\x00\x13\x04"
DNS_QUESTION = b"\x03web\x07default\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01"
DNS_QUERY = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + DNS_QUESTION
DNS_RECORD = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x1e\x00\x04\x0a\x60\x00\x50"
DNS_ANSWER = b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + DNS_QUESTION + DNS_RECORD
PING_BYTES = 56

# what a packet is within its flow; UDP, ICMP and ARP know only the first two
REQUEST, ANSWER, SECOND_ANSWER, DONE, SYN, SYN_ACK, ACK = range(7)
FROM_CLIENT = np.array([True, False, False, True, True, False, True])
SINCE_PEER = np.array([2, 1, 2, 1, 1, 1, 1])  # packets since the other side of a TCP flow last spoke
TCP_FLAGS = np.array([0x18, 0x10, 0x18, 0x10, 0x02, 0x12, 0x10])


@dataclass(frozen=True)
class Kind:
    """Flows of one sort, their share of the frames; the first of those tunnelled, or not, takes what is left over."""

    share: float
    tunnelled: bool
    protocol: int
    ports: tuple[int, ...] = (0,)

    @property
    def is_bgp(self) -> bool:
        """Whether these are the sessions with the peers: one each, begun before the capture."""
        return BGP_PORT in self.ports

    @property
    def opening(self) -> int:
        """Packets before the first request."""
        return HANDSHAKE if self.protocol == TCP and not self.is_bgp else 0


KINDS = (
    Kind(0.320, True, TCP, (80, 443, 8080, 5432)),
    Kind(0.060, True, UDP, (53,)),
    Kind(0.020, True, ICMP),
    Kind(0.440, False, TCP, (6443, 2379, 10250, 443)),
    Kind(0.100, False, UDP, (53,)),
    Kind(0.050, False, ICMP),
    Kind(0.002, False, TCP, (BGP_PORT,)),
    Kind(0.008, False, ARP),
)


@dataclass(frozen=True)
class Flows:
    """A value a flow; the client is the side that speaks first. Addresses are those of pods where tunnelled."""

    frames: Column
    tunnelled: Column
    protocol: Column
    opening: Column
    client_node: Column
    server_node: Column
    client: Column
    server: Column
    client_port: Column
    server_port: Column
    client_sequence: Column
    server_sequence: Column
    request: Column  # bytes of payload
    answer: Column
    second_answer: Column
    identification: Column
    start_us: Column
    pace_us: Column  # mean time between exchanges


@dataclass(frozen=True)
class Packets:
    """A value a frame, in the order of time."""

    number: Column  # in the file, from 1
    flow: Column
    position: Column  # in its flow, from 0
    step: Column
    exchange: Column  # from 0
    time_us: Column
    peer_time_us: Column  # when the other side of its flow last spoke; 0 where it has not

    def take(self, rows: Column) -> Packets:
        """Some of the packets."""
        return Packets(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def write_captures(path: Path, peer: Path | None, frames: int, flows: int, seed: int) -> int:
    """Write a capture of exactly that many frames in about that many flows, and what a peer's NIC saw of them.

    Returns how many TCP segments to the peer its capture misses.
    """
    random = np.random.default_rng(seed)
    table = make_flows(random, frames, flows, NODES if peer is None else 2)
    packets = make_packets(random, table)
    write_file(path, table, packets, packets.time_us)
    if peer is None:
        return 0
    leaving = _sides(table.client_node, table.server_node, packets.flow, FROM_CLIENT[packets.step])[0] == 0
    segments = np.flatnonzero(leaving & (table.protocol == TCP)[packets.flow])
    missed = np.zeros(len(packets.flow), dtype=np.bool_)
    missed[random.choice(segments, len(segments) // MISSED_ONE_IN, replace=False)] = True
    seen_us = packets.time_us + np.where(leaving, TRANSIT_US, -TRANSIT_US) + PEER_CLOCK_AHEAD_US
    order = np.argsort(seen_us, kind="stable")
    order = order[~missed[order]]
    write_file(peer, table, packets.take(order), seen_us[order])
    return int(missed.sum())


def write_file(path: Path, flows: Flows, packets: Packets, seen_us: Column) -> None:
    """Write these packets as one NIC saw them at these times."""
    head, pack = (PCAPNG_HEAD, pack_blocks) if path.suffix == ".pcapng" else (PCAP_HEAD, pack_records)
    with path.open("wb") as file:
        file.write(head)
        for start in range(0, len(seen_us), BATCH):
            rows = slice(start, start + BATCH)
            file.write(pack(*make_frames(flows, packets.take(rows)), seen_us[rows]))


def make_flows(random: np.random.Generator, frames: int, flows: int, nodes: int) -> Flows:
    """Flows whose frames add up to ``frames``, two fifths of them, rounded down, tunnelled."""
    parts = [_flows_of(random, kind, wanted, flows, nodes) for kind, wanted in _share_out(frames)]
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    total = len(table["frames"])
    return Flows(**table, client_port=32_768 + np.arange(total) % 28_000)


def _share_out(frames: int) -> Iterator[tuple[Kind, int]]:
    for tunnelled in (True, False):
        rest = frames * 2 // 5 if tunnelled else frames - frames * 2 // 5
        first, *others = (kind for kind in KINDS if kind.tunnelled is tunnelled)
        for kind in others:
            wanted = int(frames * kind.share) // 4 * 4
            rest -= wanted
            if wanted:
                yield kind, wanted
        yield first, rest


def _flows_of(random: np.random.Generator, kind: Kind, frames: int, flows: int, nodes: int) -> dict[str, Column]:
    count = max(min(nodes - 1 if kind.is_bgp else int(flows * kind.share), frames // 8), 1)
    least = kind.opening or 4
    weights = random.lognormal(0, 1, count)
    of_flow = least + ((frames - least * count) * weights / weights.sum()).astype(np.int64) // 4 * 4
    of_flow[of_flow.argmax()] += frames - of_flow.sum()

    peer = 1 + (np.arange(count) if kind.is_bgp else random.integers(0, nodes - 1, count))
    outbound = random.random(count) < 0.5
    client_node, server_node = np.where(outbound, 0, peer), np.where(outbound, peer, 0)
    addresses = _pod_addresses if kind.tunnelled else _node_addresses
    request, answer, second_answer = _payloads(random, kind, count)
    return {
        "frames": of_flow,
        "tunnelled": np.full(count, kind.tunnelled),
        "protocol": np.full(count, kind.protocol),
        "opening": np.full(count, kind.opening),
        "client_node": client_node,
        "server_node": server_node,
        "client": addresses(random, client_node),
        "server": addresses(random, server_node),
        "server_port": random.choice(kind.ports, count),
        "client_sequence": random.integers(0, 1 << 32, count),
        "server_sequence": random.integers(0, 1 << 32, count),
        "request": request,
        "answer": answer,
        "second_answer": second_answer,
        "identification": random.integers(1, 1 << 16, count),
        "start_us": random.integers(0, SPAN_US // 100 if kind.is_bgp else SPAN_US, count),
        "pace_us": SPAN_US * 4 // of_flow if kind.is_bgp else random.integers(1_000, 200_000, count),
    }


def _node_addresses(random: np.random.Generator, node: Column) -> Column:
    """10.50.10.31 and on."""
    return FIRST_NODE + node


def _pod_addresses(random: np.random.Generator, node: Column) -> Column:
    """Some pods out of each node's block, 10.244.16.0/26, 10.244.23.0/26 and on, after the address of its tunl0."""
    return 0x0AF41000 + 0x700 * node + random.integers(2, 2 + PODS, len(node))


def _payloads(random: np.random.Generator, kind: Kind, count: int) -> tuple[Column, Column, Column]:
    """Bytes of request, answer and second answer."""
    if kind.is_bgp:
        return np.full(count, len(BGP_KEEPALIVE)), np.zeros(count, np.int64), np.full(count, len(BGP_KEEPALIVE))
    if kind.protocol == TCP:
        full_segment = 1428 if kind.tunnelled else 1448
        return random.integers(60, 900, count), np.full(count, full_segment), random.integers(1, 1400, count)
    request, answer = (len(DNS_QUERY), len(DNS_ANSWER)) if kind.protocol == UDP else (PING_BYTES, PING_BYTES)
    return np.full(count, request), np.full(count, answer), np.zeros(count, np.int64)


def make_packets(random: np.random.Generator, flows: Flows) -> Packets:
    """The packets of all flows, sorted by time."""
    first = np.cumsum(flows.frames) - flows.frames
    flow = np.repeat(np.arange(len(flows.frames)), flows.frames)
    total = len(flow)
    position = np.arange(total) - first[flow]
    exchange, step = np.divmod(position - flows.opening[flow], np.where(flows.protocol == TCP, 4, 2)[flow])
    step = np.where(position < flows.opening[flow], SYN + position, step)

    # a new request waits for its client, all else only for the network
    thinking = random.exponential(flows.pace_us[flow])
    gaps = np.where((step == REQUEST) & (position > 0), thinking, random.integers(80, 900, total)).astype(np.int64)
    elapsed = np.cumsum(gaps)
    time_us = START_US + flows.start_us[flow] + elapsed - elapsed[first][flow]
    since = SINCE_PEER[step]
    peer_time_us = np.where(since <= position, time_us[np.arange(total) - since], 0)

    order = np.argsort(time_us, kind="stable")
    columns = (column[order] for column in (flow, position, step, exchange, time_us, peer_time_us))
    return Packets(np.arange(1, total + 1), *columns)


def make_frames(flows: Flows, packets: Packets) -> tuple[Rows, Column]:
    """The frames of these packets in rows with room for their record header, and their lengths on the wire."""
    rows = np.zeros((len(packets.flow), RECORD_HEADER + SNAP_LENGTH), np.uint8)
    wire_length = np.zeros(len(rows), np.int64)
    for tunnelled, protocol in {(kind.tunnelled, kind.protocol) for kind in KINDS}:
        of_kind = (flows.tunnelled == tunnelled) & (flows.protocol == protocol)
        chosen = np.flatnonzero(of_kind[packets.flow])
        rows[chosen], wire_length[chosen] = build_frames(flows, packets.take(chosen), tunnelled, protocol)
    return rows, wire_length


def pack_records(rows: Rows, wire_length: Column, seen_us: Column) -> bytes:
    """The pcap records of frames captured at these times, each cut at the snap length."""
    captured = np.minimum(wire_length, SNAP_LENGTH)
    for word, values in enumerate((seen_us // 1_000_000, seen_us % 1_000_000, captured, wire_length)):
        rows[:, 4 * word : 4 * word + 4].view("<u4")[:, 0] = values
    return rows[np.arange(rows.shape[1]) < RECORD_HEADER + captured[:, None]].tobytes()


def pack_blocks(rows: Rows, wire_length: Column, seen_us: Column) -> bytes:
    """The same as the Enhanced Packet Blocks of pcapng."""
    captured = np.minimum(wire_length, SNAP_LENGTH)
    length = BLOCK_HEADER + (captured + 3) // 4 * 4 + 4
    words = np.zeros((len(rows), (BLOCK_HEADER + SNAP_LENGTH) // 4 + 1), "<u4")
    blocks = words.view(np.uint8)
    for word, values in enumerate((6, length, 0, seen_us >> 32, seen_us & 0xFFFFFFFF, captured, wire_length)):
        words[:, word] = values
    blocks[:, BLOCK_HEADER : BLOCK_HEADER + SNAP_LENGTH] = rows[:, RECORD_HEADER:]
    words[np.arange(len(words)), length // 4 - 1] = length
    return blocks[np.arange(blocks.shape[1]) < length[:, None]].tobytes()


def build_frames(flows: Flows, packets: Packets, tunnelled: bool, protocol: int) -> tuple[Rows, Column]:
    """Frames of one kind in rows with room for their record header, and their lengths on the wire."""
    rows = np.zeros((len(packets.flow), RECORD_HEADER + SNAP_LENGTH), np.uint8)
    client = FROM_CLIENT[packets.step]
    node, peer = _sides(flows.client_node, flows.server_node, packets.flow, client)
    put_mac(rows, 0, peer)
    put_mac(rows, 6, node)
    if protocol == ARP:
        return rows, put_arp(rows, packets, node, peer)
    put(rows, 12, ">u2", 0x0800)
    transport = ETHERNET + IPV4 + IPV4 * tunnelled
    put_transport = {TCP: put_tcp, UDP: put_udp, ICMP: put_icmp}[protocol]
    length = put_transport(rows, transport, flows, packets)

    source, destination = _sides(flows.client, flows.server, packets.flow, client)
    identification = flows.identification[packets.flow] * np.where(client, 1, 3) + packets.position
    identification[packets.step == SYN_ACK] = 0
    dont_fragment = (protocol != ICMP) | (packets.step == REQUEST)
    time_to_live = 63 if tunnelled else 64  # the node has forwarded what comes from a pod
    put_ipv4(rows, transport - IPV4, length, identification, dont_fragment, time_to_live, protocol, source, destination)
    put_transport_checksum(rows, transport, length, protocol)
    if tunnelled:
        outer_identification = 1 + (packets.number + 7919 * node) % 65_535
        outer = (FIRST_NODE + node, FIRST_NODE + peer)
        put_ipv4(rows, ETHERNET, length + IPV4, outer_identification, dont_fragment, time_to_live, 4, *outer)
    return rows, transport + length


def _sides(of_client: Column, of_server: Column, flow: Column, client: Column) -> tuple[Column, Column]:
    """Of each packet, the value of its sender and that of its receiver."""
    return np.where(client, of_client[flow], of_server[flow]), np.where(client, of_server[flow], of_client[flow])


def put_arp(rows: Rows, packets: Packets, node: Column, peer: Column) -> Column:
    """A request for the peer, or the reply to one."""
    put(rows, 12, ">u2", 0x0806)
    put(rows, ETHERNET, ">u4", 0x00010800)
    put(rows, ETHERNET + 4, ">u2", 0x0604)
    put(rows, ETHERNET + 6, ">u2", np.where(FROM_CLIENT[packets.step], 1, 2))
    put_mac(rows, ETHERNET + 8, node)
    put(rows, ETHERNET + 14, ">u4", FIRST_NODE + node)
    put_mac(rows, ETHERNET + 18, peer)
    put(rows, ETHERNET + 24, ">u4", FIRST_NODE + peer)
    return np.full(len(rows), ETHERNET + 28)


def put_tcp(rows: Rows, at: int, flows: Flows, packets: Packets) -> Column:
    """A TCP header with the options of a Linux host, and room for its payload; returns the length of both."""
    flow, step = packets.flow, packets.step
    request, answers = flows.request[flow], flows.answer[flow] + flows.second_answer[flow]
    mine = flows.client_sequence[flow] + 1 + packets.exchange * request
    theirs = flows.server_sequence[flow] + 1 + packets.exchange * answers
    asked, first_answer = mine + request, theirs + flows.answer[flow]
    sequence = np.choose(step, [mine, theirs, first_answer, asked, *[mine] * 3])
    opening = np.where(step == SYN_ACK, flows.server_sequence[flow], flows.client_sequence[flow])
    sequence = np.where(step >= SYN, opening + (step == ACK), sequence)
    acknowledged = np.choose(step, [theirs, asked, asked, theirs + answers, step * 0, step * 0, step * 0])
    of_other = np.where(step == SYN_ACK, flows.client_sequence[flow], flows.server_sequence[flow]) + 1
    acknowledged = np.where(step > SYN, of_other, acknowledged)
    payload = np.choose(step, [request, flows.answer[flow], flows.second_answer[flow], *[step * 0] * 4])
    options = np.where(np.isin(step, (SYN, SYN_ACK)), SYN_OPTIONS, OPTIONS)
    client = FROM_CLIENT[step]
    put(rows, at, ">u2", np.where(client, flows.client_port[flow], flows.server_port[flow]))
    put(rows, at + 2, ">u2", np.where(client, flows.server_port[flow], flows.client_port[flow]))
    put(rows, at + 4, ">u4", sequence % (1 << 32))
    put(rows, at + 8, ">u4", acknowledged % (1 << 32))
    put(rows, at + 12, ">u2", (5 + options // 4) << 12 | TCP_FLAGS[step])
    put(rows, at + 14, ">u2", 501)
    _put_options(rows, at + 20, packets, options)
    is_bgp = (flows.server_port[flow] == BGP_PORT) & (payload > 0)
    put_bytes(rows, at + 20 + OPTIONS, BGP_KEEPALIVE, is_bgp)
    return 20 + options + payload


def _put_options(rows: Rows, at: int, packets: Packets, options: Column) -> None:
    """Timestamps in every segment; segment size, SACK and window scale in a SYN (RFC 7323)."""
    mine, peers = packets.time_us // 1000 % (1 << 32), packets.peer_time_us // 1000 % (1 << 32)
    opening = options == SYN_OPTIONS
    part = rows[opening]
    put(part, at, ">u4", 0x02040000 | 1440)
    put(part, at + 4, ">u4", 0x0402080A)
    put(part, at + 8, ">u4", mine[opening])
    put(part, at + 12, ">u4", peers[opening])
    put(part, at + 16, ">u4", 0x01030307)
    rows[opening] = part
    part = rows[~opening]
    put(part, at, ">u4", 0x0101080A)
    put(part, at + 4, ">u4", mine[~opening])
    put(part, at + 8, ">u4", peers[~opening])
    rows[~opening] = part


def put_udp(rows: Rows, at: int, flows: Flows, packets: Packets) -> Column:
    """A DNS query or its answer."""
    flow, client = packets.flow, FROM_CLIENT[packets.step]
    length = 8 + np.where(client, flows.request[flow], flows.answer[flow])
    put(rows, at, ">u2", np.where(client, flows.client_port[flow], flows.server_port[flow]))
    put(rows, at + 2, ">u2", np.where(client, flows.server_port[flow], flows.client_port[flow]))
    put(rows, at + 4, ">u2", length)
    put_bytes(rows, at + 8, DNS_QUERY, client)
    put_bytes(rows, at + 8, DNS_ANSWER, ~client)
    return length


def put_icmp(rows: Rows, at: int, flows: Flows, packets: Packets) -> Column:
    """An echo request or its reply."""
    put(rows, at, "u1", np.where(FROM_CLIENT[packets.step], 8, 0))
    put(rows, at + 4, ">u2", flows.client_port[packets.flow])
    put(rows, at + 6, ">u2", packets.exchange % 65_536)
    return np.full(len(rows), 8 + PING_BYTES)


def main() -> None:
    """Write the file that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("output", type=Path)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--flows", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peer", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    missed = write_captures(arguments.output, arguments.peer, arguments.frames, arguments.flows, arguments.seed)
    if arguments.peer is not None:
        print(f"{missed} segments are not in {arguments.peer}")


if __name__ == "__main__":
    main()
