"""Records found by many cursors are those that are found one by one, whatever the bytes."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipipdiag.capture import chain as chains
from ipipdiag.capture.chain import Chain
from ipipdiag.capture.pcap import RecordShape

START_S = 1_700_000_000


def record(
    size: int, *, order: str = "<", second: int = START_S, claims: int | None = None, fill: bytes = b""
) -> bytes:
    """A record of ``size`` bytes, which may claim another size; ``fill`` is repeated as its content."""
    header = struct.pack(order + "IIII", second, 5, size if claims is None else claims, size)
    return header + (fill * size)[:size].ljust(size, b"\0")


@pytest.fixture(autouse=True)
def _many_cursors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cursors also for few records, so that small buffers show what large ones do."""
    monkeypatch.setattr(chains, "STRETCH", 8)
    monkeypatch.setattr(chains, "FEWEST", 32)


def one_by_one(data: bytes, shape: RecordShape) -> tuple[list[int], int]:
    """What the format says, in so many words."""
    position, found = 0, []
    while position + shape.header_size <= len(data):
        (length,) = struct.unpack_from(shape.order + "I", data, position + 8)
        if length > shape.most or position + shape.header_size + length > len(data):
            break
        found.append(position)
        position += shape.header_size + length
    return found, position


def assert_same(data: bytes, order: str = "<", most: int = 1 << 24) -> int:
    """Cursors find what is there; returns how many records that is."""
    shape = RecordShape(order, 16, 1_000_000, most)
    found, end = Chain(np.frombuffer(data, dtype=np.uint8), len(data), shape).follow(0)
    assert (found.tolist(), end) == one_by_one(data, shape)
    return len(found)


@pytest.mark.parametrize("order", ["<", ">"])
def test_cursors_find_every_record(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = random.Random(1).choices([0, 1, 60, 61, 128, 1500], k=2000)
    data = b"".join(record(size, order=order) for size in sizes)
    steps: list[int] = []
    follow = Chain._one_by_one

    def counted(*arguments: object, **options: object) -> tuple[list[int], int]:
        offsets, end = follow(*arguments, **options)  # type: ignore[arg-type]
        steps.append(len(offsets))
        return offsets, end

    monkeypatch.setattr(Chain, "_one_by_one", counted)
    assert assert_same(data, order) == 2000
    assert sum(steps) < 1000  # the others were found by cursors


def test_a_capture_inside_a_packet_misleads_nobody() -> None:
    inner = b"".join(record(40) for _ in range(30))
    data = b"".join(record(len(inner), fill=inner) if n % 3 else record(60) for n in range(100))
    assert assert_same(data) == 100


def test_cursors_that_nowhere_find_a_header() -> None:
    assert assert_same(b"".join(record(60, second=n * 100_000_000 % (1 << 32)) for n in range(500))) == 500


def test_bytes_that_look_like_headers_everywhere() -> None:
    fill = struct.pack("<IIII", START_S, 1, 4, 4) * 4
    assert assert_same(b"".join(record(200 + n % 7, fill=fill) for n in range(400))) == 400


@pytest.mark.parametrize("at", [0, 3, 150, 299])
def test_the_chain_ends_where_a_record_claims_too_much(at: int) -> None:
    parts = [record(60) for _ in range(300)]
    parts[at] = record(60, claims=5000)
    assert assert_same(b"".join(parts), most=4999) == at


@pytest.mark.parametrize("cut", [1, 15, 16, 17, 75])
def test_the_last_record_is_cut(cut: int) -> None:
    data = b"".join(record(60) for _ in range(300))
    assert assert_same(data[:-cut]) == 299


RECORDS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 16, 60, 100, 400]),
        st.sampled_from([START_S, START_S, START_S, START_S + 5, 0, 0xFFFFFFFF]),
        st.sampled_from([None, None, None, None, None, None, 0, 30, 1_000, 0xFFFFFFF0]),
        st.sampled_from(
            [b"", b"\xff", struct.pack("<IIII", START_S, 1, 4, 4), struct.pack("<IIII", START_S, 1, 16, 32)]
        ),
    ),
    min_size=40,
    max_size=200,
)


@settings(max_examples=200, deadline=None)
@given(records=RECORDS, tail=st.binary(max_size=40))
def test_any_records(records: list[tuple[int, int, int | None, bytes]], tail: bytes) -> None:
    parts = [record(size, second=second, claims=claims, fill=fill) for size, second, claims, fill in records]
    assert_same(b"".join(parts) + tail, most=100_000)
