"""Frames cut anywhere, other bytes around them, random bytes: no exception, and nothing read that is not there."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipipdiag.capture import FrameBatch, Interface
from ipipdiag.decode import Decoded, decode
from ipipdiag.decode.columns import ABSENT
from ipipdiag.decode.link import _modules
from ipipdiag.kinds import StopReason, Tunnel
from ipipdiag.table import Table
from tests.builders.captures import START_NS, batch_of_frames, cut, decode_frames
from tests.decode.frame_kinds import frames

FRAMES = [(link_type, name, frame) for link_type, named in frames().items() for name, frame in named.items()]
RECORD = {"number", "time_ns", "captured_length", "wire_length", "interface"}
STOP = {"stop_layer", "stop_reason"}
CHANGED_BY_A_CUT = {"network", "ether_type", "packet_type", "vlan_count", "depth", "tunnel"}
# absent by default, or by what the cut took away
UNKNOWN = {"source_mac": -1, "destination_mac": -1, "vlan_id": -1, "hardware_type": -1, "interface_index": -1}


def values_of(table: Table, leave_out: frozenset[str] = frozenset()) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in table.columns().items() if name not in leave_out}


def everything(decoded: Decoded) -> dict[str, dict[str, list[Any]]]:
    """All tables but the positions in the buffer."""
    tables = {table.name: getattr(decoded, table.name) for table in fields(decoded)}
    return {name: values_of(table, frozenset({"offset"})) for name, table in tables.items()}


@pytest.mark.parametrize(("link_type", "name", "frame"), FRAMES, ids=lambda value: str(value)[:40])
def test_a_cut_frame_keeps_what_was_captured(link_type: int, name: str, frame: bytes) -> None:
    whole = values_of(decode_frames([frame], link_type).packets)
    cuts = values_of(decode_frames([cut(frame, length) for length in range(len(frame))], link_type).packets)
    for length in range(len(frame)):
        differing = {column for column in whole if cuts[column][length] != whole[column][0]} - RECORD - STOP
        if differing and cuts["stop_reason"][length] != StopReason.CAPTURED_LENGTH:
            assert differing <= {"tunnel"}, (length, differing)  # a WireGuard type that was not captured
        if whole["tunnel"][0] == Tunnel.VXLAN and cuts["tunnel"][length] == Tunnel.NONE:
            continue  # without its UDP ports it is a bare packet of the nodes
        for column in differing - CHANGED_BY_A_CUT:
            absent = UNKNOWN.get(column, ABSENT.get(column, 0))
            assert cuts[column][length] == absent, (length, column)


@pytest.mark.parametrize(("link_type", "name", "frame"), FRAMES, ids=lambda value: str(value)[:40])
def test_bytes_after_the_cut_are_not_used(link_type: int, name: str, frame: bytes) -> None:
    """Decoding does not depend on what follows in the buffer: the rest of the frame, zeros, ones."""
    pieces = [cut(frame, length) for length in range(len(frame) + 1)]
    interfaces = [Interface(0, link_type, 0)]
    expected = everything(decode(batch_of_frames(pieces, bytes(64)), interfaces))
    for filler in (b"\xff" * 64, b"\x45\x04" * 32):
        assert everything(decode(batch_of_frames(pieces, filler), interfaces)) == expected
    batch = batch_of_frames(pieces)
    batch.frames.offset[:] = len(batch.buffer)
    in_place = FrameBatch(np.concatenate([batch.buffer, np.frombuffer(frame, dtype=np.uint8)]), batch.frames)
    assert everything(decode(in_place, interfaces)) == expected


def test_halves_decode_as_the_whole() -> None:
    for link_type, named in frames().items():
        records = [(START_NS + position, frame) for position, frame in enumerate(named.values())]
        whole = decode_frames(records, link_type)
        middle = len(records) // 2
        parts = [decode_frames(part, link_type) for part in (records[:middle], records[middle:])]
        for table in fields(whole):
            joined: dict[str, list[Any]] = {}
            for shift, part in zip((0, middle), parts, strict=True):
                for name, values in values_of(getattr(part, table.name), frozenset({"offset"})).items():
                    moved = [value + shift for value in values] if name in ("row", "number") else values
                    joined.setdefault(name, []).extend(moved)
            assert joined == values_of(getattr(whole, table.name), frozenset({"offset"})), (link_type, table.name)


def test_no_frames_are_no_rows() -> None:
    assert len(decode_frames([]).packets) == 0


def test_interfaces_of_several_link_types() -> None:
    named = [(link_type, frame) for link_type, _, frame in FRAMES]
    link_types = sorted(frames())
    records = [(START_NS, frame, len(frame), link_types.index(link_type)) for link_type, frame in named]
    together = decode(batch_of_frames(records), [Interface(at, kind, 0) for at, kind in enumerate(link_types)])
    columns = values_of(together.packets, frozenset(RECORD))
    for position, (link_type, frame) in enumerate(named):
        alone = values_of(decode_frames([frame], link_type).packets, frozenset(RECORD))
        assert {name: values[position : position + 1] for name, values in columns.items()} == alone


@pytest.mark.parametrize("link_type", sorted(_modules()))
@settings(max_examples=60, deadline=None, database=None)
@given(data=st.lists(st.binary(max_size=200), max_size=8), extra=st.integers(0, 2000))
def test_random_bytes_never_raise(link_type: int, data: list[bytes], extra: int) -> None:
    decode_frames([(START_NS, frame, len(frame) + extra) for frame in data], link_type)


@settings(max_examples=300, deadline=None, database=None)
@given(choice=st.sampled_from(FRAMES), edits=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=6))
def test_altered_frames_never_raise(choice: tuple[int, str, bytes], edits: list[tuple[int, int]]) -> None:
    link_type, _, frame = choice
    altered = bytearray(frame)
    for at, value in edits:
        altered[at % len(altered)] = value
    decode_frames([bytes(altered)], link_type)
