"""Damaged files: what came before the damage is read, and the damage is said."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from ipipdiag.capture import DamageKind, Limits
from ipipdiag.capture.reader import DAMAGES_TOLD
from tests.builders.captures import START_NS, CaptureInterface, Frame, pcap, pcapng
from tests.capture.reading import read_bytes

FRAMES = [(START_NS + position, bytes([65 + position]) * 40) for position in range(5)]


@pytest.mark.parametrize("lost", [1, 17, 39, 40, 55])
def test_cut_in_the_last_record(lost: int, tmp_path: Path) -> None:
    rows, summary = read_bytes(pcap(FRAMES)[:-lost], tmp_path)
    assert len(rows) == 4
    (damage,) = summary.damages
    assert (damage.kind, damage.after_frame, damage.lost_bytes) == (DamageKind.CUT_RECORD, 4, 56 - lost)


def test_cut_between_records_is_no_damage(tmp_path: Path) -> None:
    assert read_bytes(pcap(FRAMES)[:-56], tmp_path)[1].damages == ()


def test_record_that_claims_the_impossible_breaks_the_chain(tmp_path: Path) -> None:
    data = bytearray(pcap(FRAMES))
    data[24 + 56 * 3 + 8 : 24 + 56 * 3 + 12] = struct.pack("<I", 0xFFFFFFF0)
    rows, summary = read_bytes(bytes(data), tmp_path)
    assert len(rows) == 3
    assert [damage.kind for damage in summary.damages] == [DamageKind.BROKEN_CHAIN]
    assert summary.size == len(data)


def test_captured_length_above_wire_length_is_kept_and_said_once(tmp_path: Path) -> None:
    frames = [(START_NS, b"x" * 40, 20)] * 3
    rows, summary = read_bytes(pcap(frames), tmp_path)
    assert [(len(row[2]), row[3]) for row in rows] == [(40, 20)] * 3
    assert [(damage.kind, damage.count) for damage in summary.damages] == [(DamageKind.LYING_LENGTH, 3)]


def test_captured_length_above_snap_length_is_kept_and_said(tmp_path: Path) -> None:
    rows, summary = read_bytes(pcap(FRAMES, snap_length=20), tmp_path)
    assert len(rows) == 5
    assert summary.damages[0].kind is DamageKind.LYING_LENGTH


def test_block_of_an_interface_that_is_not_there_is_skipped(tmp_path: Path) -> None:
    data = bytearray(pcapng(FRAMES))
    first = data.index(b"A" * 40) - 20
    data[first : first + 4] = struct.pack("<I", 7)
    rows, summary = read_bytes(bytes(data), tmp_path)
    assert [row[2][:1] for row in rows] == [b"B", b"C", b"D", b"E"]
    assert summary.damages[0].kind is DamageKind.BAD_BLOCK


def test_block_lengths_that_differ_are_said(tmp_path: Path) -> None:
    data = bytearray(pcapng(FRAMES))
    data[-4:] = struct.pack("<I", 8)
    rows, summary = read_bytes(bytes(data), tmp_path)
    assert len(rows) == 5
    assert summary.damages[0].kind is DamageKind.BAD_BLOCK


@pytest.mark.parametrize("length", [0, 4, 13, 0x7FFFFFFC])
def test_block_length_without_a_way_on(length: int, tmp_path: Path) -> None:
    data = bytearray(pcapng(FRAMES))
    block = data.index(b"C" * 40) - 28
    data[block + 4 : block + 8] = struct.pack("<I", length)
    rows, summary = read_bytes(bytes(data), tmp_path)
    assert len(rows) == 2
    assert summary.damages[-1].kind is DamageKind.BROKEN_CHAIN


def test_frame_limit_is_said(tmp_path: Path) -> None:
    rows, summary = read_bytes(pcap(FRAMES), tmp_path, Limits(max_frames=2))
    assert (len(rows), summary.frames) == (2, 2)
    assert summary.damages[0].kind is DamageKind.FRAME_LIMIT


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
@pytest.mark.parametrize("made", [pcap, pcapng])
def test_beyond_the_frame_limit_nothing_is_read_whatever_the_batches(
    made: Callable[[list[Frame]], bytes], batch: int, tmp_path: Path
) -> None:
    lying = [(time_ns, data, 30 if place >= 3 else 40) for place, (time_ns, data) in enumerate(FRAMES)]
    rows, summary = read_bytes(made(lying), tmp_path, Limits(max_frames=3, batch_frames=batch))
    assert [row[2][:1] for row in rows] == [b"A", b"B", b"C"]
    assert [(damage.kind, damage.after_frame) for damage in summary.damages] == [(DamageKind.FRAME_LIMIT, 3)]
    lying_as_well = read_bytes(made(lying), tmp_path, Limits(max_frames=4, batch_frames=batch))[1]
    assert [(damage.kind, damage.count) for damage in lying_as_well.damages] == [
        (DamageKind.LYING_LENGTH, 1),
        (DamageKind.FRAME_LIMIT, 1),
    ]


def test_frame_limit_at_the_end_of_the_file_is_no_damage(tmp_path: Path) -> None:
    assert read_bytes(pcap(FRAMES), tmp_path, Limits(max_frames=5))[1].damages == ()


@pytest.mark.parametrize("chunk", [64, 100, 4096])
@pytest.mark.parametrize("batch", [1, 2, 100])
@pytest.mark.parametrize("make", [pcap, pcapng])
def test_batches_and_chunks_do_not_matter(make: object, batch: int, chunk: int, tmp_path: Path) -> None:
    data = make([(START_NS + n, bytes([n]) * (n * 7 % 90)) for n in range(60)])  # type: ignore[operator]
    whole = read_bytes(data, tmp_path)
    assert read_bytes(data, tmp_path, Limits(batch_frames=batch, chunk_bytes=chunk)) == whole


@pytest.mark.parametrize("chunk", [100, 4096])
@pytest.mark.parametrize("batch", [1, 7, 100])
@pytest.mark.parametrize("make", [pcap, pcapng])
def test_damage_is_where_it_is_whatever_the_batches(make: object, batch: int, chunk: int, tmp_path: Path) -> None:
    frames = [(START_NS + n, bytes([n]) * 40, 20 if n in (9, 30) else 40) for n in range(60)]
    data = make(frames)  # type: ignore[operator]
    record = data.index(bytes([9]) * 40) - (16 if make is pcap else 28)
    (damage,) = read_bytes(data, tmp_path, Limits(batch_frames=batch, chunk_bytes=chunk))[1].damages
    assert (damage.kind, damage.count) == (DamageKind.LYING_LENGTH, 2)
    assert (damage.after_frame, damage.offset) == (9, record)


@pytest.mark.parametrize("kind", [1, 2, 3, 5, 6])
def test_nothing_behind_a_block_is_taken_for_its_fields(kind: int, tmp_path: Path) -> None:
    short = struct.pack("<III", kind, 12, 12)
    rows, summary = read_bytes(pcapng(FRAMES) + short + pcapng(FRAMES), tmp_path)
    assert len(rows) == 10
    assert len(summary.interfaces) == 2
    text = f"a block of type {kind:#x} is impossible (too short) and was skipped"
    assert [(damage.text, damage.after_frame) for damage in summary.damages] == [(text, 5)]


def test_damages_in_ever_new_words_are_counted_not_kept(tmp_path: Path) -> None:
    frames: list[Frame] = [(START_NS, b"x" * 20, 20, 1 + number) for number in range(5_000)]
    data = pcapng(frames, [CaptureInterface()] * 5_001)
    described = data.index(struct.pack("<II", 6, 52))  # the first packet block
    cut = pcapng([], [CaptureInterface()]) + data[described:]
    rows, summary = read_bytes(cut, tmp_path)
    damages = summary.damages
    assert rows == []
    assert len(damages) == DAMAGES_TOLD + 1
    assert sum(damage.count for damage in damages) == 5_000
    assert damages[-1].text == f"{DAMAGES_TOLD} damages of this kind are told; further ones are only counted"
