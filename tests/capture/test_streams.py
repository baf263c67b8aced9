"""Compression by content, standard input, folders; name, size and hash of what was given."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from ipipdiag.capture import CaptureError, DamageKind, Limits, find_captures, open_capture
from tests.builders.captures import pcap
from tests.capture.reading import read, read_bytes

PLAIN = pcap([bytes([position]) * 600 for position in range(200)])
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
}


@pytest.mark.parametrize("name", COMPRESS)
def test_compression_is_known_by_content(name: str, tmp_path: Path) -> None:
    data = COMPRESS[name](PLAIN)
    rows, summary = read_bytes(data, tmp_path)
    assert rows == read_bytes(PLAIN, tmp_path)[0]
    assert (summary.compression, summary.size, summary.damages) == (name, len(data), ())
    assert summary.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", COMPRESS)
def test_streams_put_one_after_the_other_are_one(name: str, tmp_path: Path) -> None:
    data = COMPRESS[name](PLAIN[:5000]) + COMPRESS[name](PLAIN[5000:])
    assert len(read_bytes(data, tmp_path)[0]) == 200


@pytest.mark.parametrize("name", COMPRESS)
def test_cut_stream_gives_what_can_be_expanded(name: str, tmp_path: Path) -> None:
    whole = COMPRESS[name](PLAIN[:60_000]) + COMPRESS[name](PLAIN[60_000:])
    rows, summary = read_bytes(whole[:-20], tmp_path)
    assert rows == read_bytes(PLAIN, tmp_path)[0][: len(rows)]
    assert len(rows) >= 60_000 // 616 - 1
    assert DamageKind.CUT_STREAM in {damage.kind for damage in summary.damages}


def test_expanded_size_is_limited_and_said(tmp_path: Path) -> None:
    bomb = gzip.compress(PLAIN + bytes(50_000_000))
    rows, summary = read_bytes(bomb, tmp_path, Limits(expanded_bytes=100_000, chunk_bytes=4096))
    assert len(rows) == (100_000 - 24) // 616
    assert DamageKind.SIZE_LIMIT in {damage.kind for damage in summary.damages}


def test_standard_input_is_read_without_seeking(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe(io.BytesIO):
        def seek(self, *_: int) -> int:
            raise OSError("a pipe cannot seek")

    class Standard:
        buffer = Pipe(gzip.compress(PLAIN))

    monkeypatch.setattr("sys.stdin", Standard())
    with open_capture("-") as capture:
        frames = sum(len(batch.frames) for batch in capture.batches())
        assert (frames, capture.summary().name, capture.summary().compression) == (200, "standard input", "gzip")


def test_folder_gives_its_captures_by_content(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "b.data").write_bytes(gzip.compress(PLAIN))
    (tmp_path / "a").write_bytes(PLAIN)
    (tmp_path / "notes.pcap").write_text("not a capture")
    assert [Path(name).name for name in find_captures(tmp_path)] == ["a", "b.data"]


def test_folder_without_captures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(CaptureError, match="no capture file"):
        find_captures(tmp_path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"hello, world\n", "is not a capture file"),
        (PLAIN[:20], "the file header is cut"),
        (b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00", "the section header is cut"),
        (gzip.compress(b"hello"), "is not a capture file"),
        (gzip.compress(PLAIN)[:12], "cut or corrupt"),
    ],
    ids=["empty", "text", "cut pcap header", "cut section header", "compressed text", "cut stream"],
)
def test_what_is_no_capture_is_refused_in_one_line(data: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=said) as caught:
        read_bytes(data, tmp_path)
    assert str(tmp_path / "capture") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no such file"):
        read(tmp_path / "missing")
    with pytest.raises(CaptureError, match="is a folder"):
        read(tmp_path)


def test_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CaptureError, match="permission denied"):
        read(tmp_path / "secret.pcap")
