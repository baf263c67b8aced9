"""Reading ahead: a second process reads, decodes and deals out captures while this one makes facts of what comes out.

This is about half of a run, and nothing in it waits for the facts: with a processor for each, a run takes as long as
the slower of the two, not as long as both. The child is a fork. It reads the captures in their order, with the same
reader, decoder, batches and shares as one process would, and puts the columns of each batch into a slot of memory that
both see; here they are looked at in place, and the slot is handed back for a later batch. What it says beside that goes
through a pipe: the opening of each capture, or why it cannot be read, and what is known at its end.

Where the child dies, ReaderLostError is raised, and captures are read in this process from then on: what was begun is
to be begun again. A child whose parent is gone ends at its next word. Ctrl-C, which both get, is the parent's to take:
it tells the child in a byte of the shared memory that the reading is to end.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeAlias

from ipipdiag.capture import Capture, CaptureError, CaptureSummary, Limits, open_capture
from ipipdiag.capture.stream import STANDARD_INPUT
from ipipdiag.facts.selection import Selection
from ipipdiag.facts.shares import ShareFold, Shares

SLOTS = 2  # one looked at, one being filled
SLOT_BYTES = 64 << 20  # of addresses: memory is used as far as batches fill it; a larger batch goes through the pipe
ALIGNMENT = 64
LEAST_BYTES = 32 << 20  # of all captures together, from which on a second process pays

Series: TypeAlias = Sequence[Sequence[str]]  # the files of each capture, in order


class ReaderLostError(Exception):
    """The process that reads ahead has ended before its time."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A capture is open."""

    name: str
    may_hold_interfaces: bool


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """A capture cannot be read, or no further: what its CaptureError says."""

    name: str
    problem: str
    advice: str


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch whose arrays lie in a slot, each from one offset to another; the rest of it is pickled."""

    slot: int
    pickled: bytes
    places: tuple[tuple[int, int], ...]
    bytes_read: int


@dataclass(frozen=True, slots=True)
class _LargeBatch:
    """A batch that fits into no slot, as it is."""

    shares: Shares
    bytes_read: int


class _Slots:
    """Memory that both processes see: a byte that says that the reading is to end, and room for batches."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE + SLOTS * SLOT_BYTES)

    def stop(self) -> None:
        """Ask the child to end the reading."""
        self._memory[0] = 1

    def is_stopped(self) -> bool:
        """Whether the parent asked for that."""
        return self._memory[0] != 0

    def put(self, slot: int, shares: Shares, bytes_read: int) -> _Batch | _LargeBatch:
        """Copy a batch into a slot; what is to be said of it."""
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(shares, protocol=5, buffer_callback=buffers.append)
        arrays = [buffer.raw() for buffer in buffers]
        places, offset = [], 0
        for array in arrays:
            places.append((offset, offset + array.nbytes))
            offset += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
        if offset > SLOT_BYTES:
            return _LargeBatch(shares, bytes_read)
        for (start, end), array in zip(places, arrays, strict=True):
            self._at(slot)[start:end] = array
        return _Batch(slot, pickled, tuple(places), bytes_read)

    def get(self, batch: _Batch) -> Shares:
        """The batch in a slot, in place, not to be written to."""
        slot = self._at(batch.slot).toreadonly()
        shares: Shares = pickle.loads(batch.pickled, buffers=[slot[start:end] for start, end in batch.places])
        return shares

    def _at(self, slot: int) -> memoryview:
        start = mmap.PAGESIZE + slot * SLOT_BYTES
        return memoryview(self._memory)[start : start + SLOT_BYTES]


class CaptureHere:
    """A capture that this process reads and deals out itself."""

    def __init__(self, capture: Capture, fold: ShareFold) -> None:
        self.name = capture.name
        self.may_hold_interfaces = capture.may_hold_interfaces
        self._capture = capture
        self._fold = fold

    @property
    def bytes_read(self) -> int:
        """Bytes of the input as given, read so far."""
        return self._capture.bytes_read

    def batches(self) -> Iterator[Shares]:
        """The batches in their order, each valid until the next is asked for."""
        return self._fold.read(self._capture)

    def summary(self) -> CaptureSummary:
        """What is known of the capture, once its batches have been looked at."""
        return self._capture.summary()


class CaptureAhead:
    """A capture that the child reads and deals out: what the facts ask of a :class:`CaptureHere`."""

    def __init__(self, opened: _Opened, child: _Child, is_stopped: Callable[[], bool]) -> None:
        self.name = opened.name
        self.may_hold_interfaces = opened.may_hold_interfaces
        self.bytes_read = 0
        self._child = child
        self._is_stopped = is_stopped
        self._summary: CaptureSummary | None = None

    def batches(self) -> Iterator[Shares]:
        """The batches in their order, each valid until the next is asked for."""
        while self._summary is None:
            if self._is_stopped():
                self._child.stop()
            message = self._child.receive()
            if isinstance(message, _Batch):
                self.bytes_read = message.bytes_read
                yield self._child.look_at(message)
                self._child.hand_back(message)
            elif isinstance(message, _LargeBatch):
                self.bytes_read = message.bytes_read
                yield message.shares
            elif isinstance(message, CaptureSummary):
                self._summary = message
            else:
                raise CaptureError(message.name, message.problem, message.advice)

    def summary(self) -> CaptureSummary:
        """What is known of the capture, once its batches have been looked at."""
        assert self._summary is not None
        return self._summary


