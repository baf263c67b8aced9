"""Times and amounts as people read them."""

from __future__ import annotations

import pytest

from ipipdiag.report.units import format_count, format_duration, format_span, format_time

NOON = 1_785_585_600_000_000_000


def test_times_are_cut_not_rounded() -> None:
    assert format_time(NOON + 999_999_999) == "2026-08-01 12:00:00.999 UTC"
    assert format_time(NOON + 1, digits=9) == "2026-08-01 12:00:00.000000001 UTC"


def test_times_at_the_ends_of_64_bits() -> None:
    assert format_time((1 << 63) - 1).startswith("2262-04-11 ")
    assert format_time(-(1 << 63)).startswith("1677-09-21 ")


def test_a_span_repeats_the_date_only_where_it_differs() -> None:
    assert format_span(NOON, NOON + 1_500_000_000) == "2026-08-01 12:00:00.000 to 12:00:01.500 UTC (1.5 s)"
    assert format_span(NOON, NOON + 86_400_000_000_000) == (
        "2026-08-01 12:00:00.000 to 2026-08-02 12:00:00.000 UTC (24 h 0 min)"
    )


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (12_340, "12.3 µs"),
        (1_000_000, "1 ms"),
        (250_400_000, "250 ms"),
        (119_000_000_000, "119 s"),
        (304_000_000_000, "5 min 4 s"),
        (400_000_000_000_000, "4 days 15 h"),
        (-1_500, "-1.5 µs"),
    ],
)
def test_durations_have_a_unit_that_suits(duration_ns: int, text: str) -> None:
    assert format_duration(duration_ns) == text


def test_counts_take_a_plural() -> None:
    assert format_count(1, "frame") == "1 frame"
    assert format_count(0, "frame") == "0 frames"
    assert format_count(1_234_567, "byte") == "1,234,567 bytes"
