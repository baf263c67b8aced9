"""What the readers of all formats share: limits, the state of one run through a file, batches of frames."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ipipdiag.capture.model import Damage, DamageKind, FrameBatch, Frames, Interface, InterfaceStatistics
from ipipdiag.capture.window import Window

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1


DAMAGES_TOLD = 8  # of each kind in words of their own; further ones only count


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one capture may cost.

    ``batch_frames`` frames are handed on at a time, read through a buffer of ``chunk_bytes``. A compressed input may
    expand to ``expanded_bytes`` (64 GiB by default); a record that claims more than ``record_bytes`` breaks the chain
    instead of being allocated. ``max_frames`` ends the reading early (None: never), and so do ``is_stopped`` once it
    says so, and the ``deadline`` of time.monotonic() (None: none): what was read by then is the capture. ``processes``
    is how many read and build facts: one or two, two where that pays if nothing is said.
    """

    batch_frames: int = 131_072
    chunk_bytes: int = 16 << 20
    expanded_bytes: int = 64 << 30
    record_bytes: int = 16 << 20
    max_frames: int | None = None
    is_stopped: Callable[[], bool] = _never
    processes: int | None = None
    deadline: float | None = None

    def room_after(self, frames: int) -> int | None:
        """How many frames may be read after so many; None: any."""
        return None if self.max_frames is None else self.max_frames - frames

    def is_over(self) -> bool:
        """Whether nothing more is to be read: the user has stopped it, or its time has passed."""
        return self.is_stopped() or (self.deadline is not None and time.monotonic() >= self.deadline)


@dataclass(slots=True)
class FileState:
    """What a reader has learned of a file so far."""

    name: str
    frames: int = 0
    interfaces: list[Interface] = field(default_factory=list)
    statistics: dict[int, InterfaceStatistics] = field(default_factory=dict)
    damages: list[Damage] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    def damage(
        self, kind: DamageKind, offset: int, lost_bytes: int | None, text: str, count: int = 1, after: int | None = None
    ) -> None:
        """Note a departure from the format; of records that share one kind and text only the count grows.

        It is met after as many frames as were read, if no other number is given.
        """
        told = [old.text for old in self.damages if old.kind is kind]
        if len(told) >= DAMAGES_TOLD and text not in told:
            text = f"{DAMAGES_TOLD} damages of this kind are told; further ones are only counted"
        for position, old in enumerate(self.damages):
            if old.kind is kind and old.text == text:
                self.damages[position] = Damage(kind, old.after_frame, old.offset, lost_bytes, text, old.count + count)
                return
        self.damages.append(Damage(kind, self.frames if after is None else after, offset, lost_bytes, text, count))


class Reader(Protocol):
    """Reads one format: ``next_frames`` gives the whole records in the window, None at the end."""

    format: str

    def next_frames(self, window: Window, state: FileState, limits: Limits) -> Frames | None:
        """Frames of up to ``limits.batch_frames`` records, consumed from the window; may be empty; None at the end."""


def clamped(time_ns: int) -> int:
    """The time, or the last one on its side that 64 bits can say."""
    return max(INT64_MIN, min(time_ns, INT64_MAX))


class FrameRows:
    """Collects frames record by record, for formats whose records have no fixed shape."""

    def __init__(self) -> None:
        self.time_ns: list[int] = []
        self.offset: list[int] = []
        self.captured_length: list[int] = []
        self.wire_length: list[int] = []
        self.interface: list[int] = []

    def __len__(self) -> int:
        return len(self.offset)

    def add(self, time_ns: int, offset: int, captured_length: int, wire_length: int, interface: int) -> None:
        """Append one frame; times beyond 64 bits of nanoseconds are clamped."""
        self.time_ns.append(clamped(time_ns))
        self.offset.append(offset)
        self.captured_length.append(captured_length)
        self.wire_length.append(wire_length)
        self.interface.append(interface)

    def build(self, frames_before: int) -> Frames:
        """The frames collected, numbered on from ``frames_before``."""
        return Frames(
            number=np.arange(frames_before + 1, frames_before + 1 + len(self), dtype=np.int64),
            time_ns=np.array(self.time_ns, dtype=np.int64),
            offset=np.array(self.offset, dtype=np.int64),
            captured_length=np.array(self.captured_length, dtype=np.int64),
            wire_length=np.array(self.wire_length, dtype=np.int64),
            interface=np.array(self.interface, dtype=np.int32),
        )


def batch_of(window: Window, frames: Frames) -> FrameBatch:
    """The frames with the buffer they lie in."""
    return FrameBatch(window.array(), frames)
