"""IPD2012 CongestionMarkDropped."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.world import Examination, at, bgp, from_a, gateway_arp, request, wrapped


@pytest.mark.parametrize(("inner", "outer"), [(0, 0), (2, 2), (2, 3), (1, 3), (3, 2)])
def test_marks_over_capable_packets_pass(examine: Examination, inner: int, outer: int) -> None:
    assert examine([*bgp(), at(5, from_a(wrapped(request(ecn=inner), ecn=outer)))]).status is Status.PASS


def test_mark_over_an_incapable_packet_is_an_error(examine: Examination) -> None:
    finding = examine([*bgp(), at(5, from_a(wrapped(request(), ecn=3, ttl=62)))]).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert "tunl0" in finding.confirm[0]


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT
