"""IPD0009 CaptureDrops."""

from __future__ import annotations

from ipipdiag.checks.model import Severity, Status
from tests.builders.captures import pcapng
from tests.checks.world import Examination, bgp


def with_counters(dropped: int) -> bytes:
    import struct

    counters = struct.pack("<HHQ", 5, 8, dropped) + struct.pack("<HHQ", 7, 8, 0) + struct.pack("<HH", 0, 0)
    body = struct.pack("<III", 0, 0, 0) + counters
    length = struct.pack("<I", 12 + len(body))
    return pcapng(bgp()) + struct.pack("<I", 5) + length + body + length


def test_file_without_counters_is_not_judged(examine: Examination) -> None:
    assert examine(bgp()).status is Status.NOT_APPLICABLE


def test_no_drops_pass(examine: Examination) -> None:
    assert examine(with_counters(0)).status is Status.PASS


def test_drops_are_a_warning(examine: Examination) -> None:
    finding = examine(with_counters(37)).finding
    assert finding.severity is Severity.WARNING
    assert finding.count == 37
