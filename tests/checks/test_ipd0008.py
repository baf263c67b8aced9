"""IPD0008 OneDirectionOnly."""

from __future__ import annotations

from ipipdiag.checks.model import Severity, Status
from tests.checks.world import Examination, bgp, pings


def test_both_directions_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


def test_requests_without_answer_alone_prove_nothing(examine: Examination) -> None:
    assert examine(pings(answered=False)).status is Status.PASS


def test_segments_that_answer_what_is_not_there_do(examine: Examination) -> None:
    one_way = [frame for frame in [*bgp(), *pings()] if frame[1][6:12] == bytes.fromhex("02110000000b")]
    finding = examine(one_way).finding
    assert finding.severity is Severity.WARNING
    assert "only one direction" in finding.title
