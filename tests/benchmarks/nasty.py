"""Runs `ipipdiag -f json` on captures made to hurt: nasty.py FOLDER [--only NAME]... [--scale N] [--growth].

Each is analyzed alone, then two of a kind together, then they are traced. Prints for each run the exit code, processor
time, the peak memory of its processes together, sampled, and what the report says was cut, beside ordinary frames of
the same number. The captures are written to the folder first; ``--scale`` divides their sizes. ``--growth`` runs each
at half its size before, and prints how much longer the whole takes: twice as long, where the time is linear.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from generate import START_US, write_captures
from headers import IPV4, RECORD_HEADER, Column, Rows, put, put_bytes, put_ipv4, put_mac

MILLION = 1_000_000
ETHERNET = 14
FIRST_POD = 0x0AF41002
GATEWAY = 0xA9FE0101
NODE, PEER = 0x0A320A1F, 0x0A320A20
ICMP, TCP, UDP, IPIP = 1, 6, 17, 4
SYN, RST, PUSH, ACK = 2, 4, 8, 16
FORWARDED_ONCE = 63  # the TTL of pods' packets in the tunnel, by which Calico is known
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
CENTURY_S = 36_525 * 86_400
GIBIBYTE = 1 << 30
TIMEOUT_S = 600
SAMPLED_S = 0.02


def write_rows(path: Path, rows: Rows, lengths: Column | int, times_us: Column | None = None, cut: int = 0) -> None:
    """A pcap file of rows that have room for a record header, each as long as its length says, and ``cut`` bytes longer
    on the wire.
    """
    count = len(rows)
    times = START_US + np.arange(count) * 10 if times_us is None else times_us
    captured = np.broadcast_to(np.asarray(lengths), (count,))
    for at, values in ((0, times // MILLION), (4, times % MILLION), (8, captured), (12, captured + cut)):
        rows[:, at : at + 4] = as_bytes(values, count)
    path.write_bytes(PCAP_HEADER + rows[np.arange(rows.shape[1]) < RECORD_HEADER + captured[:, None]].tobytes())


def ethernet(count: int, length: int, kind: int = 0x0800) -> Rows:
    """Frames between two nodes, empty behind their link header."""
    rows = np.zeros((count, RECORD_HEADER + length), np.uint8)
    put_mac(rows, 0, np.full(count, 2))
    put_mac(rows, 6, np.full(count, 1))
    put(rows, 12, ">u2", kind)
    return rows


def ipv4(
    rows: Rows, at: int, protocol: int, source: Column | int, destination: Column | int, cut: int = 0, again: int = 0
) -> None:
    """An IPv4 header that reaches to the end of the row and ``cut`` bytes beyond, as of a packet of a pod that its node
    has forwarded; identifications count the rows, from ``again`` on.
    """
    count = len(rows)
    length = np.full(count, rows.shape[1] - RECORD_HEADER - at - IPV4 + cut)
    numbers = np.arange(count) + again
    ends = (np.broadcast_to(np.asarray(end), (count,)) for end in (source, destination))
    put_ipv4(rows, at, length, numbers, np.zeros(count, np.bool_), FORWARDED_ONCE, protocol, *ends)


def block(kind: int, body: bytes) -> bytes:
    """A pcapng block."""
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


SECTION = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
INTERFACE = block(1, struct.pack("<HHI", 1, 0, 262_144))
BLOCK_HEAD = 28  # bytes of an Enhanced Packet Block before the frame


def packet_block(interface: int, ticks: int, frame: bytes) -> bytes:
    """An Enhanced Packet Block."""
    head = struct.pack("<IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(6, head + frame + b"\0" * (-len(frame) % 4))


def plain_frame() -> bytes:
    """A UDP packet between two nodes."""
    rows = ethernet(1, ETHERNET + IPV4 + 8)
    ipv4(rows, ETHERNET, UDP, NODE, PEER)
    put(rows, ETHERNET + IPV4, ">u4", 0x30390035)
    put(rows, ETHERNET + IPV4 + 4, ">u2", 8)
    return rows[0, RECORD_HEADER:].tobytes()


def packet_blocks(interface: int, rows: Rows, times_us: Column) -> Rows:
    """An Enhanced Packet Block of each row, all of its bytes captured."""
    count, length = len(rows), rows.shape[1] - RECORD_HEADER
    padded = length + -length % 4
    blocks = np.zeros((count, BLOCK_HEAD + padded + 4), np.uint8)
    ends = (times_us >> 32, times_us & 0xFFFFFFFF)
    for at, values in enumerate((6, BLOCK_HEAD + padded + 4, interface, *ends, length, length)):
        blocks[:, 4 * at : 4 * at + 4] = as_bytes(values, count)
    blocks[:, BLOCK_HEAD : BLOCK_HEAD + length] = rows[:, RECORD_HEADER:]
    blocks[:, -4:] = blocks[:, 4:8]
    return blocks


def as_bytes(values: Column | int, count: int) -> Rows:
    """32-bit numbers, four bytes a row."""
    return np.broadcast_to(np.asarray(values), (count,)).astype("<u4").view(np.uint8).reshape(count, 4)


def interfaces(path: Path, count: int) -> None:
    """Interfaces that no frame came from."""
    path.write_bytes(SECTION + INTERFACE * count + packet_block(0, START_US, plain_frame()))


def interfaces_with_frames(path: Path, count: int) -> None:
    """A frame from each of as many interfaces."""
    frame = plain_frame()
    with path.open("wb") as file:
        file.write(SECTION + INTERFACE * count)
        for number in range(count):
            file.write(packet_block(number, START_US + number, frame))


def interfaces_of_pods(path: Path, count: int) -> None:
    """An interface for each of as many pods: its ARP for the gateway, SYNs, and answers of another pod."""
    with path.open("wb") as file:
        file.write(SECTION + INTERFACE * count)
        for number in range(count):
            pod = FIRST_POD + number
            asks, packets = ethernet(1, ETHERNET + 28, 0x0806), ethernet(4, ETHERNET + IPV4 + 20)
            arp(asks, pod, GATEWAY)
            ipv4(packets, ETHERNET, TCP, pod, 0x0AF41702)
            tcp(packets, ETHERNET + IPV4, (1_024 + np.arange(4), 80), 1, SYN)
            for rows, second in ((asks, 0), (packets, 1), (in_turn(packets[:2]), 2), (asks, 4)):
                file.write(packet_blocks(number, *seconds((rows, second))).tobytes())


def sections(path: Path, count: int) -> None:
    """A section an interface and a frame."""
    path.write_bytes((SECTION + INTERFACE + packet_block(0, START_US, plain_frame())) * count)


def kernel_interfaces(path: Path, count: int) -> None:
    """Linux cooked v2, each frame from another kernel interface index."""
    frame = plain_frame()[ETHERNET:]
    rows = np.zeros((count, RECORD_HEADER + 20 + len(frame)), np.uint8)
    put(rows, 0, ">u2", 0x0800)
    put(rows, 4, ">u4", np.arange(1, count + 1))
    put(rows, 8, ">u2", 1)
    rows[:, RECORD_HEADER + 20 :] = np.frombuffer(frame, np.uint8)
    write_rows(path, rows, rows.shape[1] - RECORD_HEADER)
    data = bytearray(path.read_bytes())
    data[20:24] = struct.pack("<I", 276)
    path.write_bytes(data)


def empty_blocks(path: Path, count: int) -> None:
    """Blocks of an unknown type without content."""
    path.write_bytes(SECTION + INTERFACE + block(0x0BAD, b"") * count + packet_block(0, START_US, plain_frame()))


def broken_blocks(path: Path, count: int) -> None:
    """Packet blocks too short to be one."""
    path.write_bytes(SECTION + INTERFACE + block(6, b"") * count + packet_block(0, START_US, plain_frame()))


def one_byte_frames(path: Path, count: int) -> None:
    """Frames of one byte."""
    write_rows(path, np.zeros((count, RECORD_HEADER + 1), np.uint8), 1)


def huge_claims(path: Path, count: int) -> None:
    """Options longer than their blocks, then a block that claims 4 GiB."""
    option = struct.pack("<HH", 1, 0xFFFF) + b"abcd"
    described = block(1, struct.pack("<HHI", 1, 0, 0xFFFFFFFF) + option)
    frames = packet_block(0, START_US, plain_frame()) * count
    path.write_bytes(SECTION + described + frames + struct.pack("<II", 6, 0xFFFFFFFC) + b"\0" * 64)


def unknown_interfaces(path: Path, count: int) -> None:
    """Packet blocks of interfaces that the file does not describe, each of another."""
    frame = plain_frame()
    with path.open("wb") as file:
        file.write(SECTION + INTERFACE + packet_block(0, START_US, frame))
        for number in range(1, count):
            file.write(packet_block(number, START_US + number, frame))


def comments(path: Path, count: int) -> None:
    """A comment of 60,000 bytes with every frame, as far as 100 MB go."""
    frame = plain_frame()
    head = struct.pack("<IIIII", 0, START_US >> 32, START_US & 0xFFFFFFFF, len(frame), len(frame))
    text = struct.pack("<HH", 1, 60_000) + b"x" * 60_000
    body = head + frame + b"\0" * (-len(frame) % 4) + text
    path.write_bytes(SECTION + INTERFACE + block(6, body) * min(count, 1_700))


def fragments(path: Path, count: int, identification: Column | int, offset: Column | int, more: int = 0x2000) -> None:
    """Fragments of 8 bytes: their ids, and their offsets in units of 8 bytes."""
    rows = ethernet(count, ETHERNET + IPV4 + 8)
    ipv4(rows, ETHERNET, UDP, NODE, PEER)
    put(rows, ETHERNET + 4, ">u2", identification)
    put(rows, ETHERNET + 6, ">u2", np.asarray(offset) | more)
    write_rows(path, rows, rows.shape[1] - RECORD_HEADER)


def fragments_of_one(path: Path, count: int) -> None:
    """First fragments of one packet, over and over."""
    fragments(path, count, 7, 0)


def fragments_that_overlap(path: Path, count: int) -> None:
    """Fragments of one packet at all offsets, the first among them again and again, never the last."""
    fragments(path, count, 7, np.arange(count) * 7 % 8_191 * (np.arange(count) % 2))


def fragments_incomplete(path: Path, count: int) -> None:
    """First fragments of as many packets, and nothing behind them."""
    rows = ethernet(count, ETHERNET + IPV4 + 8)
    ipv4(rows, ETHERNET, UDP, NODE + np.arange(count) // 65_536 * 256, PEER)
    put(rows, ETHERNET + 6, ">u2", 0x2000)
    write_rows(path, rows, rows.shape[1] - RECORD_HEADER)


def nested(path: Path, count: int) -> None:
    """IP-in-IP sixty deep."""
    depth = 60
    rows = ethernet(count, ETHERNET + IPV4 * depth + 8)
    for level in range(depth):
        ipv4(rows, ETHERNET + IPV4 * level, IPIP if level < depth - 1 else UDP, NODE + level, PEER + level)
    write_rows(path, rows, rows.shape[1] - RECORD_HEADER)


def gzip_bomb(path: Path, count: int) -> None:
    """Zeros to the size of 8 GiB, which are frames without a byte at 1970."""
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(PCAP_HEADER)
        for _ in range(8 * GIBIBYTE * count // MILLION >> 20):
            file.write(bytes(1 << 20))


def gzip_bomb_of_one_frame(path: Path, count: int) -> None:
    """The same, as the bytes of one frame that claims them."""
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(PCAP_HEADER + struct.pack("<IIII", 1, 0, 0x7FFFFFFF, 0x7FFFFFFF))
        for _ in range(2 * GIBIBYTE * count // MILLION >> 20):
            file.write(bytes(1 << 20))


def arp(rows: Rows, sender: Column | int, target: Column | int) -> None:
    """An ARP request."""
    put(rows, ETHERNET, ">u4", 0x00010800)
    put(rows, ETHERNET + 4, ">u4", 0x06040001)
    put_mac(rows, ETHERNET + 8, np.ones(len(rows), np.int64))
    put(rows, ETHERNET + 14, ">u4", sender)
    put(rows, ETHERNET + 24, ">u4", target)


def arp_senders(path: Path, count: int) -> None:
    """ARP requests, each from another address and MAC, for 169.254.1.1."""
    rows = ethernet(count, ETHERNET + 28, 0x0806)
    numbers = np.arange(count)
    put_mac(rows, 6, numbers)
    arp(rows, 0x0A000000 + numbers, GATEWAY)
    put_mac(rows, ETHERNET + 8, numbers)
    write_rows(path, rows, rows.shape[1] - RECORD_HEADER)


def tcp(rows: Rows, at: int, ports: tuple[Column | int, Column | int], sequence: Column | int, flags: int) -> None:
    """A TCP header without options; its checksum is left out."""
    put(rows, at, ">u2", ports[0])
    put(rows, at + 2, ">u2", ports[1])
    put(rows, at + 4, ">u4", sequence)
    put(rows, at + 12, "u1", 0x50)
    put(rows, at + 13, "u1", flags)
    put(rows, at + 14, ">u2", 65_535)


def five_tuples(path: Path, count: int) -> None:
    """SYN packets in the tunnel, each of another connection and never answered."""
    numbers = np.arange(count)
    rows = ethernet(count, ETHERNET + 2 * IPV4 + 20)
    ipv4(rows, ETHERNET, IPIP, NODE, PEER)
    ipv4(rows, ETHERNET + IPV4, TCP, FIRST_POD + numbers % 50, 0x0AF41702 + numbers // 60_000)
    tcp(rows, ETHERNET + 2 * IPV4, (1_024 + numbers % 60_000, 80), numbers, 2)
    write_rows(path, rows, rows.shape[1] - RECORD_HEADER)


def pod_pairs(path: Path, count: int) -> None:
    """Bare packets between as many pairs of addresses."""
    numbers = np.arange(count)
    rows = ethernet(count, ETHERNET + IPV4 + 20)
    ipv4(rows, ETHERNET, TCP, FIRST_POD + numbers, 0x0B000000 + numbers * 7)
    tcp(rows, ETHERNET + IPV4, (1_024, 80), numbers, 16)
    write_rows(path, rows, rows.shape[1] - RECORD_HEADER)


def outer_pairs(path: Path, count: int) -> None:
    """Tunnel packets between as many pairs of outer addresses."""
    numbers = np.arange(count)
    rows = ethernet(count, ETHERNET + 2 * IPV4 + 8)
    ipv4(rows, ETHERNET, IPIP, NODE + numbers, 0x0B000000 + numbers * 7)
    ipv4(rows, ETHERNET + IPV4, UDP, FIRST_POD, 0x0AF41702)
    write_rows(path, rows, rows.shape[1] - RECORD_HEADER)


def in_tunnel(
    count: int,
    length: int,
    protocol: int,
    source: Column | int,
    destination: Column | int,
    *,
    cut: int = 0,
    again: int = 0,
) -> Rows:
    """Tunnel packets of one node to another, empty behind their inner header."""
    rows = ethernet(count, ETHERNET + 2 * IPV4 + length)
    ipv4(rows, ETHERNET, IPIP, NODE, PEER, cut, again)
    ipv4(rows, ETHERNET + IPV4, protocol, source, destination, cut, again)
    return rows


def in_turn(rows: Rows) -> Rows:
    """The other way: MACs, addresses and ports of TCP exchanged, in the tunnel or bare."""
    turned = rows.copy()
    start = RECORD_HEADER
    swaps = [(0, 6, 6), (ETHERNET + 12, ETHERNET + 16, 4)]
    inner = ETHERNET + IPV4 if rows[0, start + ETHERNET + 9] == IPIP else ETHERNET
    swaps += [(inner + 12, inner + 16, 4)] * (inner > ETHERNET) + [(inner + IPV4, inner + IPV4 + 2, 2)]
    for one, other, size in swaps:
        turned[:, start + one : start + one + size] = rows[:, start + other : start + other + size]
        turned[:, start + other : start + other + size] = rows[:, start + one : start + one + size]
    return turned


def seconds(*parts: tuple[Rows, float]) -> tuple[Rows, Column]:
    """Rows one part after the other, and their times in microseconds: each part begins so many seconds in."""
    times = [START_US + int(second * MILLION) + np.arange(len(rows)) for rows, second in parts]
    return np.concatenate([rows for rows, _ in parts]), np.concatenate(times)


def unanswered(path: Path, count: int) -> None:
    """SYNs in the tunnel, each between another two pods, sent three times and never answered."""
    numbers = np.arange(count)
    write_silence(path, FIRST_POD + numbers % 50, 0x0AF80002 + numbers)


def unanswered_by_one(path: Path, count: int) -> None:
    """The same of one pod, which as many others ask."""
    write_silence(path, FIRST_POD + np.arange(count), np.full(count, 0x0AF41702))


def write_silence(path: Path, sources: Column, destinations: Column) -> None:
    """SYNs sent three times, and packets of the other node before and after."""
    numbers = np.arange(len(sources))

    def syns(again: int) -> Rows:
        rows = in_tunnel(len(numbers), 20, TCP, sources, destinations, again=again)
        tcp(rows, ETHERNET + 2 * IPV4, (1_024 + numbers % 60_000, 80), numbers, SYN)
        return rows

    other = in_turn(syns(0)[:1])
    tcp(other, ETHERNET + 2 * IPV4, (22, 1_023), 0, ACK)
    sent, times = seconds((other, 0), (syns(0), 1), (syns(1), 2), (syns(2), 4), (other, 7))
    write_rows(path, sent, sent.shape[1] - RECORD_HEADER, times)


def refused(path: Path, count: int) -> None:
    """Connections to a pod that RSTs answer at a node's NIC; on the pod's own link as many others are open."""
    numbers = np.arange(count)
    pod = 0x0AF41702
    syns = in_tunnel(count, 20, TCP, FIRST_POD + numbers // 50_000, pod)
    tcp(syns, ETHERNET + 2 * IPV4, (1_024 + numbers % 50_000, 80), numbers, SYN)
    resets = in_turn(syns)
    put(resets, ETHERNET + 2 * IPV4 + 13, "u1", RST | ACK)
    others = ethernet(count, ETHERNET + IPV4 + 20)
    ipv4(others, ETHERNET, TCP, FIRST_POD + numbers // 50_000, pod)
    tcp(others, ETHERNET + IPV4, (1_024 + numbers % 50_000, 443), numbers, ACK)
    asks = ethernet(1, ETHERNET + 28, 0x0806)
    arp(asks, pod, GATEWAY)
    with path.open("wb") as file:
        file.write(SECTION + INTERFACE * 2)
        for interface, rows, second in ((1, asks, 0), (1, others, 1), (0, syns, 2), (0, resets, 3), (1, asks, 5)):
            file.write(packet_blocks(interface, *seconds((rows, second))).tobytes())


def rejected(path: Path, count: int) -> None:
    """ICMP "prohibited" from as many nodes, each about another two pods."""
    write_icmp_errors(path, count, 13)


def told_mtus(path: Path, count: int) -> None:
    """ICMP "fragmentation needed" from as many routers, each about another two pods."""
    write_icmp_errors(path, count, 4)


def write_icmp_errors(path: Path, count: int, code: int) -> None:
    """ICMP 3 from as many senders in the tunnel, each about another packet of one pod."""
    numbers = np.arange(count)
    icmp = ETHERNET + 2 * IPV4
    rows = in_tunnel(count, 8 + IPV4 + 8, ICMP, 0x0B000000 + numbers, FIRST_POD)
    put(rows, icmp, ">u2", 0x0300 | code)
    put(rows, icmp + 6, ">u2", 1_400)
    ipv4(rows, icmp + 8, UDP, FIRST_POD, 0x0AF50002 + numbers)
    put(rows, icmp + 8 + IPV4, ">u4", 0x30390035)
    sent = in_tunnel(1, rows.shape[1] - RECORD_HEADER - icmp, UDP, FIRST_POD, 0x0AF50002)
    write_rows(path, np.concatenate([sent, rows]), rows.shape[1] - RECORD_HEADER)


def stuck(path: Path, count: int) -> None:
    """Large segments, each between another two pods, sent four times and never acknowledged, where small ones are."""
    numbers = np.arange(count)
    small, large = 300, 1_400  # bytes of payload

    def segments(port: int, length: int, again: int = 0) -> Rows:
        rows = in_tunnel(count, 20, TCP, FIRST_POD + numbers, 0x0AF80002 + numbers, cut=length, again=again)
        tcp(rows, ETHERNET + 2 * IPV4, (port, 80), 1, PUSH | ACK)
        return rows

    answers = in_turn(segments(40_001, 0))
    put(answers, ETHERNET + 2 * IPV4 + 8, ">u4", 1 + small)
    parts = [(segments(40_000, large, second), second) for second in (1, 2, 3, 6)]
    sent, times = seconds(*parts[:3], (segments(40_001, small), 4), (answers, 5), *parts[3:], (answers[:1], 9))
    write_rows(path, sent, sent.shape[1] - RECORD_HEADER, times, cut=large)


def routes_withdrawn(path: Path, count: int) -> None:
    """A BGP speaker that announces as many blocks and then withdraws them."""
    blocks = [(0x0A800000 + (number << 6)).to_bytes(4, "big") for number in range(count)]
    prefixes = [b"\x1a" + network for network in blocks]
    attributes = b"\x40\x01\x01\x00\x40\x02\x00\x40\x03\x04" + NODE.to_bytes(4, "big")
    announced = [
        struct.pack(">HH", 0, len(attributes)) + attributes + b"".join(prefixes[at : at + 200])
        for at in range(0, count, 200)
    ]
    withdrawn = [
        struct.pack(">H", 5 * len(part)) + b"".join(part) + b"\0\0"
        for part in (prefixes[at : at + 200] for at in range(0, count, 200))
    ]
    bodies = [b"\xff" * 16 + struct.pack(">HB", 19 + len(body), 2) + body for body in announced + withdrawn]
    sequence, at = 1, START_US
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        for body in bodies:
            rows = ethernet(1, ETHERNET + IPV4 + 20 + len(body))
            ipv4(rows, ETHERNET, TCP, NODE, PEER)
            tcp(rows, ETHERNET + IPV4, (40_000, 179), sequence, PUSH | ACK)
            put_bytes(rows, ETHERNET + IPV4 + 20, body, np.ones(1, np.bool_))
            frame = rows[0, RECORD_HEADER:].tobytes()
            file.write(struct.pack("<IIII", at // MILLION, at % MILLION, len(frame), len(frame)) + frame)
            sequence, at = sequence + len(body), at + 1_000


def bgp_byte_by_byte(path: Path, count: int) -> None:
    """One BGP stream of KEEPALIVE and long UPDATE messages, a byte a segment."""
    update = b"\xff" * 16 + struct.pack(">HBHH", 4_096, 2, 0, 4_073) + bytes(4_073)
    stream = np.frombuffer((b"\xff" * 16 + b"\x00\x13\x04" + update) * (count // 4_000 + 1), np.uint8)[:count]
    rows = ethernet(count, ETHERNET + IPV4 + 20 + 1)
    ipv4(rows, ETHERNET, TCP, NODE, PEER)
    tcp(rows, ETHERNET + IPV4, (40_000, 179), np.arange(count), 0x18)
    put(rows, ETHERNET + IPV4 + 20, "u1", stream)
    write_rows(path, rows, rows.shape[1] - RECORD_HEADER)


def bgp_with_gaps(path: Path, count: int) -> None:
    """BGP segments in reverse order, so that each waits for the one before it."""
    rows = ethernet(count, ETHERNET + IPV4 + 20 + 1)
    ipv4(rows, ETHERNET, TCP, NODE, PEER)
    tcp(rows, ETHERNET + IPV4, (40_000, 179), MILLION * 4 - np.arange(count) * 2, 0x18)
    put(rows, ETHERNET + IPV4 + 20, "u1", 0xFF)
    write_rows(path, rows, rows.shape[1] - RECORD_HEADER)


def tcp_out_of_order(path: Path, count: int) -> None:
    """One TCP stream whose sequence numbers jump to and fro."""
    rows = ethernet(count, ETHERNET + IPV4 + 20 + 1)
    ipv4(rows, ETHERNET, TCP, FIRST_POD, FIRST_POD + 1)
    random = np.random.default_rng(1)
    tcp(rows, ETHERNET + IPV4, (40_000, 80), random.integers(0, 1 << 32, count), 0x18)
    write_rows(path, rows, rows.shape[1] - RECORD_HEADER)


def centuries(path: Path, count: int) -> None:
    """Seconds as the unit of time and an offset, from long before 1970 to long after 2262, up to the last tick."""
    resolution = struct.pack("<HHB3x", 9, 1, 0)
    offset = struct.pack("<HHq", 14, 8, -3 * CENTURY_S)
    described = block(1, struct.pack("<HHI", 1, 0, 262_144) + resolution + offset)
    frame = plain_frame()
    with path.open("wb") as file:
        file.write(SECTION + described)
        for number in range(count):
            file.write(packet_block(0, number * 30 * CENTURY_S // count, frame))
        file.write(packet_block(0, (1 << 64) - 1, frame))


def noise(path: Path, count: int) -> None:
    """Frames of random bytes."""
    rows = np.random.default_rng(1).integers(0, 256, (count, RECORD_HEADER + 90), dtype=np.uint8)
    write_rows(path, rows, 90)


def noise_in_packets(path: Path, count: int) -> None:
    """Tunnel packets whose inner packet is random bytes."""
    rows = np.random.default_rng(1).integers(0, 256, (count, RECORD_HEADER + 90), dtype=np.uint8)
    rows[:, : RECORD_HEADER + ETHERNET] = ethernet(count, ETHERNET)
    ipv4(rows, ETHERNET, IPIP, NODE, PEER)
    put(rows, ETHERNET + IPV4, "u1", 0x45)
    write_rows(path, rows, 90)


def ordinary(path: Path, count: int) -> None:
    """What make bench measures."""
    write_captures(path, None, count, 5_000, 1)


@dataclass(frozen=True)
class Case:
    """How a capture is written, of how many things."""

    write: Callable[[Path, int], None]
    count: int = MILLION


CASES = (
    Case(ordinary, 200_000),
    Case(ordinary),
    Case(interfaces),
    Case(interfaces_with_frames),
    Case(interfaces_of_pods, 1_000),
    Case(sections),
    Case(kernel_interfaces),
    Case(empty_blocks),
    Case(broken_blocks),
    Case(one_byte_frames),
    Case(huge_claims, 10),
    Case(unknown_interfaces),
    Case(comments),
    Case(fragments_of_one, 200_000),
    Case(fragments_that_overlap, 200_000),
    Case(fragments_incomplete, 200_000),
    Case(nested, 200_000),
    Case(gzip_bomb),
    Case(gzip_bomb_of_one_frame),
    Case(arp_senders),
    Case(five_tuples),
    Case(five_tuples, 100_000),
    Case(unanswered, 99_000),
    Case(unanswered_by_one, 99_000),
    Case(refused, 49_000),
    Case(rejected, 99_000),
    Case(told_mtus, 99_000),
    Case(stuck, 25_000),
    Case(routes_withdrawn, 100_000),
    Case(pod_pairs),
    Case(outer_pairs),
    Case(bgp_byte_by_byte),
    Case(bgp_with_gaps, 200_000),
    Case(tcp_out_of_order),
    Case(centuries),
    Case(noise),
    Case(noise_in_packets),
)


@dataclass(frozen=True)
class Run:
    """How one run went: exit code, seconds of the processor, MiB at the peak, and what was said to be cut."""

    code: str
    seconds: float
    mebibytes: float
    said: str


def measure(command: str, captures: list[Path]) -> Run:
    """Run a command on some captures."""
    report, told = captures[0].with_suffix(".json"), captures[0].with_suffix(".err")
    program = [sys.executable, "-c", "import sys; from ipipdiag.cli.main import main; sys.exit(main())"]
    program += [command, "-f", "json", *map(str, captures)]
    with report.open("wb") as output, told.open("wb") as errors:
        process = subprocess.Popen(["timeout", str(TIMEOUT_S), *program], stdout=output, stderr=errors)
        ended, peak = 0, 0
        while not ended:
            time.sleep(SAMPLED_S)
            peak = max(peak, _memory_kib(process.pid))
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = usage.ru_utime + usage.ru_stime
    return Run(str(process.returncode), seconds, peak / 1024, _said(report, told))


def _memory_kib(process: int) -> int:
    """Memory of a process and of all that it has started, each page that several share counted once (Linux, PSS)."""
    folder = Path("/proc", str(process))
    try:
        lines = (folder / "smaps_rollup").read_text().splitlines()
        children = [int(child) for task in folder.glob("task/*/children") for child in task.read_text().split()]
    except OSError:  # it has ended by now
        return 0
    own = sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return own + sum(map(_memory_kib, children))


def _said(report: Path, told: Path) -> str:
    try:
        content = json.loads(report.read_bytes())
    except ValueError:
        return told.read_text(errors="replace").strip()[-300:]
    lines = [error["error"] for error in content["errors"]]
    lines += [finding["observed"] for finding in content.get("findings", ()) if finding["code"] == "IPD0002"]
    lines += [f"{check['code']} crashed" for check in content.get("checks", ()) if check["status"] == "crashed"]
    return " | ".join(lines)[:300] + f" ({report.stat().st_size >> 10} KiB of report)"


def written(case: Case, folder: Path, count: int) -> list[Path]:
    """The capture of a case, and one of the same frames that is another file: its last record is cut."""
    captures = [folder / f"{case.write.__name__}-{count}{twin}" for twin in ("", "-twin")]
    for capture in captures:
        if not capture.exists():
            # elsewhere: what a process takes before it runs another program counts as that one's peak
            writer = multiprocessing.Process(target=case.write, args=(capture, count))
            writer.start()
            writer.join()
            if capture is captures[1]:
                with capture.open("ab") as file:
                    file.write(b"\0\0\0")
    return captures


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time and memory of ipipdiag on captures made to hurt.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", action="append", metavar="NAME")
    parser.add_argument("--scale", type=int, default=1, metavar="N", help="divide every count by this")
    parser.add_argument("--growth", action="store_true", help="measure at half the count as well")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    print(f"{'':<26}{'count':>9}  {'run':<12}{'exit':>5}{'time':>9}{'growth':>8}{'peak memory':>13}  what was said")
    for case in CASES:
        name = case.write.__name__
        if arguments.only and name not in arguments.only:
            continue
        count = max(case.count // arguments.scale, 2)
        sizes = [count // 2, count] if arguments.growth else [count]
        captures = {size: written(case, arguments.folder, size) for size in sizes}
        label = name.replace("_", " ")
        for command, files in (("analyze", 1), ("analyze", 2), ("trace", 2)):
            runs = [measure(command, captures[size][:files]) for size in sizes]
            growth = f"{runs[-1].seconds / runs[0].seconds:.1f}" if arguments.growth else "-"
            one, what = runs[-1], f"{command} {'two' if files == 2 else 'one'}"
            print(
                f"{label:<26}{count:>9}  {what:<12}{one.code:>5}{one.seconds:>7.1f} s{growth:>8}"
                f"{one.mebibytes:>9.0f} MiB  {one.said}",
                flush=True,
            )


if __name__ == "__main__":
    main()
