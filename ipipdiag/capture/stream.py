"""Bytes in: files and standard input, expanded if compressed, hashed as they are read."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import select
import stat
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import zstandard

from ipipdiag.capture.model import CaptureError

READ_SIZE = 1 << 20
WAIT_MS = 200  # between two looks at whether the user has ended the reading, where a pipe has nothing to read
STANDARD_INPUT = "-"
STANDARD_INPUT_NAME = "standard input"  # how reports name it

# by the first bytes: name, and what opens a file object that expands it piece by piece, over several members or frames
_COMPRESSIONS: tuple[tuple[bytes, str, Callable[[Any], Any]], ...] = (
    (b"\x1f\x8b", "gzip", lambda raw: gzip.GzipFile(fileobj=raw)),
    (b"\x28\xb5\x2f\xfd", "zstd", lambda raw: _ZstdFile(raw)),
    (b"\xfd7zXZ\x00", "xz", lzma.LZMAFile),
    (b"BZh", "bz2", bz2.BZ2File),
)
_CORRUPT = (zlib.error, lzma.LZMAError, zstandard.ZstdError, EOFError, OSError, ValueError)


def _never() -> bool:
    return False


class _PatientFile:
    """A file whose reading can be ended while it waits for more: it then reads as if it ended there."""

    def __init__(self, file: BinaryIO, is_stopped: Callable[[], bool]) -> None:
        self._file = file
        self._is_stopped = is_stopped
        self._poll = _poll_of(file)

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, none at the end."""
        return self._file.read(size) or b"" if self._is_ready() else b""

    def readinto(self, target: Any) -> int:
        """How many bytes were read into ``target``, 0 at the end."""
        return cast(io.RawIOBase, self._file).readinto(target) or 0 if self._is_ready() else 0

    def _is_ready(self) -> bool:
        while not self._is_stopped():
            if self._poll is None or self._poll.poll(WAIT_MS):
                return True
        return False


def _poll_of(file: BinaryIO) -> select.poll | None:
    """What waits for the next bytes of a pipe or terminal; None for what never lets a reader wait."""
    try:
        descriptor = file.fileno()
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return poll


class _HashedFile(io.RawIOBase):
    """The bytes of an input as given: counted and hashed as they pass, the first ones read ahead."""

    def __init__(self, file: _PatientFile, ahead: bytes) -> None:
        self.size = len(ahead)
        self.hash = hashlib.sha256(ahead)
        self._file = file
        self._ahead = ahead

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        if self._ahead:
            count = min(len(target), len(self._ahead))
            target[:count] = self._ahead[:count]
            self._ahead = self._ahead[count:]
            return count
        count = self._file.readinto(target)
        self.size += count
        self.hash.update(memoryview(target)[:count])
        return count


class _ZstdFile:
    """Expands zstd frames one after the other; the library itself does not tell a cut stream from an ended one."""

    PIECE = 1 << 10  # a piece so small expands to some 40 MB at most

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._expanded = bytearray()

    def read1(self, size: int) -> bytes:
        """Up to ``size`` expanded bytes, none at the end; EOFError where the stream ends within a frame."""
        while not self._expanded:
            piece = self._raw.read(self.PIECE)
            if not piece:
                if self._begun:
                    raise EOFError("it ends within a frame")
                return b""
            self._expand(piece)
        data = bytes(self._expanded[:size])
        del self._expanded[:size]
        return data

    def _expand(self, piece: bytes) -> None:
        while piece:
            self._begun = True
            self._expanded += self._frame.decompress(piece)
            piece = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
                self._begun = False


class ByteStream:
    """The expanded bytes of one input, read once from front to back.

    ``size`` and ``sha256`` are of the bytes as given, as far as they were read; ``expanded`` counts what was handed
    out. ``broken`` says why a compressed stream ended early, ``limited`` that the limit was reached, ``stopped`` that
    ``is_stopped`` said so before the end.
    """

    def __init__(self, name: str, file: BinaryIO, expanded_limit: int, is_stopped: Callable[[], bool] = _never) -> None:
        self.name = name
        self.expanded = 0
        self.broken: str | None = None
        self.limited = False
        self.stopped = False
        self._file = file
        self._limit = expanded_limit
        self._is_stopped = is_stopped
        patient = _PatientFile(file, is_stopped)
        ahead = patient.read(8)
        while len(ahead) < 8 and (more := patient.read(8 - len(ahead))):
            ahead += more
        self._raw = _HashedFile(patient, ahead)
        found = next(((kind, opener) for magic, kind, opener in _COMPRESSIONS if ahead.startswith(magic)), None)
        self.compression = found[0] if found else None
        self._expander = found[1](self._raw) if found else None

    @property
    def size(self) -> int:
        """Bytes of the input as given, read so far."""
        return self._raw.size

    @property
    def sha256(self) -> str:
        """Hash, in hex, of the bytes of the input as given, read so far."""
        return self._raw.hash.hexdigest()

    def read_into(self, target: memoryview) -> int:
        """Fill ``target`` from its start; returns how many bytes, fewer than its size only at the end."""
        filled = 0
        room = len(target)
        if self._expander is not None and self.expanded + room > self._limit:
            room = self._limit - self.expanded
        while filled < room:
            count = self._read_some(target[filled:room])
            if count == 0:
                self.stopped = self._is_stopped()
                break
            filled += count
        else:
            self.limited = self.limited or room < len(target)
        self.expanded += filled
        return filled

    def _read_some(self, target: memoryview) -> int:
        if self._expander is None:
            return self._raw.readinto(target)
        if self.broken is not None:
            return 0
        try:
            # read1, not readinto: what was expanded before the stream breaks is handed out first
            data = self._expander.read1(min(len(target), READ_SIZE))
        except _CORRUPT as error:
            self.broken = f"the {self.compression} stream is cut or corrupt ({error})"
            return 0
        target[: len(data)] = data
        return len(data)

    def drain(self) -> None:
        """Read what is left of the input, for its size and hash."""
        scratch = memoryview(bytearray(READ_SIZE))
        while self._raw.readinto(scratch):
            pass

    def close(self) -> None:
        """Close the input; standard input stays open."""
        if sys.stdin is None or self._file is not _standard_input():
            self._file.close()


def _standard_input() -> BinaryIO:
    """Standard input without a buffer of Python's own, which would hide from a poll what is there to read."""
    return cast(BinaryIO, getattr(sys.stdin.buffer, "raw", sys.stdin.buffer))


def open_stream(
    source: str | os.PathLike[str], expanded_limit: int, is_stopped: Callable[[], bool] = _never
) -> ByteStream:
    """Open a path, or standard input for "-"; raises CaptureError with the reason where that fails."""
    name = os.fspath(source)
    if name == STANDARD_INPUT:
        if sys.stdin is None:  # Python's way to say that the shell closed it
            raise CaptureError(STANDARD_INPUT_NAME, "is closed", "pipe a capture into it, or name a file")
        return ByteStream(STANDARD_INPUT_NAME, _standard_input(), expanded_limit, is_stopped)
    try:
        return ByteStream(name, cast(BinaryIO, Path(name).open("rb", buffering=0)), expanded_limit, is_stopped)
    except FileNotFoundError:
        raise CaptureError(name, "no such file") from None
    except PermissionError:
        raise CaptureError(name, "permission denied", "read it as a user who may, or copy it") from None
    except IsADirectoryError:
        raise CaptureError(name, "is a folder, not a capture file") from None
    except OSError as error:
        raise CaptureError(name, f"cannot be read ({error.strerror or error})") from None