class _Child:
    """The process that reads ahead, as its parent sees it."""

    def __init__(self, series: Series, limits: Limits, selection: Selection | None) -> None:
        self._slots = _Slots()
        messages, its_messages = os.pipe()
        its_free, free = os.pipe()
        # for a moment the child still has its parent's way of handling Ctrl-C, and is not to use it
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            self._process = os.fork()
            if self._process == 0:
                os.close(messages)
                os.close(free)
                _read_ahead(os.fdopen(its_messages, "wb"), its_free, self._slots, series, limits, selection)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(its_messages)
            os.close(its_free)
            self._messages, self._free = os.fdopen(messages, "rb"), free

    def receive(self) -> Any:
        """The next message; ReaderLostError where none comes any more."""
        try:
            return pickle.load(self._messages)
        except (EOFError, pickle.UnpicklingError):
            raise ReaderLostError from None

    def look_at(self, batch: _Batch) -> Shares:
        """A batch in its slot, which holds it until it is handed back."""
        return self._slots.get(batch)

    def hand_back(self, batch: _Batch) -> None:
        """Let the slot be filled anew; nothing may look at the batch any more."""
        with suppress(OSError):  # it has ended, as the next message, or its absence, tells
            os.write(self._free, bytes([batch.slot]))

    def stop(self) -> None:
        """Ask it to end the reading."""
        self._slots.stop()

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._messages.close()
        os.close(self._free)
        with suppress(ProcessLookupError, ChildProcessError):  # somebody else has waited for it
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)


def _read_ahead(
    messages: BinaryIO, free: int, slots: _Slots, series: Series, limits: Limits, selection: Selection | None
) -> NoReturn:
    """All that the child does. Whatever else than a CaptureError happens, it ends, and its parent meets the same."""

    def send(message: object) -> None:
        pickle.dump(message, messages)
        messages.flush()

    empty = deque(range(SLOTS))

    def read(name: str, fold: ShareFold) -> None:
        with open_capture(name, limits) as capture:
            send(_Opened(name, capture.may_hold_interfaces))
            for shares in fold.read(capture):
                if not empty:
                    (slot,) = os.read(free, 1)
                    empty.append(slot)
                message = slots.put(empty[0], shares, capture.bytes_read)
                if isinstance(message, _Batch):
                    empty.popleft()
                send(message)
                del shares, message  # whose memory the next batch is to take
            send(capture.summary())

    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        limits = replace(limits, is_stopped=slots.is_stopped)
        for names in series:
            fold = ShareFold(selection)
            for name in names:
                try:
                    read(name, fold)
                except CaptureError as error:
                    send(_Unreadable(error.name, error.problem, error.advice))
    finally:
        os._exit(0)


class Reader:
    """Opens the captures of a run in their order, read ahead by a child while there is one."""

    def __init__(self, limits: Limits, selection: Selection | None, child: _Child | None) -> None:
        self._limits = limits
        self._selection = selection
        self._child = child
        self._fold = ShareFold(selection)

    @property
    def is_ahead(self) -> bool:
        """Whether a child reads, which has begun by now."""
        return self._child is not None

    def begin(self) -> None:
        """Say that the files opened from now on are those of another capture, or are read once more."""
        self._fold = ShareFold(self._selection)

    @contextmanager
    def open(self, name: str) -> Iterator[CaptureHere | CaptureAhead]:
        """The next file; CaptureError where nothing can be read, ReaderLostError where the child has died."""
        if self._child is None:
            with open_capture(name, self._limits) as capture:
                yield CaptureHere(capture, self._fold)
            return
        try:
            message = self._child.receive()
            if isinstance(message, _Unreadable):
                raise CaptureError(message.name, message.problem, message.advice)
            yield CaptureAhead(message, self._child, self._limits.is_stopped)
        except ReaderLostError:
            self.close()
            raise

    def close(self) -> None:
        """End the child; captures are read in this process from now on."""
        if self._child is not None:
            self._child.close()
            self._child = None


@contextmanager
def open_reader(series: Series, limits: Limits, selection: Selection | None = None) -> Iterator[Reader]:
    """What opens these captures, each once and in this order; with a child where that pays and can be."""
    child = None
    if _pays([name for names in series for name in names], limits) and _can_fork():
        with suppress(OSError):  # no memory, or no process more is allowed
            child = _Child(series, limits, selection)
    reader = Reader(limits, selection, child)
    try:
        yield reader
    finally:
        reader.close()


def _pays(names: Sequence[str], limits: Limits) -> bool:
    """Whether two processors would be busy: all that is read is at hand, and there is much of it."""
    files = [Path(name) for name in names if Path(name).exists()]  # why others cannot be read, each process tells alike
    if STANDARD_INPUT in names or not all(file.is_file() for file in files):
        return False  # who waits for a pipe must hear of Ctrl-C himself
    if limits.processes is not None:
        return limits.processes > 1
    return sum(file.stat().st_size for file in files) >= LEAST_BYTES and _processors() > 1


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _can_fork() -> bool:
    """Whether a fork is a whole process: the locks of other threads would stay locked in it for ever."""
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False
