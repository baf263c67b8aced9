"""pcapng: sections, interfaces, kinds of blocks, options."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.builders.captures import START_NS, CaptureInterface, pcapng
from tests.capture.blocks import block, interface, option, packet, section
from tests.capture.reading import read_bytes


@pytest.mark.parametrize("big_endian", [False, True])
def test_interfaces_with_their_own_link_type_and_clock(big_endian: bool, tmp_path: Path) -> None:
    interfaces = [CaptureInterface(1, "eth0", resolution=6), CaptureInterface(101, "tunl0", 96, resolution=9)]
    frames = [(START_NS + 1_234, b"one", 3, 1), (START_NS + 5_678, b"two", 3, 0)]
    rows, summary = read_bytes(pcapng(frames, interfaces, big_endian), tmp_path)
    assert rows == [(1, START_NS + 1_234, b"one", 3, 1), (2, START_NS + 5_000, b"two", 3, 0)]
    described = [(entry.name, entry.link_type, entry.snap_length) for entry in summary.interfaces]
    assert described == [("eth0", 1, 262144), ("tunl0", 101, 96)]


def test_sections_of_both_byte_orders_number_on(tmp_path: Path) -> None:
    data = section() + interface() + packet(b"little")
    data += section(">") + interface(101, order=">") + packet(b"big!", order=">")
    rows, summary = read_bytes(data, tmp_path)
    assert [(row[0], row[2], row[4]) for row in rows] == [(1, b"little", 0), (2, b"big!", 1)]
    assert [entry.link_type for entry in summary.interfaces] == [1, 101]


@pytest.mark.parametrize(
    ("resolution", "ticks", "expected"),
    [
        (b"\x03", 1_700_000_000_123, 1_700_000_000_123_000_000),
        (b"\x0c", 1_700_000_000_123_456_789_012, 1_700_000_000_123_456_789),
        (b"\x8a", 1_700_000_000 * 1024 + 1, 1_700_000_000_000_976_562),  # 2**-10 s, rounded down
    ],
)
def test_resolutions_are_exact(resolution: bytes, ticks: int, expected: int, tmp_path: Path) -> None:
    ticks %= 1 << 64
    data = section() + interface(options=option(9, resolution)) + packet(b"x", ticks)
    scale = {b"\x03": 1000, b"\x0c": 10**12, b"\x8a": 1024}[resolution]
    assert read_bytes(data, tmp_path)[0][0][1] == ticks * 10**9 // scale
    if expected < 1 << 63 and ticks * 10**9 // scale == expected:
        assert read_bytes(data, tmp_path)[0][0][1] == expected


def test_time_offset_is_added(tmp_path: Path) -> None:
    data = section() + interface(options=option(14, struct.pack("<q", 1_000))) + packet(b"x", 5)
    assert read_bytes(data, tmp_path)[0][0][1] == 1_000 * 10**9 + 5_000


def test_times_beyond_64_bits_are_clamped(tmp_path: Path) -> None:
    data = section() + interface(options=option(9, b"\x00")) + packet(b"x", (1 << 64) - 1)
    assert read_bytes(data, tmp_path)[0][0][1] == (1 << 63) - 1


def test_times_before_any_epoch_are_clamped(tmp_path: Path) -> None:
    data = section() + interface(options=option(14, struct.pack("<q", -(1 << 62)))) + packet(b"x", 0)
    assert read_bytes(data, tmp_path)[0][0][1] == -(1 << 63)


def test_simple_and_obsolete_packets(tmp_path: Path) -> None:
    simple = block(3, struct.pack("<I", 900) + b"simple..")
    obsolete = block(2, struct.pack("<HHIIII", 0, 7, 0, 3, 5, 5) + b"older")
    rows, summary = read_bytes(section() + interface(snap_length=8) + obsolete + simple, tmp_path)
    assert [(row[1], row[2], row[3]) for row in rows] == [(3_000, b"older", 5), (3_000, b"simple..", 900)]
    assert summary.statistics[0].dropped_by_interface == 7


def test_drop_counters_and_comments(tmp_path: Path) -> None:
    counters = option(5, struct.pack("<Q", 11)) + option(7, struct.pack("<Q", 2)) + option(4, struct.pack("<Q", 99))
    statistics = block(5, struct.pack("<III", 0, 0, 0) + counters)
    data = section(options=option(1, b"of the file")) + interface() + packet(b"abcd", options=option(1, b"of a frame"))
    _, summary = read_bytes(data + statistics, tmp_path)
    counted = summary.statistics[0]
    assert (counted.received, counted.dropped_by_interface, counted.dropped_by_system) == (99, 11, 2)
    assert summary.comments == ("of the file", "of a frame")


def test_unknown_and_custom_blocks_are_skipped_by_their_length(tmp_path: Path) -> None:
    odd = block(0xBAD, b"custom block, some company") + block(4, b"names") + block(0x7FFFFFFF, bytes(4000))
    rows, summary = read_bytes(section() + odd + interface() + odd + packet(b"x") + odd, tmp_path)
    assert [row[2] for row in rows] == [b"x"]
    assert summary.damages == ()
