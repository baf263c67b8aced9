"""Captures of one node by a clock that is off: the offset is found, and the report is otherwise the same."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path

import pytest

from ipipdiag.report.model import Report
from ipipdiag.run import RunOptions, analyze
from ipipdiag.trace.model import Clock
from tests.scenarios import captures, folder
from tests.trace.sample_traces import trace_of

SECOND = 1_000_000_000
NODE_A, NODE_B = 0x0A320A22, 0x0A320A21  # 10.50.10.34, 10.50.10.33
SHIFTS = [(-5 * SECOND, 0.0), (1_750_000_000, 0.0), (0, 50e-6), (-5 * SECOND, -50e-6)]


def shift(path: Path, target: Path, offset_ns: int, drift: float, origin_ns: int) -> None:
    """Copy a little-endian pcap file with the times of a clock that is ahead, and gains."""
    data = bytearray(path.read_bytes())
    unit = {0xA1B2C3D4: 1_000, 0xA1B23C4D: 1}[struct.unpack_from("<I", data)[0]]
    position = 24
    while position < len(data):
        seconds, fraction, captured = struct.unpack_from("<III", data, position)
        time_ns = seconds * SECOND + fraction * unit
        time_ns += offset_ns + round((time_ns - origin_ns) * drift)
        struct.pack_into("<II", data, position, time_ns // SECOND, time_ns % SECOND // unit)
        position += 16 + captured
    target.write_bytes(data)


def of_node_b(path: Path) -> bool:
    """Whether a capture of the samples is from the second node's machine."""
    return path.name.startswith(("b-", "pod-b"))


@cache
def moved(number: str, offset_ns: int, drift: float, base: Path) -> tuple[Path, ...]:
    """The captures of a scenario, those of the second node by another clock."""
    folder_of_copies = base / f"{number}{offset_ns}{drift}"
    folder_of_copies.mkdir()
    paths = [path for path in captures(number) if path.suffix == ".pcap" and "any" not in path.name]
    copies = []
    for path in paths:
        copies.append(folder_of_copies / path.name)
        ahead = (offset_ns, drift) if of_node_b(path) else (0, 0.0)
        shift(path, copies[-1], *ahead, origin_ns=int(first_ns(paths[0])))
    return tuple(copies)


def first_ns(path: Path) -> int:
    seconds, fraction = struct.unpack_from("<II", path.read_bytes(), 24)
    return int(seconds) * SECOND + int(fraction) * 1_000


def told(report: Report) -> list[tuple[object, ...]]:
    """All of the findings but their times."""
    return [
        (entry.id, entry.caused_by, finding.code, finding.severity, finding.confidence, finding.subject, finding.title,
         finding.count, [(evidence.input, evidence.frames) for evidence in finding.evidence])
        for entry in report.findings
        for finding in [entry.finding]
    ]  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shifted")


@pytest.mark.parametrize(("offset_ns", "drift"), SHIFTS)
@pytest.mark.parametrize("number", ["07", "17", "25"])
def test_report_is_otherwise_the_same(number: str, offset_ns: int, drift: float, base: Path) -> None:
    plain = analyze(RunOptions(tuple(str(path) for path in moved(number, 0, 0.0, base))))
    other = analyze(RunOptions(tuple(str(path) for path in moved(number, offset_ns, drift, base))))
    assert told(other) == told(plain)
    assert other.verdict.code == plain.verdict.code


@pytest.mark.parametrize(("offset_ns", "drift"), SHIFTS)
def test_offset_is_found_within_its_stated_error(offset_ns: int, drift: float, base: Path) -> None:
    def between(clocks: tuple[Clock, ...]) -> Clock:
        (found,) = [clock for clock in clocks if {clock.machine.node, clock.reference.node} == {NODE_A, NODE_B}]
        return found

    clock = between(trace_of(moved("25", offset_ns, drift, base)).clocks)
    sign = 1 if clock.machine.node == NODE_B else -1
    assert clock.offset.error_ns is not None
    assert clock.offset.error_ns < 100_000
    elapsed = clock.offset.at_ns - first_ns(folder("25") / "a-cali817517c44ab.pcap")
    expected = offset_ns + elapsed * drift
    assert abs(sign * clock.offset.offset_ns - expected) <= clock.offset.error_ns + abs(offset_ns * drift)
    if clock.offset.drift_error is not None:
        assert abs(sign * clock.offset.drift - drift) <= clock.offset.drift_error
