"""IPD4002 BgpUnanswered."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.bgp_world import MD5, Talk, talks
from tests.checks.world import NODE_A, NODE_B, Examination, at, from_b, pings, reply, wrapped


def silent(count: int = 4) -> list[Talk]:
    return [Talk(41001 + n).dial(1 + 2 * n, None) for n in range(count)]


def test_answered_dial_passes(examine: Examination) -> None:
    assert examine(talks(Talk().establish(1).keep(4, 20))).status is Status.PASS


def test_lost_syn_that_is_repeated_and_answered_passes(examine: Examination) -> None:
    assert not examine(talks(*silent(3), Talk(42000).establish(9).keep(12, 20))).findings


def test_two_syns_are_too_few(examine: Examination) -> None:
    assert not examine([*talks(*silent(2)), *pings()]).findings


def test_capture_of_one_direction_says_nothing(examine: Examination) -> None:
    from_b_alone = [at(n, from_b(wrapped(reply(n), NODE_B, NODE_A))) for n in range(1, 12)]
    answer = examine([*talks(*silent()), *from_b_alone])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.ONE_DIRECTION)


def test_silence_where_the_point_receives_is_an_error(examine: Examination) -> None:
    finding = examine([*talks(*silent()), *pings(12)]).finding
    assert (finding.severity, finding.count) == (Severity.ERROR, 4)
    assert f"node {NODE_A} does not answer" in finding.title


def test_signed_syns_name_the_password(examine: Examination) -> None:
    signed = [Talk(41001 + n).dial(1 + 2 * n, None, MD5) for n in range(4)]
    finding = examine([*talks(*signed), *pings(12)]).finding
    assert "MD5" in finding.alternatives[0]
