"""IPD2011 MixedTunnels."""

from __future__ import annotations

from ipipdiag.checks.model import Severity, Status
from tests.builders.packets import ethernet, ipv4, vxlan
from tests.checks.world import NODE_A, NODE_B, Examination, at, bgp, from_a, pings, request

VXLAN = at(9, from_a(ipv4(vxlan(ethernet(request()), 4096), NODE_A, NODE_B)))


def test_one_kind_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS
    assert examine([*bgp(), VXLAN]).status is Status.PASS


def test_both_kinds_are_noted(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(), VXLAN]).finding
    assert finding.severity is Severity.NOTICE
    assert "1 VXLAN packet" in finding.observed
