"""The classic capture format (draft-ietf-opsawg-pcap): one header, then records, all of one link type."""

from __future__ import annotations

import struct
from collections import deque

import numpy as np
import numpy.typing as npt

from ipipdiag.capture.chain import Chain, Offsets, RecordShape
from ipipdiag.capture.model import CaptureError, DamageKind, Frames, Interface
from ipipdiag.capture.reader import FileState, Limits
from ipipdiag.capture.window import Window

FILE_HEADER = 24
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
        self._parts: deque[Offsets] = deque()  # where records of the window lie that are not yet handed on
        self._end = 0  # of the last of them

    def next_frames(self, window: Window, state: FileState, limits: Limits) -> Frames | None:
        """Some of the whole records in the window; None at the end of the file or where the chain breaks.

        A window is handed on in equal parts, so that none is a small one, which costs as much work as a large one.
        """
        shape = RecordShape(self._order, self._header_size, SECOND_NS // self._tick_ns, limits.record_bytes)
        chain = Chain(window.array(), window.end, shape)
        if not self._parts:
            offsets, self._end = chain.follow(window.start)
            if len(offsets) == 0:
                return self._next_window(window, state, limits)
            self._parts.extend(np.array_split(offsets, -(-len(offsets) // limits.batch_frames)))
        offsets = self._parts.popleft()
        window.start = int(self._parts[0][0]) if self._parts else self._end
        return self._frames(chain, window, state, offsets)

    def _next_window(self, window: Window, state: FileState, limits: Limits) -> Frames | None:
        """Read on where no whole record is left; says what is broken where there is no way on."""
        left = window.end - window.start
        if left >= self._header_size:
            length = struct.unpack_from(self._order + "I", window.data, window.start + 8)[0]
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

    def _frames(self, chain: Chain, window: Window, state: FileState, offsets: Offsets) -> Frames:
        seconds, ticks, captured, wire = chain.read_headers(offsets).astype(np.int64).T
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
