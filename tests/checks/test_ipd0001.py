"""IPD0001 EmptyCapture."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Status
from ipipdiag.points.model import Role
from tests.checks.world import Examination, bgp


def test_capture_with_packets_passes(examine: Examination) -> None:
    assert examine(bgp()).status is Status.PASS


def test_empty_file_beside_a_full_one_is_only_noted(examine: Examination) -> None:
    answer = examine(bgp(), [])
    assert answer.status is Status.NOTED
    assert len(answer.findings) == 1


@pytest.mark.parametrize(("role", "said"), [(Role.TUNL0, "without the tunnel"), (Role.NODE, "another NIC")])
def test_empty_file_says_what_that_means_there(examine: Examination, role: Role, said: str) -> None:
    finding = examine([], role=role).finding
    assert said in finding.observed
    assert "tcpdump" in finding.confirm[0]
