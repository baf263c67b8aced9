"""IPD0004 UnsupportedLinkType."""

from __future__ import annotations

from ipipdiag.checks.model import Status
from tests.builders.captures import RAW
from tests.checks.world import Examination, at, bgp, request


def test_known_link_types_pass(examine: Examination) -> None:
    assert examine(bgp()).status is Status.PASS
    assert examine([at(1, request())], link_type=RAW).status is Status.PASS


def test_other_link_type_is_named_and_counted(examine: Examination) -> None:
    finding = examine([at(1, b"some radio frame"), at(2, b"another one")], link_type=127).finding
    assert "IEEE802_11_RADIOTAP" in finding.observed
    assert finding.count == 2
    assert finding.evidence[0].frames == (1, 2)
