"""Opening captures: which format an input is in, and which files of a folder are captures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from ipipdiag.capture import pcap, pcapng
from ipipdiag.capture.model import CaptureError, CaptureSummary, DamageKind, FrameBatch, Interface
from ipipdiag.capture.reader import FileState, Limits, Reader, batch_of
from ipipdiag.capture.stream import ByteStream, open_stream
from ipipdiag.capture.window import Window

_FORMATS: tuple[tuple[Callable[[bytes], bool], Callable[[Window, FileState], Reader]], ...] = (
    (pcap.recognises, pcap.PcapReader),
    (pcapng.recognises, pcapng.PcapngReader),
)
FIRST_BYTES = 24


class Capture:
    """One capture input, read once from front to back; a context manager that closes it.

    ``interfaces`` grows as the file is read; every interface that a batch refers to is in it by then.
    """

    def __init__(self, stream: ByteStream, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits
        self._window = Window(stream, limits.chunk_bytes)
        self._window.fill(FIRST_BYTES)
        self._state = FileState(stream.name)
        self._first_ns: int | None = None
        self._last_ns: int | None = None
        self._reader = self._open_reader()

    def _open_reader(self) -> Reader:
        window = self._window
        start = bytes(window.data[window.start : min(window.end, window.start + FIRST_BYTES)])
        for recognises, reader in _FORMATS:
            if recognises(start):
                return reader(window, self._state)
        if self._stream.broken:
            raise CaptureError(self.name, self._stream.broken, "nothing could be expanded")
        if self._stream.stopped:
            raise CaptureError(self.name, "was not read", "the reading was ended before its first bytes came")
        if not start:
            raise CaptureError(self.name, "is empty (0 bytes)", "not even a file header was written")
        raise CaptureError(
            self.name, f"is not a capture file (it starts with {start[:4].hex(' ')})", "pcap and pcapng are read"
        )

    @property
    def name(self) -> str:
        """The input as it was named."""
        return self._stream.name

    @property
    def bytes_read(self) -> int:
        """Bytes of the input as given, read so far."""
        return self._stream.size

    @property
    def may_hold_interfaces(self) -> bool:
        """Whether the format has room for several interfaces in one file."""
        return self._reader.format == "pcapng"

    @property
    def interfaces(self) -> list[Interface]:
        """The interfaces met so far."""
        return self._state.interfaces

    def batches(self) -> Iterator[FrameBatch]:
        """The frames in their order; each batch is valid until the next is asked for."""
        room = self._limits.max_frames
        while room is None or self._state.frames < room:
            frames = self._reader.next_frames(self._window, self._state, self._limits)
            if frames is None:
                break
            if len(frames):
                self._note_times(frames.time_ns.min().item(), frames.time_ns.max().item())
                yield batch_of(self._window, frames)
        stopped = room is not None and self._state.frames >= room
        more = self._window.start < self._window.end or not self._window.ended
        self._end(stopped=stopped and more)

    def _note_times(self, first: int, last: int) -> None:
        self._first_ns = first if self._first_ns is None else min(first, self._first_ns)
        self._last_ns = last if self._last_ns is None else max(last, self._last_ns)

    def _end(self, *, stopped: bool) -> None:
        """Note how the stream ended, and read the rest for its size and hash."""
        stream, state = self._stream, self._state
        if stream.stopped:
            # that the last record is not whole is no damage of the file
            state.damages[:] = [damage for damage in state.damages if damage.kind is not DamageKind.CUT_RECORD]
            if self._limits.is_stopped():
                kind, text = DamageKind.INTERRUPTED, f"reading was stopped by the user after {state.frames} frames"
            else:
                kind, text = DamageKind.TIME_LIMIT, f"reading stopped after {state.frames} frames, as --duration says"
            state.damage(kind, self._window.offset, None, text)
        elif stream.broken:
            state.damage(DamageKind.CUT_STREAM, stream.expanded, None, stream.broken)
        elif stream.limited:
            text = f"expands to more than {self._limits.expanded_bytes} bytes; the rest was not read"
            state.damage(DamageKind.SIZE_LIMIT, stream.expanded, None, text)
        elif stopped:
            text = f"reading stopped after {state.frames} frames, as --max-frames says"
            state.damage(DamageKind.FRAME_LIMIT, self._window.offset, None, text)
        if not stopped and not stream.stopped:
            stream.drain()

    def summary(self) -> CaptureSummary:
        """What is known of the capture, once its batches have been read."""
        state = self._state
        return CaptureSummary(
            name=self.name,
            format=self._reader.format,
            compression=self._stream.compression,
            size=self._stream.size,
            sha256=self._stream.sha256,
            frames=state.frames,
            first_ns=self._first_ns,
            last_ns=self._last_ns,
            interfaces=tuple(state.interfaces),
            statistics=tuple(state.statistics.values()),
            damages=tuple(state.damages),
            comments=tuple(state.comments),
        )

    def close(self) -> None:
        """Close the input."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_capture(source: str | os.PathLike[str], limits: Limits | None = None) -> Capture:
    """Open a capture file, compressed or not, or standard input ("-"); CaptureError where nothing can be read."""
    limits = limits or Limits()
    stream = open_stream(source, limits.expanded_bytes, limits.is_over)
    try:
        return Capture(stream, limits)
    except BaseException:
        stream.close()
        raise


def find_captures(source: str | os.PathLike[str]) -> list[str]:
    """The captures below a folder, known by their content, sorted by path; a file, or "-", is itself.

    Raises CaptureError for a folder that holds none.
    """
    path = Path(source)
    if not path.is_dir():
        return [os.fspath(source)]
    found = [os.fspath(file) for file in sorted(path.rglob("*")) if file.is_file() and _is_capture(file)]
    if not found:
        raise CaptureError(os.fspath(source), "the folder holds no capture file", "name the folder with the captures")
    return found


def _is_capture(path: Path) -> bool:
    try:
        with open_capture(path, Limits(chunk_bytes=64 << 10)):
            return True
    except CaptureError:
        return False
