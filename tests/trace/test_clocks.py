"""The offset of one clock against another, from packets both ways: within its stated error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from ipipdiag.trace.clocks import estimate

Int64 = npt.NDArray[np.int64]

SECOND = 1_000_000_000
EPOCH_NS = 1_790_000_000 * SECOND


def exchange(offset_ns: int, drift: float, seconds: int, count: int = 400) -> tuple[Int64, Int64, Int64, Int64]:
    """Packets both ways, some of them held up, between a clock and one that is ahead of it."""
    random = np.random.default_rng(7)
    sides = []
    for direction in (1, -1):
        sent = EPOCH_NS + np.sort(random.integers(0, seconds * SECOND, count))
        transit = 40_000 + random.exponential(200_000, count).astype(np.int64)
        at_a, at_b = (sent, sent + transit) if direction == 1 else (sent + transit, sent)
        ahead = offset_ns + ((at_b - EPOCH_NS) * drift).astype(np.int64)
        sides += [at_a, (at_b + ahead - at_a) * 1]
    return sides[0], sides[1], sides[2], sides[3]


@pytest.mark.parametrize("offset_ns", [0, -5 * SECOND, 1_750_000_000, 250])
def test_offset_is_found_within_its_error(offset_ns: int) -> None:
    found = estimate(*exchange(offset_ns, 0, seconds=60))
    assert found is not None
    assert found.error_ns is not None
    assert abs(found.offset_ns - offset_ns) <= found.error_ns
    assert found.error_ns < 300_000
    assert found.drift == 0


@pytest.mark.parametrize("drift", [50e-6, -50e-6, 3e-6])
def test_drift_is_found_within_its_error(drift: float) -> None:
    found = estimate(*exchange(-3 * SECOND, drift, seconds=600, count=4_000))
    assert found is not None
    assert found.error_ns is not None
    assert found.drift_error is not None
    assert abs(found.drift - drift) <= found.drift_error < 2e-6
    at = EPOCH_NS + np.array([0, 300, 600], dtype=np.int64) * SECOND
    ahead = -3 * SECOND + ((at - EPOCH_NS) * drift).astype(np.int64)
    assert np.abs(found.ahead(at + ahead) - ahead).max() <= found.error_ns


def test_one_direction_gives_no_error() -> None:
    out, gains, *_ = exchange(SECOND, 0, seconds=60)
    nothing = np.zeros(0, dtype=np.int64)
    found = estimate(out, gains, nothing, nothing)
    assert found is not None
    assert (found.error_ns, found.drift_error) == (None, None)
    assert 0 <= found.offset_ns - SECOND < 300_000  # the fastest packet is taken to need no time


def test_nothing_in_common_is_no_estimate() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert estimate(nothing, nothing, nothing, nothing) is None


def test_a_few_packets_taken_for_others_do_not_move_it() -> None:
    out, gains_out, back, gains_back = exchange(SECOND, 0, seconds=60)
    gains_out[:3] -= 10 * SECOND
    gains_back[5:8] += 10 * SECOND
    found = estimate(out, gains_out, back, gains_back)
    assert found is not None
    assert found.error_ns is not None
    assert abs(found.offset_ns - SECOND) <= found.error_ns < 300_000
