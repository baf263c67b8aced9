"""Reading capture bytes in tests: frames as plain rows, and what is said of the file."""

from __future__ import annotations

from pathlib import Path

from ipipdiag.capture import Capture, CaptureSummary, Limits, open_capture

Row = tuple[int, int, bytes, int, int]  # number, time_ns, captured bytes, wire length, interface


def rows_of(capture: Capture) -> list[Row]:
    """Every frame of an open capture."""
    rows: list[Row] = []
    for batch in capture.batches():
        columns = ("number", "time_ns", "offset", "captured_length", "wire_length", "interface")
        for number, time_ns, offset, captured, wire, interface in batch.frames.rows(*columns):
            data = batch.buffer[offset : offset + captured].tobytes()
            rows.append((number, time_ns, data, wire, interface))
    return rows


def read(path: Path, limits: Limits | None = None) -> tuple[list[Row], CaptureSummary]:
    """Every frame of a file, and its summary."""
    with open_capture(path, limits) as capture:
        return rows_of(capture), capture.summary()


def read_bytes(data: bytes, folder: Path, limits: Limits | None = None) -> tuple[list[Row], CaptureSummary]:
    """The same for bytes, written to a file first."""
    path = folder / "capture"
    path.write_bytes(data)
    return read(path, limits)
