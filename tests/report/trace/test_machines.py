"""Clocks and windows in words: of what the answer of `trace` and the report of `analyze` both speak."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipipdiag.report.trace.machines import ClockReport
from ipipdiag.run import RunOptions, analyze
from tests.checks.two_points import Ways
from tests.checks.world import NODE_A, NODE_B
from tests.trace.asking import ask

BOTH = ("nic_a", "nic_b")


def clock_of_b(folder: Path, shift: float) -> ClockReport:
    ways = Ways()
    ways.ping(10)
    report = ask(folder, dict(zip(BOTH, ways.captures(*BOTH, shift={"nic_b": shift}), strict=True)))
    (found,) = [clock for clock in report.clocks if clock.label == f"node {NODE_B}"]
    return found


def test_clocks_that_agree_are_said_to(tmp_path: Path) -> None:
    clock = clock_of_b(tmp_path, 0)
    assert f"agrees with node {NODE_A} to within" in clock.text


@pytest.mark.parametrize(
    ("shift", "said"), [(1.75, "1.75 s ahead of"), (-5.0, "5 s behind"), (86_400, "24 h 0 min ahead of")]
)
def test_an_offset_is_told_within_its_error(shift: float, said: str, tmp_path: Path) -> None:
    clock = clock_of_b(tmp_path, shift)
    assert clock.offset_ns is not None
    assert clock.error_ns is not None
    assert abs(clock.offset_ns - shift * 1e9) <= clock.error_ns
    assert f"{said} node {NODE_A}, ± " in clock.text


def test_what_has_no_packet_in_common_is_not_compared(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(3)
    nic_a, nic_b = ways.captures(*BOTH)
    report = ask(tmp_path, {"nic_a": nic_a, "nic_b": _without_matches(nic_b)})
    (clock,) = [clock for clock in report.clocks if not clock.is_reference]
    assert (clock.offset_ns, clock.error_ns) == (None, None)
    assert clock.text == f"node {NODE_B}: not comparable with node {NODE_A}, no packet was seen at both"


def test_captures_that_overlap_are_not_called_apart(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(3)
    early, late = ways.captures("nic_a", until=6)[0], ways.captures("nic_b", until=26)[0]
    assert ask(tmp_path, {"nic_a": early, "nic_b": late}).apart == ()


def test_captures_of_different_times_are_named_with_them(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(3, first=1)
    (early,) = ways.captures("nic_a", until=6)
    (late,) = ways.captures("nic_b", until=6, shift={"nic_b": 3600})
    half = _without_matches(late)
    report = ask(tmp_path, {"nic_a": early, "nic_b": half})
    (sentence,) = report.apart
    assert sentence.startswith(f"node {NODE_A} (")
    assert f"and node {NODE_B} (" in sentence
    assert "were captured at different times" in sentence


def test_the_report_of_analyze_speaks_of_both(tmp_path: Path) -> None:
    ways = Ways()
    ways.ping(10)
    names = []
    for name, data in zip(BOTH, ways.captures(*BOTH, shift={"nic_b": 1.75}), strict=True):
        (tmp_path / name).write_bytes(data)
        names.append(str(tmp_path / name))
    (tmp_path / "late").write_bytes(_without_matches(ways.captures("nic_b", shift={"nic_b": 7200})[0]))
    facts = [known.fact for known in analyze(RunOptions(tuple(names))).cluster]
    assert any(fact.startswith(f"clock of node {NODE_B}: 1.75 s ahead of node {NODE_A}, ± ") for fact in facts)
    later = [known.fact for known in analyze(RunOptions((names[0], str(tmp_path / "late")))).cluster]
    assert any("were captured at different times" in fact for fact in later)


def _without_matches(capture: bytes) -> bytes:
    """A pcap file with the IP identification of every IPv4 packet changed, and its TCP moved far away."""
    data = bytearray(capture)
    offset = 24
    while offset < len(data):
        size = int.from_bytes(data[offset + 8 : offset + 12], "little")
        frame = offset + 16
        if data[frame + 12 : frame + 14] == b"\x08\x00":
            inner = frame + 14 + (20 if data[frame + 23] == 4 else 0)
            data[inner + 4] ^= 0x55
            if data[inner + 9] == 6:
                data[inner + 20] ^= 0x01  # another source port
                data[inner + 22] ^= 0x01
        offset = frame + size
    return bytes(data)
