"""Reading ahead: a second process reads and decodes captures while this one builds facts of what is decoded.

Reading and decoding are a large part of a run, and nothing in them waits for the facts: with a processor for each,
a run takes as long as the slower of the two, not as long as both. The child is a fork. It reads the captures in their
order, with the same reader, decoder and batches as one process would, and puts the columns of each batch into a slot of
memory that both see; here they are looked at in place, and the slot is handed back for a later batch. What it says
beside that goes through a pipe: the opening of each capture, or why it cannot be read, and what is known at its end.

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
from typing import Any, BinaryIO, NoReturn

import numpy as np
import numpy.typing as npt

from ipipdiag.capture import Capture, CaptureError, CaptureSummary, Limits, open_capture
from ipipdiag.capture.stream import STANDARD_INPUT
from ipipdiag.decode.frames import decode
from ipipdiag.decode.packets import ArpMessages, Decoded, DnsMessages, IcmpErrors, Packets, Segments
from ipipdiag.decode.window import SLACK
from ipipdiag.table import Table

SLOTS = 3  # one looked at, one being filled, one between
SLOT_BYTES = 64 << 20  # of addresses: memory is used as far as batches fill it; a larger batch goes through the pipe
ALIGNMENT = 64
LEAST_BYTES = 32 << 20  # of all captures together, from which on a second process pays
U8 = npt.NDArray[np.uint8]

_TABLES: dict[str, type[Table]] = {
    "packets": Packets,
    "arp_messages": ArpMessages,
    "icmp_errors": IcmpErrors,
    "bgp_segments": Segments,
    "dns_messages": DnsMessages,
}


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
class _Column:
    """Where in a slot the values of a column lie."""

    dtype: str
    shape: tuple[int, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch is in a slot: its columns by table and name, and the bytes that its segments point to."""

    slot: int
    columns: dict[str, dict[str, _Column]]
    payloads: _Column
    bytes_read: int


@dataclass(frozen=True, slots=True)
class _LargeBatch:
    """A batch that fits into no slot, as it is."""

    decoded: Decoded
    payloads: U8
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

    def put(self, slot: int, decoded: Decoded, payloads: U8, bytes_read: int) -> _Batch | _LargeBatch:
        """Copy a batch into a slot; what is to be said of it."""
        offset = 0

        def place(values: npt.NDArray[Any]) -> _Column:
            nonlocal offset
            column = _Column(values.dtype.str, values.shape, offset)
            offset += -(-values.nbytes // ALIGNMENT) * ALIGNMENT
            if offset <= SLOT_BYTES:
                self._at(slot, column)[...] = values
            return column

        columns = {
            table: {name: place(values) for name, values in getattr(decoded, table).columns().items()}
            for table in _TABLES
        }
        batch = _Batch(slot, columns, place(payloads), bytes_read)
        return batch if offset <= SLOT_BYTES else _LargeBatch(decoded, payloads, bytes_read)

    def get(self, batch: _Batch) -> tuple[Decoded, U8]:
        """The batch in a slot, in place, not to be written to."""
        tables = {
            name: table(**{name: self._at(batch.slot, column) for name, column in batch.columns[name].items()})
            for name, table in _TABLES.items()
        }
        parts = [*(column for table in tables.values() for column in table.columns().values())]
        payloads = self._at(batch.slot, batch.payloads)
        for values in (*parts, payloads):
            values.flags.writeable = False
        return Decoded(**tables), payloads  # type: ignore[arg-type]

    def _at(self, slot: int, column: _Column) -> npt.NDArray[Any]:
        start = mmap.PAGESIZE + slot * SLOT_BYTES + column.offset
        return np.ndarray(column.shape, column.dtype, self._memory, start)


def _payloads(decoded: Decoded, buffer: U8) -> tuple[Decoded, U8]:
    """The batch with the bytes of the buffer that its segments need, their positions counted anew."""
    bgp = decoded.bgp_segments
    if len(bgp) == 0:
        return decoded, buffer[:0]
    start, end = int(bgp.offset.min()), int((bgp.offset + bgp.captured).max())
    return replace(decoded, bgp_segments=replace(bgp, offset=bgp.offset - start)), buffer[start : end + SLACK]


class CaptureAhead:
    """A capture that the child reads: what the facts ask of a :class:`Capture`."""

    def __init__(self, opened: _Opened, child: _Child, is_stopped: Callable[[], bool]) -> None:
        self.name = opened.name
        self.may_hold_interfaces = opened.may_hold_interfaces
        self.bytes_read = 0
        self._child = child
        self._is_stopped = is_stopped
        self._summary: CaptureSummary | None = None

    def decoded_batches(self) -> Iterator[tuple[Decoded, U8]]:
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
                yield message.decoded, message.payloads
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

    def __init__(self, names: Sequence[str], limits: Limits) -> None:
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
                _read_ahead(os.fdopen(its_messages, "wb"), its_free, self._slots, names, limits)
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

    def look_at(self, batch: _Batch) -> tuple[Decoded, U8]:
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


def _read_ahead(messages: BinaryIO, free: int, slots: _Slots, names: Sequence[str], limits: Limits) -> NoReturn:
    """All that the child does. Whatever else than a CaptureError happens, it ends, and its parent meets the same."""

    def send(message: object) -> None:
        pickle.dump(message, messages)
        messages.flush()

    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        limits = replace(limits, is_stopped=slots.is_stopped)
        empty = deque(range(SLOTS))
        for name in names:
            try:
                with open_capture(name, limits) as capture:
                    send(_Opened(name, capture.may_hold_interfaces))
                    for batch in capture.batches():
                        decoded, payloads = _payloads(decode(batch, capture.interfaces), batch.buffer)
                        if not empty:
                            (slot,) = os.read(free, 1)
                            empty.append(slot)
                        message = slots.put(empty[0], decoded, payloads, capture.bytes_read)
                        if isinstance(message, _Batch):
                            empty.popleft()
                        send(message)
                    send(capture.summary())
            except CaptureError as error:
                send(_Unreadable(error.name, error.problem, error.advice))
    finally:
        os._exit(0)


class Reader:
    """Opens the captures of a run in their order, read ahead by a child while there is one."""

    def __init__(self, limits: Limits, child: _Child | None) -> None:
        self._limits = limits
        self._child = child

    @property
    def is_ahead(self) -> bool:
        """Whether a child reads, which has begun by now."""
        return self._child is not None

    @contextmanager
    def open(self, name: str) -> Iterator[Capture | CaptureAhead]:
        """The next capture; CaptureError where nothing can be read, ReaderLostError where the child has died."""
        if self._child is None:
            with open_capture(name, self._limits) as capture:
                yield capture
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
def open_reader(names: Sequence[str], limits: Limits) -> Iterator[Reader]:
    """What opens these captures, each once and in this order; with a child where that pays and can be."""
    child = None
    if _pays(names, limits) and _can_fork():
        with suppress(OSError):  # no memory, or no process more is allowed
            child = _Child(names, limits)
    reader = Reader(limits, child)
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


def decoded_batches(capture: Capture | CaptureAhead) -> Iterator[tuple[Decoded, U8]]:
    """The batches of a capture, decoded here or ahead, and the bytes that their segments point to.

    Each is valid until the next is asked for: what is to last longer is copied.
    """
    if isinstance(capture, CaptureAhead):
        yield from capture.decoded_batches()
        return
    for batch in capture.batches():
        yield decode(batch, capture.interfaces), batch.buffer
