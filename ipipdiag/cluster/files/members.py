"""What a path given to ``--cluster`` holds: one file, the files of a folder, or the members of a tar archive.

An archive is read from front to back and never unpacked to disk: only regular members with a plain relative name, of a
kind that can be used and of bearable size, are read. Whatever is passed over for its nature says so.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ipipdiag.capture import CaptureError
from ipipdiag.capture.stream import ByteStream, open_stream

MEMBER_LIMIT = 64 << 20  # bytes of one member
EXPANDED_LIMIT = 16 << 30  # bytes an archive may expand to; what is passed over counts, for it is expanded too
MEMBERS_LIMIT = 100_000  # files of one folder or archive
HEADER_LIMIT = 1 << 20  # bytes of one header of the archive itself
LINES_PER_PATH = 20  # lines about one path; the rest is counted
USED_SUFFIXES = frozenset({"", ".yaml", ".yml", ".json", ".txt", ".out", ".conf", ".env"})
_BLOCK = 512
_MAGIC_AT = 257  # "ustar" of a tar header


@dataclass(frozen=True, slots=True)
class Member:
    """One file: its whole name for complaints, its name within what was given for the sources of facts, its bytes."""

    name: str
    inside: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a file, or a part of it, is not used; fatal where nothing of what the user named could be read."""

    name: str
    text: str
    fatal: bool = False


@dataclass(slots=True)
class Complaints:
    """Lines about what could not be used, each with the name of the file; at most LINES_PER_PATH of one path."""

    lines: list[Complaint] = field(default_factory=list)
    _path: str = ""
    _count: int = 0

    def about(self, path: str) -> None:
        """Begin with the next path."""
        self.close()
        self._path, self._count = path, 0

    def add(self, name: str, text: str, *, fatal: bool = False) -> None:
        """Say why a file, or a part of it, is not used."""
        self._count += 1
        if fatal or self._count <= LINES_PER_PATH:
            self.lines.append(Complaint(name, text, fatal))

    def close(self) -> None:
        """Say how many lines were left out for the present path."""
        if self._count > LINES_PER_PATH:
            text = f"{self._count - LINES_PER_PATH} more files or objects are not used"
            self.lines.append(Complaint(self._path, text))
        self._count = 0


def read_members(path: str, complaints: Complaints) -> Iterator[Member]:
    """The usable files under a path; CaptureError where the path itself cannot be read."""
    if Path(path).is_dir():
        yield from _read_folder(path, complaints)
        return
    stream = open_stream(path, EXPANDED_LIMIT)
    try:
        head = _read_exactly(stream, _BLOCK)
        if head[_MAGIC_AT : _MAGIC_AT + 5] == b"ustar":
            yield from _read_archive(path, _Rewound(stream, head), complaints)
        else:
            data = head + _read_exactly(stream, MEMBER_LIMIT - len(head) + 1)
            if stream.broken:
                complaints.add(path, f"{stream.broken}; what came before was used")
            if len(data) > MEMBER_LIMIT:
                raise CaptureError(path, f"larger than {MEMBER_LIMIT >> 20} MiB, which no cluster file is")
            yield Member(path, Path(path).name, data)
    finally:
        stream.close()


def _read_exactly(stream: ByteStream, size: int) -> bytes:
    buffer = bytearray(size)
    return bytes(buffer[: stream.read_into(memoryview(buffer))])


def _read_folder(path: str, complaints: Complaints) -> Iterator[Member]:
    count = 0
    for folder, names, files in os.walk(path, followlinks=False):
        names.sort()
        for name in sorted(files):
            file = Path(folder, name)
            if not _is_used(name):
                continue
            count += 1
            if count > MEMBERS_LIMIT:
                complaints.add(path, f"more than {MEMBERS_LIMIT} files; the rest is not read")
                return
            member = _read_file(file, str(file.relative_to(path)), complaints)
            if member is not None:
                yield member


def _read_file(file: Path, inside: str, complaints: Complaints) -> Member | None:
    name = str(file)
    try:
        status = file.lstat()
        if not stat.S_ISREG(status.st_mode):
            what = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a regular file"
            complaints.add(name, f"{what}; not followed")
            return None
        if status.st_size > MEMBER_LIMIT:
            complaints.add(name, f"{status.st_size} bytes, more than {MEMBER_LIMIT >> 20} MiB; not read")
            return None
        return Member(name, inside, file.read_bytes())
    except OSError as error:
        complaints.add(name, f"cannot be read ({error.strerror or error})")
        return None


class _Rewound(io.RawIOBase):
    """A stream from its beginning, its first bytes read already; tells where it stands, skips forward."""

    def __init__(self, stream: ByteStream, head: bytes) -> None:
        self._stream = stream
        self._head = head
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, target: Any) -> int:
        count = min(len(target), len(self._head))
        target[:count] = self._head[:count]
        self._head = self._head[count:]
        if not count:
            count = self._stream.read_into(memoryview(target))
        self._position += count
        return count

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes; more than any header of an archive is refused, for it would be held in memory."""
        if size < 0 or size > MEMBER_LIMIT:
            raise tarfile.ReadError("a header of the archive claims a size that no header has")
        parts = bytearray()
        while len(parts) < size:
            part = bytearray(size - len(parts))
            count = self.readinto(part)
            if not count:
                break
            parts += part[:count]
        return bytes(parts)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._position:
            raise tarfile.StreamError("an archive is read from front to back")
        scratch = bytearray(1 << 20)
        while self._position < offset:
            piece = memoryview(scratch)[: min(len(scratch), offset - self._position)]
            if not self.readinto(piece):
                break
        return self._position


def _read_archive(path: str, stream: _Rewound, complaints: Complaints) -> Iterator[Member]:
    """The usable members in their order; an archive that ends early has given what came before."""
    try:
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for count, info in enumerate(iter(archive.next, None)):
                if count >= MEMBERS_LIMIT:
                    complaints.add(path, f"more than {MEMBERS_LIMIT} members; the rest is not read")
                    return
                archive.members.clear()  # type: ignore[attr-defined]  # kept by tarfile for looking back
                member = _read_archived(path, archive, info, complaints)
                if member is not None:
                    yield member
    except (tarfile.TarError, OSError, EOFError, ValueError, UnicodeError, OverflowError) as error:
        complaints.add(path, f"the archive is cut or corrupt ({error}); what came before was used")


def _read_archived(path: str, archive: tarfile.TarFile, info: tarfile.TarInfo, complaints: Complaints) -> Member | None:
    name = f"{path}:{info.name}"
    if info.isdir():
        return None
    if not info.isreg():
        what = "a link" if info.issym() or info.islnk() else "a device or another special file"
        complaints.add(name, f"{what} in the archive; ignored")
        return None
    inside = PurePosixPath(info.name)
    if inside.is_absolute() or ".." in inside.parts:
        complaints.add(name, "a name that leaves the archive; ignored")
        return None
    if not _is_used(inside.name):
        return None
    if info.size > MEMBER_LIMIT:
        complaints.add(name, f"{info.size} bytes, more than {MEMBER_LIMIT >> 20} MiB; not read")
        return None
    file = archive.extractfile(info)
    if file is None:
        return None
    data = file.read(info.size)
    if len(data) < info.size:
        complaints.add(name, f"cut after {len(data)} of {info.size} bytes")
    parts = inside.parts[1:] if len(inside.parts) > 1 else inside.parts  # below the archive's one top folder
    return Member(name, str(PurePosixPath(*parts)), data)


def _is_used(name: str) -> bool:
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in USED_SUFFIXES
