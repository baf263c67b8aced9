"""IPD0005 ClockDisorder."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Status
from tests.builders.captures import pcap
from tests.checks.world import Examination, at, from_a, request


def times(*seconds: float) -> bytes:
    return pcap([at(second, from_a(request())) for second in seconds], nano=True)


@pytest.mark.parametrize("seconds", [(1, 2, 3), (1, 1, 1), (1, 1.0005, 1.0001, 2), (0, 3600, 7200)])
def test_clock_that_runs_on_passes(examine: Examination, seconds: tuple[float, ...]) -> None:
    assert examine(times(*seconds)).status is Status.PASS


def test_step_back_is_noted_with_its_frame(examine: Examination) -> None:
    finding = examine(times(1, 5, 2, 6)).finding
    assert "3.0 s" in finding.observed
    assert finding.evidence[0].frames == (3,)


def test_leap_of_days_is_noted(examine: Examination) -> None:
    assert "forward" in examine(times(1, 2, 200_000)).finding.observed
