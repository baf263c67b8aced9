"""Times, durations and amounts as people read them: UTC, and a unit on every number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_time(time_ns: int, digits: int = 3) -> str:
    """``2026-08-01 12:00:01.123 UTC``, cut (not rounded) to so many digits of the second, at most 9."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{nanoseconds:09d}"[: 20 + digits] + " UTC"


def format_span(first_ns: int, last_ns: int) -> str:
    """``2026-08-01 12:00:01.123 to 12:00:31.456 UTC (30.3 s)``; the second date only where it differs."""
    first, last = format_time(first_ns).removesuffix(" UTC"), format_time(last_ns)
    if first[:10] == last[:10]:
        last = last[11:]
    return f"{first} to {last} ({format_duration(last_ns - first_ns)})"


def format_duration(duration_ns: int) -> str:
    """A length of time with three digits or so, in the unit that suits: ``250 µs``, ``12.3 ms``, ``5 min 4 s``."""
    if duration_ns < 0:
        return "-" + format_duration(-duration_ns)
    for limit, unit_ns, unit in ((1_000, 1, "ns"), (1_000_000, 1_000, "µs"), (1_000_000_000, 1_000_000, "ms")):
        if duration_ns < limit:
            return f"{_three_digits(duration_ns / unit_ns)} {unit}"
    seconds = duration_ns / 1_000_000_000
    if seconds < 120:
        return f"{_three_digits(seconds)} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 72 else f"{hours // 24} days {hours % 24} h"


def format_count(count: int, unit: str) -> str:
    """``1 frame``, ``12,345 frames``: the unit takes a plural s."""
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
