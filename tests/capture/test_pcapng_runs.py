"""Packets that are read many at once are those that are read block by block, whatever the file and the batches."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipipdiag.capture import Capture, CaptureError, CaptureSummary, Limits, chain, pcapng
from ipipdiag.capture.stream import ByteStream
from tests.capture.blocks import block, interface, option, packet, section
from tests.capture.reading import Row, rows_of
from tests.fuzzing.targets import TARGETS
from tests.scenarios import SAMPLES

RECORD_BYTES = 1 << 16
Answer = tuple[list[Row], CaptureSummary] | str


@contextmanager
def bounds_of_reading(stretch: int, fewest: int, shortest_run: int) -> Iterator[None]:
    """From how many records on cursors are used, and from how many packets on they are read at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain, "STRETCH", stretch)
        patch.setattr(chain, "FEWEST", fewest)
        patch.setattr(pcapng, "SHORTEST_RUN", shortest_run)
        yield


def answer(data: bytes, limits: Limits) -> Answer:
    """The frames and the summary, or why there is neither."""
    try:
        with Capture(ByteStream("file", io.BytesIO(data), 1 << 30), limits) as capture:
            return rows_of(capture), capture.summary()
    except CaptureError as error:
        return str(error)


def block_by_block(data: bytes) -> Answer:
    """The answer with no cursor and no packets read at once."""
    with bounds_of_reading(stretch=1 << 30, fewest=1 << 30, shortest_run=1 << 30):
        return answer(data, Limits(record_bytes=RECORD_BYTES))


def assert_same(data: bytes, batch: int = 1 << 17, chunk: int = 1 << 20) -> Answer:
    """The answer, which is the same both ways; cursors and runs are used for few records too."""
    expected = block_by_block(data)
    with bounds_of_reading(stretch=8, fewest=32, shortest_run=3):
        got = answer(data, Limits(batch_frames=batch, chunk_bytes=chunk, record_bytes=RECORD_BYTES))
    assert got == expected
    return got


