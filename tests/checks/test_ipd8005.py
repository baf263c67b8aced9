"""IPD8005 ReceiverStalled."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.connections import FULL, Connection
from tests.checks.world import Examination, Timed, bgp, pings


def stalled(seconds: float, *, opens: bool = True) -> list[Timed]:
    """B closes its window, A asks from time to time, and B opens it again."""
    one = Connection()
    one.open()
    one.send(FULL)
    one.acknowledge(window=0)
    one.again(0, one.sequence[True] - 1, after=seconds / 2)
    one.acknowledge(window=0)
    if opens:
        one.acknowledge(after=seconds / 2)
        one.exchange(FULL)
    return [*bgp(), *one.frames]


# what must not be reported


def test_open_windows_pass(examine: Examination) -> None:
    one = Connection()
    one.open()
    one.exchange(FULL, times=5)
    assert examine([*bgp(), *one.frames]).status is Status.PASS


def test_a_short_stop_is_not_reported(examine: Examination) -> None:
    assert not examine(stalled(0.05)).findings


def test_resets_announce_no_window(examine: Examination) -> None:
    one = Connection()
    one.open()
    one.send(FULL)
    one.acknowledge(flags="RA", window=0)
    assert not examine([*bgp(), *one.frames]).findings


# what must be


def test_stall_names_who_lets_whom_wait(examine: Examination) -> None:
    finding = examine(stalled(3)).finding
    assert finding.severity is Severity.NOTICE
    assert finding.title == "172.20.9.7 lets 172.20.1.5 wait: its receive window is closed for 3.0 s"
    assert "2 segments with window 0 in 1 connection" in finding.observed


def test_window_still_closed_at_the_end_counts_up_to_it(examine: Examination) -> None:
    assert "closed for 16.3 s" in examine(stalled(1, opens=False)).finding.title


# what cannot be judged


def test_without_tcp_nothing_can_be_said(examine: Examination) -> None:
    assert examine(pings()).reason is Reason.TOO_FEW_PACKETS
