"""Classic pcap: precision, byte order, variants of the header."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.builders.captures import START_NS, pcap
from tests.capture.reading import read_bytes

FRAMES = [(START_NS + 1_234_567_891, b"first"), (START_NS + 2_000_000_001, b"second", 900)]


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("nano", [False, True])
def test_times_lengths_and_bytes_are_exact(nano: bool, big_endian: bool, tmp_path: Path) -> None:
    rows, summary = read_bytes(pcap(FRAMES, nano=nano, big_endian=big_endian), tmp_path)
    unit = 1 if nano else 1000
    assert rows == [
        (1, (START_NS + 1_234_567_891) // unit * unit, b"first", 5, 0),
        (2, (START_NS + 2_000_000_001) // unit * unit, b"second", 900, 0),
    ]
    assert (summary.format, summary.frames, summary.damages) == ("pcap", 2, ())


def test_frame_check_sequence_bits_are_no_part_of_the_link_type(tmp_path: Path) -> None:
    data = bytearray(pcap(FRAMES))
    data[20:24] = struct.pack("<I", 0x50000001)
    assert read_bytes(bytes(data), tmp_path)[1].interfaces[0].link_type == 1


def test_records_with_longer_headers(tmp_path: Path) -> None:
    """Kuznetzov's variant has 8 more bytes in each record header."""
    plain = pcap([(START_NS, b"abc"), (START_NS, b"defg")])
    header = struct.pack("<I", 0xA1B2CD34) + plain[4:24]
    one, other = plain[24:43], plain[43:]
    data = header + one[:16] + bytes(8) + one[16:] + other[:16] + bytes(8) + other[16:]
    assert [row[2] for row in read_bytes(data, tmp_path)[0]] == [b"abc", b"defg"]


def test_times_of_the_unsigned_epoch(tmp_path: Path) -> None:
    data = bytearray(pcap([(0, b"x")]))
    data[24:28] = struct.pack("<I", 0xFFFFFFFF)
    assert read_bytes(bytes(data), tmp_path)[0][0][1] == 0xFFFFFFFF * 1_000_000_000


def test_header_without_frames_is_a_capture(tmp_path: Path) -> None:
    rows, summary = read_bytes(pcap([], snap_length=96), tmp_path)
    assert rows == []
    assert (summary.first_ns, summary.last_ns, summary.interfaces[0].snap_length) == (None, None, 96)
