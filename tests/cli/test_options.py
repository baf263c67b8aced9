"""Values of the command line that have many spellings: times."""

from __future__ import annotations

import click
import pytest

from ipipdiag.cli.options import moment

NOON = 1_785_585_600_000_000_000  # 2026-08-01 12:00:00 UTC


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("2026-08-01 12:00", NOON),
        ("2026-08-01T12:00:00Z", NOON),
        ("2026-08-01 12:00:00 UTC", NOON),
        ("2026-08-01T14:00:00+02:00", NOON),
        ("2026-08-01 06:30:00.25-0530", NOON + 250_000_000),
        ("2026-08-01 12:00:00.000000001", NOON + 1),
        ("1785585600", NOON),
        ("1785585600.123456789", NOON + 123_456_789),
        ("1969-12-31 23:59:59.5", -500_000_000),
        ("-0.5", -500_000_000),
    ],
)
def test_a_time_is_exact_to_the_nanosecond(text: str, time_ns: int) -> None:
    assert moment(text) == time_ns


@pytest.mark.parametrize(
    "text",
    ["", "now", "12:00", "2026-08-01", "2026-13-01 12:00", "2026-08-01 25:00", "1e9", "2026-08-01 12:00:00.1234567890"],
)
def test_what_is_no_time_is_said_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no time such as"):
        moment(text)
