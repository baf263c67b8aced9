"""Files cut anywhere: never an exception, the frames before the cut are there, and the cut is said."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from ipipdiag.capture import Capture, CaptureError, DamageKind, FrameBatch, Limits
from ipipdiag.capture.stream import ByteStream
from ipipdiag.checks.model import Status
from ipipdiag.decode import decode
from ipipdiag.run import RunOptions, analyze
from tests.builders.captures import ETHERNET, NULL, PPP, RAW, SLL, SLL2, pcap, pcapng
from tests.builders.packets import ethernet, icmp_echo, ipip, ipv4, sll, sll2, tcp, tcp_options, udp, vlan
from tests.scenarios import SAMPLES

INNER = ipv4(
    tcp(b"x" * 20, flags="S", options=tcp_options(mss=1440, timestamps=(1, 0))), "172.20.1.5", "172.20.9.7", ttl=63
)
WRAPPED = ipip(INNER, "192.0.2.11", "192.0.2.12", ttl=63)
BARE = ipv4(udp(b"query", destination_port=53), "172.20.1.5", "172.20.9.7")
ECHO = ipv4(icmp_echo(), "172.20.1.5", "172.20.9.7")

ON_LINK: dict[int, Callable[[bytes], bytes]] = {
    ETHERNET: ethernet,
    RAW: lambda packet: packet,
    SLL: sll,
    SLL2: sll2,
    NULL: lambda packet: b"\x02\0\0\0" + packet,
    PPP: lambda packet: b"\xff\x03\x00\x21" + packet,
}
FRAMES = [ethernet(packet) for packet in (WRAPPED, BARE, vlan(WRAPPED, 100), ECHO)] * 5
FORMATS = {
    "pcap": pcap(FRAMES),
    "pcap big-endian": pcap(FRAMES, big_endian=True),
    "pcap nanoseconds": pcap(FRAMES, nano=True),
    "pcapng": pcapng(FRAMES),
    "pcapng big-endian": pcapng(FRAMES, big_endian=True),
    "gzip": gzip.compress(pcap(FRAMES)),
    "zstd": zstandard.ZstdCompressor().compress(pcap(FRAMES)),
    "xz": lzma.compress(pcap(FRAMES)),
    "bz2": bz2.compress(pcap(FRAMES)),
} | {
    f"link type {link_type}": pcap([wrap(packet) for packet in (WRAPPED, BARE, ECHO)] * 6, link_type=link_type)
    for link_type, wrap in ON_LINK.items()
}
SMALL = Limits(chunk_bytes=1 << 15)


def lengths(data: bytes) -> Iterator[int]:
    """Every length in the first 256 and the last 2,000 bytes."""
    yield from (length for length in range(len(data)) if length < 256 or length >= len(data) - 2000)


Row = tuple[int, int, int, int]


def read_cut(data: bytes, known: dict[int, list[Row]]) -> tuple[list[Row], set[DamageKind]]:
    """The decoded frames of cut bytes; a number of frames that another length gave as well is decoded once."""
    count = 0
    batches = []
    with Capture(ByteStream("cut", io.BytesIO(data), 1 << 30), SMALL) as capture:
        for batch in capture.batches():
            count += len(batch.frames)
            batches.append(FrameBatch(batch.buffer.copy(), batch.frames))
        damages = {damage.kind for damage in capture.summary().damages}
    if count not in known:
        decoded = [decode(batch, capture.interfaces).packets for batch in batches]
        columns = ("number", "time_ns", "inner_destination", "stop_layer")
        known[count] = [row for packets in decoded for row in packets.rows(*columns)]
    return known[count], damages


@pytest.mark.parametrize("name", FORMATS)
def test_reader_and_decoder_at_every_length(name: str) -> None:
    data = FORMATS[name]
    known: dict[int, list[Row]] = {}
    whole, damages = read_cut(data, known)
    assert damages == set()
    for length in lengths(data):
        try:
            rows, damages = read_cut(data[:length], known)
        except CaptureError as error:
            assert length < 100 or name in ("gzip", "zstd", "xz", "bz2"), error
            continue
        assert rows == whole[: len(rows)], length
        assert len(rows) == len(whole) or damages or ends_between_records(data, length), length


def ends_between_records(data: bytes, length: int) -> bool:
    """Whether a pcap or pcapng file cut there ends with a whole record."""
    order = "little" if data[:1] in (b"\xd4", b"\x4d") or data[8:9] == b"\x4d" else "big"
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        at = 0
        while at < length:
            at += int.from_bytes(data[at + 4 : at + 8], order)  # type: ignore[arg-type]
        return at == length
    at = 24
    while at < length:
        at += 16 + int.from_bytes(data[at + 8 : at + 12], order)  # type: ignore[arg-type]
    return at == length


SAMPLE_FILES = sorted(path for path in SAMPLES.glob("[0-8]*/*.pcap*") if path.stat().st_size > 100)


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: f"{path.parent.name[:3]}{path.name}")
def test_analyze_of_a_sample_cut_at_random(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    length = random.Random(path.name + path.parent.name).randrange(40, len(data))
    cut = tmp_path / path.name
    cut.write_bytes(data[:length])
    report = analyze(RunOptions((str(cut),)))
    assert [check.error for check in report.checks if check.status is Status.CRASHED] == []
    if not report.inputs:
        assert length < 200 or path.suffix == ".gz"
        return
    damaged = [entry for entry in report.findings if entry.finding.code == "IPD0002"]
    assert damaged or ends_between_records(data, length)
    assert [error.name for error in report.errors] == [str(cut)] * len(report.errors)