CAPTURED = ["", "x", "xyz", "x" * 60, "x" * 100, struct.pack("<II", 6, 32).decode() * 8]
RESOLUTIONS = [b"", b"\x06", b"\x09", b"\x03", b"\x00", b"\x0c", b"\x1d", b"\x7f", b"\x8a", b"\xa2", b"\xb4", b"\xff"]
OFFSETS = [0, 1_000_000, -(1 << 62), (1 << 63) - 1]
TICKS = [0, 5, 1_700_000_000_000_000, 1_700_000_000_123_456_789, (1 << 63) // 1_000, (1 << 63) - 1, (1 << 64) - 1]


@dataclass(frozen=True)
class Packets:
    """Some packets of one sort, a tick apart."""

    count: int
    number: int
    ticks: int
    captured: str
    comment: bytes
    dropped: int
    fault: str

    def build(self, order: str) -> bytes:
        """Their blocks, the last of which has the fault."""
        options = option(1, self.comment, order) if self.comment else b""
        options += option(4, struct.pack(order + "Q", self.dropped), order) if self.dropped else b""
        data = self.captured.encode()
        blocks = [packet(data, (self.ticks + n) % (1 << 64), self.number, options, order) for n in range(self.count)]
        blocks[-1] = FAULTS[self.fault](blocks[-1], order)
        return b"".join(blocks)


def _with(at: int, *words: int) -> Callable[[bytes, str], bytes]:
    """A block with other words from one place on."""

    def changed(data: bytes, order: str) -> bytes:
        place = at % len(data)
        return data[:place] + struct.pack(f"{order}{len(words)}I", *words) + data[place + 4 * len(words) :]

    return changed


FAULTS: dict[str, Callable[[bytes, str], bytes]] = {
    "none": lambda data, order: data,
    "lengths differ": _with(-4, 36),
    "captured above wire": _with(24, 0),
    "captured above the block": _with(20, 5_000, 5_000),
    "captured a little above the block": _with(20, 105, 105),
    "claims nothing": _with(4, 0),
    "claims an odd length": _with(4, 33),
    "claims too much": _with(4, RECORD_BYTES + 4),
    "claims another block's length": _with(4, 68),
}

PACKETS = st.builds(
    Packets,
    count=st.sampled_from([1, 1, 4, 40]),
    number=st.sampled_from([0, 0, 0, 1, 2, 70]),
    ticks=st.sampled_from(TICKS),
    captured=st.sampled_from(CAPTURED),
    comment=st.sampled_from([b"", b"", b"seen twice"]),
    dropped=st.sampled_from([0, 0, 3]),
    fault=st.sampled_from(["none"] * 12 + list(FAULTS)),
)
Builder = Callable[[str], bytes]


def _interface(resolution: bytes, offset_s: int, snap_length: int) -> Builder:
    def build(order: str) -> bytes:
        options = option(9, resolution, order) if resolution else b""
        options += option(14, struct.pack(order + "q", offset_s), order) if offset_s else b""
        return interface(1, snap_length, options, order)

    return build


INTERFACES = st.builds(_interface, st.sampled_from(RESOLUTIONS), st.sampled_from(OFFSETS), st.sampled_from([0, 8, 96]))
OTHERS: list[Builder] = [
    lambda order: block(3, struct.pack(order + "I", 900) + b"simple..", order),
    lambda order: block(2, struct.pack(order + "HHIIII", 0, 7, 0, 3, 5, 5) + b"older", order),
    lambda order: block(5, struct.pack(order + "III", 0, 0, 0) + option(5, struct.pack(order + "Q", 11), order), order),
    lambda order: block(4, b"names", order),
    lambda order: block(0xBAD, bytes(400), order),
    lambda order: block(6, b"", order),
]
SECTIONS = st.sampled_from(["<", ">"])


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file of some sections, each in a byte order of its own."""
    parts = []
    for order in draw(st.lists(SECTIONS, min_size=1, max_size=3)):
        parts += [section(order), draw(INTERFACES)(order)]
        for piece in draw(st.lists(PACKETS | INTERFACES | st.sampled_from(OTHERS), max_size=12)):
            parts.append(piece.build(order) if isinstance(piece, Packets) else piece(order))
    return b"".join(parts)


@settings(max_examples=300, deadline=None)
@given(data=files(), batch=st.sampled_from([1, 7, 1 << 17]), chunk=st.sampled_from([64, 1_000, 1 << 20]))
def test_any_file(data: bytes, batch: int, chunk: int) -> None:
    assert_same(data, batch, chunk)


@settings(max_examples=300, deadline=None)
@given(data=files(), damage=st.data(), chunk=st.sampled_from([64, 1 << 20]))
def test_any_damaged_file(data: bytes, damage: st.DataObject, chunk: int) -> None:
    changed = bytearray(data[: damage.draw(st.integers(8, len(data)) | st.just(len(data)))])
    for _ in range(damage.draw(st.integers(0, 4))):
        at = damage.draw(st.integers(8, len(changed)))
        changed[at : at + 1] = damage.draw(st.binary(max_size=4))
    assert_same(bytes(changed), chunk=chunk)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_fault_amid_many_packets(order: str, fault: str) -> None:
    packets = [packet(b"x" * 100, n, order=order) for n in range(100)]
    packets[40] = FAULTS[fault](packets[40], order)
    data = section(order) + interface(order=order) + b"".join(packets)
    _, summary = assert_same(data)
    assert (summary.damages == ()) is (fault == "none")
    assert assert_same(data, batch=7, chunk=500) == assert_same(data)


@pytest.mark.parametrize("path", sorted(SAMPLES.rglob("*.pcapng")), ids=lambda path: path.name)
def test_samples(path: Path) -> None:
    data = path.read_bytes()
    assert assert_same(data) == assert_same(data, batch=3, chunk=100)


def test_first_inputs_of_the_fuzzer() -> None:
    for data in TARGETS["captures"].seeds():
        assert_same(data)


@pytest.mark.parametrize("order", ["<", ">"])
def test_most_packets_are_read_at_once(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packets = [
        packet(b"x" * (n % 90), n, options=option(1, b"!") if n % 7 == 0 else b"", order=order) for n in range(500)
    ]
    alone: list[int] = []
    read = pcapng.Blocks.read

    def counted(*arguments: object) -> None:
        alone.append(1)
        read(*arguments)  # type: ignore[arg-type]

    data = section(order) + interface(order=order) + b"".join(packets)
    expected = block_by_block(data)
    monkeypatch.setattr(pcapng.Blocks, "read", counted)
    assert answer(data, Limits()) == expected
    assert len(alone) == 2  # the section header and the interface


def test_interfaces_with_clocks_of_their_own() -> None:
    head = section() + interface() + interface(options=option(9, b"\x09")) + interface(options=option(9, b"\x8a"))
    packets = [packet(b"x", 1_700_000_000_000 + n, number=n % 3) for n in range(300)]
    rows, _ = assert_same(head + b"".join(packets))
    assert [row[4] for row in rows] == [n % 3 for n in range(300)]


def _big_endian_section() -> bytes:
    """65,536 bytes, which a reader in little-endian would take for one block: its length is 256 the other way round."""
    return section(">", bytes(228)) + interface(order=">") + packet(b"x" * 20, order=">") * 1_255


ENDS = {
    "too short": struct.pack("<II", 0xBAD, 8),
    "of odd lengths": struct.pack("<II", 0xBAD, 13) + bytes(5) + struct.pack("<II", 0xBAD, 15) + bytes(7),
    "too long": block(0xBAD, bytes(RECORD_BYTES - 8)),
    "another byte order": _big_endian_section() + section() + interface(),
}


@pytest.mark.parametrize("name", ENDS)
def test_cursors_do_not_go_beyond_what_ends_the_chain(name: str) -> None:
    packets = b"".join(packet(b"x" * 40, n) for n in range(200))
    rows, _ = assert_same(section() + interface() + packets + ENDS[name] + packets)
    assert len(rows) == (1_655 if name == "another byte order" else 200)


def test_a_capture_inside_a_packet_misleads_nobody() -> None:
    inner = b"".join(packet(b"x" * 40) for _ in range(30))
    rows, summary = assert_same(section() + interface() + b"".join(packet(inner) for _ in range(100)))
    assert (len(rows), summary.damages) == (100, ())
