"""Clocks: by how much the clock of one machine is ahead of another's, from packets that both saw, both ways.

A packet takes some time, never less than none. So the packets one way say at most, and those of the other way at
least, by how much the clocks differ; between the two lies the offset, and half the distance is its error (the idea of
NTP, RFC 5905, 8). Over a long capture a line is laid between the two, which gives the drift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

LARGEST_DRIFT = 500e-6  # of crystals in servers and virtual machines, with room
BUCKETS = 512  # stretches of the capture whose tightest packet each way is kept
STEPS = 60  # halvings in the search for the drift: beyond the precision of the times
SLACK_NS = 1_000  # by which stamps may be wrong: most captures have microseconds


@dataclass(frozen=True, slots=True)
class Offset:
    """How far the clock of B is ahead of A's: ``at_ns`` of A's clock it is ``offset_ns``, and grows by ``drift``.

    ``error_ns`` bounds the offset over the whole capture, ``drift_error`` the drift (nanoseconds a nanosecond); None
    where packets of one direction alone were seen, and the fastest is taken to need no time. ``packets`` is how many
    were compared.
    """

    at_ns: int
    offset_ns: int
    drift: float
    error_ns: int | None
    drift_error: float | None
    packets: int

    def ahead(self, time_ns: Int64) -> Int64:
        """How far B's clock is ahead at times of B's clock."""
        if not self.drift:
            return np.full(len(time_ns), self.offset_ns, dtype=np.int64)
        elapsed = (time_ns - self.offset_ns - self.at_ns).astype(np.float64)
        return self.offset_ns + np.rint(elapsed * self.drift / (1 + self.drift)).astype(np.int64)


SAME_CLOCK = Offset(0, 0, 0.0, 0, 0.0, 0)


def estimate(times_out: Int64, gains_out: Int64, times_back: Int64, gains_back: Int64) -> Offset | None:
    """The offset of clock B against A.

    ``gains_out`` is B's time minus A's of packets from A to B, ``gains_back`` the same of packets from B to A; times
    are A's. None where no packet was seen at both.
    """
    count = len(gains_out) + len(gains_back)
    if count == 0:
        return None
    at_ns = int(min(times.min() for times in (times_out, times_back) if len(times)))
    if len(gains_out) == 0 or len(gains_back) == 0:
        gain = int(gains_out.min()) if len(gains_out) else int(gains_back.max())
        return Offset(at_ns, gain, 0.0, None, None, count)
    # in floating point only after the bulk is taken away: a nanosecond is less than 1970's rounding
    base = int(np.median(np.concatenate([gains_out, gains_back])))
    upper = _tightest((times_out - at_ns).astype(np.float64), (gains_out - base).astype(np.float64), lowest=True)
    lower = _tightest((times_back - at_ns).astype(np.float64), (gains_back - base).astype(np.float64), lowest=False)
    upper, lower = _without_mistakes(upper, lower)
    upper, lower = (upper[0], upper[1] + SLACK_NS), (lower[0], lower[1] - SLACK_NS)
    drift, drift_error = _drift(upper, lower)
    most, least = float((upper[1] - drift * upper[0]).min()), float((lower[1] - drift * lower[0]).max())
    offset = (most + least) / 2
    error = _reach(upper, lower, drift, drift_error, offset)
    return Offset(at_ns, base + round(offset), drift, round(error), drift_error, count)


def _tightest(times: Float, gains: Float, *, lowest: bool) -> tuple[Float, Float]:
    """Of each stretch of the capture the packet that says most."""
    span = max(float(times.max() - times.min()), 1.0)
    bucket = ((times - times.min()) / span * (BUCKETS - 1)).astype(np.int64)
    order = np.lexsort((gains if lowest else -gains, bucket))
    first = np.concatenate([[True], np.diff(bucket[order]) > 0])
    kept = order[first]
    return times[kept], gains[kept]


def _without_mistakes(
    upper: tuple[Float, Float], lower: tuple[Float, Float]
) -> tuple[tuple[Float, Float], tuple[Float, Float]]:
    """Leave out what half of the other direction contradicts, whatever the drift: a packet matched to another one."""
    span = max(float(upper[0].max()), float(lower[0].max()))
    slack = LARGEST_DRIFT * span + SLACK_NS
    good_upper = upper[1] >= np.median(lower[1]) - slack
    good_lower = lower[1] <= np.median(upper[1]) + slack
    if not good_upper.any() or not good_lower.any():
        return upper, lower
    return (upper[0][good_upper], upper[1][good_upper]), (lower[0][good_lower], lower[1][good_lower])


def _gap(upper: tuple[Float, Float], lower: tuple[Float, Float], drift: float) -> float:
    """The room between both directions for a line of this slope; concave in the slope, negative where none fits."""
    return float((upper[1] - drift * upper[0]).min() - (lower[1] - drift * lower[0]).max())


def _drift(upper: tuple[Float, Float], lower: tuple[Float, Float]) -> tuple[float, float]:
    """The slope with the most room, and how far from it a line still fits; no drift where a level line fits."""
    low, high = -LARGEST_DRIFT, LARGEST_DRIFT
    for _ in range(STEPS):
        third = (high - low) / 3
        if _gap(upper, lower, low + third) < _gap(upper, lower, high - third):
            low += third
        else:
            high -= third
    best = (low + high) / 2
    steepest = _edge(upper, lower, best, LARGEST_DRIFT)
    flattest = _edge(upper, lower, best, -LARGEST_DRIFT)
    if _gap(upper, lower, 0.0) >= 0:
        return 0.0, max(abs(steepest), abs(flattest))
    return best, max(steepest - best, best - flattest)


def _edge(upper: tuple[Float, Float], lower: tuple[Float, Float], inside: float, outside: float) -> float:
    """Where, between a slope that fits best and one beyond, lines cease to fit."""
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if _gap(upper, lower, middle) >= 0 else (inside, middle)
    return inside


def _reach(
    upper: tuple[Float, Float], lower: tuple[Float, Float], drift: float, drift_error: float, offset: float
) -> float:
    """How far any line that fits is from the chosen one, at either end of the capture."""
    end = max(float(upper[0].max()), float(lower[0].max()))
    farthest = 0.0
    for slope in np.linspace(drift - drift_error, drift + drift_error, 33).tolist():
        most = float((upper[1] - slope * upper[0]).min())
        least = float((lower[1] - slope * lower[0]).max())
        if most < least:
            continue
        for at in (0.0, end):
            for line in (most, least):
                farthest = max(farthest, abs(line + slope * at - offset - drift * at))
    return farthest or abs(float(upper[1].min() - lower[1].max())) / 2
