"""IPD2009 NestedEncapsulation."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.world import Examination, at, bgp, from_a, gateway_arp, pings, request, wrapped


def test_one_header_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS


@pytest.mark.parametrize("depth", [2, 5])
def test_more_headers_are_an_error(examine: Examination, depth: int) -> None:
    packet = request()
    for _ in range(depth):
        packet = wrapped(packet)
    finding = examine([*bgp(), at(5, from_a(packet))]).finding
    assert finding.severity is Severity.ERROR
    assert f"{depth} times" in finding.title


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT
