"""What a capture file is read into: interfaces, batches of frames, and what was lost on the way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ipipdiag.table import Table


class CaptureError(Exception):
    """An input of which nothing can be read; the text names the input, what was found and what to try."""

    def __init__(self, name: str, problem: str, advice: str = "") -> None:
        self.name = name
        self.problem = problem
        self.advice = advice
        super().__init__(f"{name}: {problem}" + (f"; {advice}" if advice else ""))


class DamageKind(StrEnum):
    """How a file departs from its format; what came before the damage is read all the same."""

    CUT_RECORD = "cut_record"  # the last record ends after the end of the file
    CUT_STREAM = "cut_stream"  # the compressed stream ends early or is corrupt
    BROKEN_CHAIN = "broken_chain"  # a record or block header that cannot be one: the rest is unreadable
    LYING_LENGTH = "lying_length"  # captured length above wire length or snap length; the record is kept
    SIZE_LIMIT = "size_limit"  # the expanded size reached the limit; the rest was not read
    FRAME_LIMIT = "frame_limit"  # --max-frames reached; the rest was not read
    TIME_LIMIT = "time_limit"  # --duration has passed; the rest was not read
    INTERRUPTED = "interrupted"  # the user ended the reading; the rest was not read
    BAD_BLOCK = "bad_block"  # one pcapng block whose content is impossible; skipped by its length


@dataclass(frozen=True, slots=True)
class Damage:
    """One departure from the format: after how many whole frames it was met, and what it cost.

    ``offset`` is in bytes of the expanded stream, ``lost_bytes`` what follows it unread (None where unknown, as in a
    compressed stream or a pipe), ``count`` how many records share this damage.
    """

    kind: DamageKind
    after_frame: int
    offset: int
    lost_bytes: int | None
    text: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Interface:
    """A capture interface; ``number`` counts from 0 through the whole file, over all sections of a pcapng file.

    ``link_type`` is the LINKTYPE_ number of the file, ``snap_length`` is in bytes (0: no limit stated).
    """

    number: int
    link_type: int
    snap_length: int
    name: str | None = None
    description: str | None = None
    hardware: str | None = None
    filter: str | None = None


@dataclass(frozen=True, slots=True)
class InterfaceStatistics:
    """Counters of a pcapng Interface Statistics Block (draft-ietf-opsawg-pcapng, 4.6); None where not recorded."""

    interface: int
    received: int | None = None
    dropped_by_interface: int | None = None
    dropped_by_system: int | None = None
    accepted_by_filter: int | None = None


class Frames(Table):
    """The records of a batch: where each frame's bytes lie in the batch's buffer, and what its record header says."""

    number: npt.NDArray[np.int64]  # 1-based, as Wireshark counts
    time_ns: npt.NDArray[np.int64]  # nanoseconds since 1970-01-01 UTC
    offset: npt.NDArray[np.int64]  # of the first captured byte in the buffer
    captured_length: npt.NDArray[np.int64]  # bytes in the file
    wire_length: npt.NDArray[np.int64]  # bytes the frame had on the wire
    interface: npt.NDArray[np.int32]  # number of the Interface


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Consecutive frames of one capture and the bytes they lie in.

    ``buffer`` is one-dimensional uint8. It is valid only until the next batch is asked for: the reader reuses it.
    """

    buffer: npt.NDArray[np.uint8]
    frames: Frames


@dataclass(frozen=True, slots=True)
class CaptureSummary:
    """What is known of a capture once its batches have been read to the end.

    ``format`` is "pcap" or "pcapng"; ``compression`` "gzip", "zstd", "xz", "bz2" or None. ``size`` and ``sha256`` are
    of the file as given, compressed bytes included. ``first_ns`` and ``last_ns`` are the smallest and largest frame
    time, None without frames.
    """

    name: str
    format: str
    compression: str | None
    size: int
    sha256: str
    frames: int
    first_ns: int | None
    last_ns: int | None
    interfaces: tuple[Interface, ...]
    statistics: tuple[InterfaceStatistics, ...]
    damages: tuple[Damage, ...]
    comments: tuple[str, ...] = ()
