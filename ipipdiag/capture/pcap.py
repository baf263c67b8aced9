"""The classic capture format (draft-ietf-opsawg-pcap): one header, then records, all of one link type."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ipipdiag.capture.chain import U32, Chain, Flags, Offsets, Portions, Words
from ipipdiag.capture.model import CaptureError, DamageKind, Frames, Interface
from ipipdiag.capture.reader import FileState, Limits
from ipipdiag.capture.window import Window

FILE_HEADER = 24
CAPTURED_AT = 8  # where in a record header the captured length is
NEAR_S = 1 << 22  # what looks like a record has a time so near to another one's: 48 days
SECOND_NS = 1_000_000_000
LINK_TYPE_MASK = 0x03FFFFFF  # the upper bits say whether and how long a frame check sequence is there

# first four bytes: byte order, nanoseconds a tick, bytes of a record header (Kuznetzov's variant has 8 more)
_VARIANTS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1_000, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x34\xcd\xb2\xa1": ("<", 1_000, 24),
    b"\xa1\xb2\xcd\x34": (">", 1_000, 24),
}


def recognises(start: bytes) -> bool:
    """Whether a file that starts so is in this format."""
    return start[:4] in _VARIANTS


@dataclass(frozen=True, slots=True)
class RecordShape:
    """How records lie: byte order as struct writes it, bytes of a header, ticks a second, most captured bytes."""

    order: str
    header_size: int
    ticks_a_second: int
    most: int
    alignment: ClassVar[int] = 1

    def follower(self, data: memoryview, end: int) -> Callable[[int], int]:
        """What says where the record at a position ends; 0 where it is not whole, or claims too many bytes."""
        read_length = struct.Struct(self.order + "I").unpack_from
        header_size, most = self.header_size, self.most
        last_header = end - header_size

        def follow(position: int) -> int:
            if position > last_header:
                return 0
            length: int = read_length(data, position + CAPTURED_AT)[0]
            following = position + header_size + length
            return 0 if following > end or length > most else following

        return follow

    def sizes(self, words: Words, position: Offsets) -> Offsets:
        """Bytes of each record, by its captured length."""
        return words.at(position + CAPTURED_AT)[:, 0].astype(np.int64) + self.header_size

    def hold_frames(self, words: Words, position: Offsets) -> Flags:
        """All of them."""
        return np.ones(len(position), dtype=np.bool_)

    def ends_chain(self, words: Words, position: Offsets) -> Flags:
        """Which records claim more captured bytes than one may have."""
        claims_too_many: Flags = words.at(position + CAPTURED_AT)[:, 0] > self.most
        return claims_too_many

    def may_begin(self, word: U32, first: int) -> Flags:
        """Which words are seconds near to another record's."""
        is_near: Flags = word - np.uint32((first - NEAR_S) % (1 << 32)) <= 2 * NEAR_S
        return is_near

    def looks_like_record(self, words: Words, position: Offsets, first: int) -> Flags:
        """Where records that captured something seem to lie."""
        seconds, ticks, captured, wire = words.at(position, 4).T
        looks: Flags = self.may_begin(seconds, first) & (ticks < self.ticks_a_second)
        looks &= (captured > 0) & (captured <= np.minimum(wire, self.most))
        return looks


class PcapReader:
    """Reads the records of a pcap file, of microseconds or nanoseconds, in either byte order."""

    format = "pcap"

    def __init__(self, window: Window, state: FileState) -> None:
        if window.end - window.start < FILE_HEADER:
            raise CaptureError(state.name, "the file header is cut", "capture again; nothing can be read")
        header = bytes(window.data[window.start : window.start + FILE_HEADER])
        self._order, self._tick_ns, self._header_size = _VARIANTS[header[:4]]
        snap_length, link_type = struct.unpack(self._order + "II", header[16:24])
        self._snap_length = snap_length
        state.interfaces.append(Interface(0, link_type & LINK_TYPE_MASK, snap_length))
        window.start += FILE_HEADER
        self._portions = Portions()

    def next_frames(self, window: Window, state: FileState, limits: Limits) -> Frames | None:
        """Some of the whole records in the window; None at the end of the file or where the chain breaks."""
        shape = RecordShape(self._order, self._header_size, SECOND_NS // self._tick_ns, limits.record_bytes)
        chain = Chain(window.array(), window.end, shape)
        bounds = self._portions.next(window, chain, limits.batch_frames, limits.room_after(state.frames))
        if bounds is None:
            return self._next_window(window, state, limits)
        return self._frames(window, state, bounds[:-1])

    def _next_window(self, window: Window, state: FileState, limits: Limits) -> Frames | None:
        """Read on where no whole record is left; says what is broken where there is no way on."""
        left = window.end - window.start
        if left >= self._header_size:
            length = struct.unpack_from(self._order + "I", window.data, window.start + CAPTURED_AT)[0]
            if length > limits.record_bytes:
                state.damage(
                    DamageKind.BROKEN_CHAIN,
                    window.offset,
                    None,
                    f"the record after frame {state.frames} claims {length} captured bytes: no further record found",
                )
                return None
            need = self._header_size + length
        else:
            need = self._header_size
        if window.fill(need):
            return Frames.empty()
        if left := window.end - window.start:
            text = f"the file ends within the record after frame {state.frames}"
            state.damage(DamageKind.CUT_RECORD, window.offset, left, text)
        return None

    def _frames(self, window: Window, state: FileState, offsets: Offsets) -> Frames:
        seconds, ticks, captured, wire = Words(window.array(), self._order).at(offsets, 4).astype(np.int64).T
        self._note_lies(window, state, offsets, captured, wire)
        number = np.arange(state.frames + 1, state.frames + 1 + len(offsets), dtype=np.int64)
        state.frames += len(offsets)
        return Frames(
            number=number,
            time_ns=seconds * SECOND_NS + ticks * self._tick_ns,
            offset=offsets + self._header_size,
            captured_length=captured,
            wire_length=wire,
            interface=np.zeros(len(offsets), dtype=np.int32),
        )

    def _note_lies(
        self,
        window: Window,
        state: FileState,
        offsets: Offsets,
        captured: npt.NDArray[np.int64],
        wire: npt.NDArray[np.int64],
    ) -> None:
        for lying, text in (
            (captured > wire, "captured length above the length on the wire"),
            ((captured > self._snap_length) & (self._snap_length > 0), "captured length above the snap length"),
        ):
            if count := int(lying.sum()):
                first = int(lying.argmax())
                offset = window.offset_of(int(offsets[first]))
                state.damage(DamageKind.LYING_LENGTH, offset, 0, text, count, after=state.frames + first)
