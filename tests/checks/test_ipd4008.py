"""IPD4008 BgpFlapping."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.builders.packets import bgp_open
from tests.checks.bgp_world import Talk, talks
from tests.checks.world import (
    NODE_A,
    NODE_B,
    Examination,
    pings,
)


def up(port: int, first: float) -> Talk:
    return Talk(port).establish(first).keep(first + 1, first + 3, 1)


def test_session_that_stays_up_passes(examine: Examination) -> None:
    assert examine(talks(Talk().establish(1).keep(4, 40))).status is Status.PASS


def test_one_end_is_no_flapping(examine: Examination) -> None:
    assert not examine(talks(up(41001, 1).notify(5, NODE_A, 6, 4), up(41002, 10))).findings


def test_collisions_before_the_session_is_up_do_not_count(examine: Examination) -> None:
    early = [
        Talk(41001 + n).dial(1 + n).say(1.1 + n, NODE_B, bgp_open()).notify(1.2 + n, NODE_A, 6, 7) for n in range(3)
    ]
    assert not examine(talks(*early, up(42000, 8))).findings


def test_two_ends_are_an_error(examine: Examination) -> None:
    frames = talks(*(up(41001 + n, 1 + 10 * n).notify(5 + 10 * n, NODE_A, 6, 4) for n in range(3)))
    finding = examine(frames).finding
    assert (finding.severity, finding.count) == (Severity.ERROR, 3)


def test_no_bgp_is_not_judged(examine: Examination) -> None:
    assert examine(pings()).reason is Reason.TOO_SHORT
