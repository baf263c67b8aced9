"""What is fuzzed: functions that take any bytes and may only return, and where their first inputs come from."""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipipdiag.capture import CaptureError, FrameBatch, Frames, Interface, Limits
from ipipdiag.capture.files import Capture
from ipipdiag.capture.stream import ByteStream
from ipipdiag.cluster.files.load import load_configuration
from ipipdiag.cluster.files.members import Complaints
from ipipdiag.decode import decode
from ipipdiag.decode.bgp import read_messages, read_open, read_update
from ipipdiag.facts.collect import collect_facts
from ipipdiag.facts.fragment_pieces import incomplete_packets
from ipipdiag.inspection.dissect import dissect
from ipipdiag.inspection.model import FrameRecord
from ipipdiag.redaction.addresses import AddressMap
from ipipdiag.redaction.frames import redact_frame

SAMPLES = Path(__file__).parents[2] / "samples"
SMALL = Limits(batch_frames=64, chunk_bytes=64 << 10, expanded_bytes=1 << 20, record_bytes=64 << 10)
LINK_TYPES = (1, 101, 113, 276, 0, 9, 12, 228)
SEED_BYTES = 3_000  # of a file: some twenty frames
FRAMES_OF_A_SEED = 20


def read_capture(data: bytes) -> None:
    """A capture file, from its bytes to the facts of its points."""
    try:
        with Capture(ByteStream("fuzzed", io.BytesIO(data), SMALL.expanded_bytes), SMALL) as capture:
            facts = collect_facts(capture)
    except CaptureError:
        return
    for point in facts.points:
        incomplete_packets(point.fragment_pieces)


def decode_frame(data: bytes) -> None:
    """One frame: the first byte says of which link type, the second how much of it was cut off."""
    link_type, cut, frame = LINK_TYPES[data[0] % len(LINK_TYPES)] if data else 1, data[1:2], data[2:]
    length = np.array([len(frame)], dtype=np.int64)
    frames = Frames(
        number=np.ones(1, dtype=np.int64),
        time_ns=np.zeros(1, dtype=np.int64),
        offset=np.zeros(1, dtype=np.int64),
        captured_length=length,
        wire_length=length + (cut[0] if cut else 0),
        interface=np.zeros(1, dtype=np.int32),
    )
    decoded = decode(FrameBatch(np.frombuffer(frame, dtype=np.uint8), frames), [Interface(0, link_type, 0)])
    assert len(decoded.packets) == 1, "a frame without a row"


def read_bgp(data: bytes) -> None:
    """The bytes of a BGP stream, and as the body of each message."""
    for _, body in read_messages(data):
        read_update(body)
    read_open(data)
    for has_path_ids in (None, True, False):
        read_update(data, has_path_ids)


def load_cluster(data: bytes) -> None:
    """A file of --cluster: objects, a text of a node, or an archive."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        load_configuration([file.name], Complaints())


def redact(data: bytes) -> None:
    """One frame, as decode_frame takes it, with its addresses replaced; what is left of it can be taken apart."""
    link_type, frame = LINK_TYPES[data[0] % len(LINK_TYPES)] if data else 1, data[2:]
    record = FrameRecord(
        input="fuzzed",
        number=1,
        time_ns=0,
        data=frame,
        wire_length=len(frame) + (data[1] if len(data) > 1 else 0),
        interface=0,
        interface_name=None,
        link_type=link_type,
        link_type_name="fuzzed",
        record_offset=0,
        interface_index=-1,
    )
    redacted = redact_frame(record, _ADDRESSES)
    assert len(redacted.data) <= len(frame), "longer than it was"
    dissect(redacted.data, redacted.wire_length, link_type)


_ADDRESSES = AddressMap(b"a key for tests, and thirty-two.")


@dataclass(frozen=True)
class Target:
    """A function to fuzz and its first inputs."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]


def _captures() -> Iterator[bytes]:
    for path in sorted(SAMPLES.glob("*/*.pcap*")):
        data = path.read_bytes()
        yield data if path.suffix == ".gz" and len(data) < SEED_BYTES else _plain(data)[:SEED_BYTES]


def _plain(data: bytes) -> bytes:
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def _frames() -> Iterator[bytes]:
    for data in _captures():
        try:
            with Capture(ByteStream("seed", io.BytesIO(data), SMALL.expanded_bytes), SMALL) as capture:
                batch = next(capture.batches(), None)
                link_type = capture.interfaces[0].link_type
        except CaptureError:
            continue
        if batch is None or link_type not in LINK_TYPES:
            continue
        kind = bytes([LINK_TYPES.index(link_type), 0])
        for offset, length in list(batch.frames.rows("offset", "captured_length"))[:FRAMES_OF_A_SEED]:
            yield kind + batch.buffer[offset : offset + length].tobytes()


def _bgp() -> Iterator[bytes]:
    marker = b"\xff" * 16
    for path in sorted(SAMPLES.glob("*/*eth0.pcap")):
        data = path.read_bytes()
        at = data.find(marker)
        while at >= 0:
            length = int.from_bytes(data[at + 16 : at + 18], "big")
            yield data[at : at + length]
            yield data[at + 19 : at + length]
            at = data.find(marker, at + 16)


def _cluster_files() -> Iterator[bytes]:
    folders = (SAMPLES, Path(__file__).parents[1] / "cluster")
    for path in sorted(file for folder in folders for file in folder.rglob("*")):
        if path.is_file() and path.suffix in (".yaml", ".json", ".txt", ".gz", "") and ".pcap" not in path.name:
            data = path.read_bytes()
            yield data if path.suffix == ".gz" else data[:SEED_BYTES]


TARGETS = {
    "captures": Target(read_capture, _captures),
    "frames": Target(decode_frame, _frames),
    "bgp": Target(read_bgp, _bgp),
    "cluster": Target(load_cluster, _cluster_files),
    "redaction": Target(redact, _frames),
}
