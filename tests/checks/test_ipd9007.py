"""IPD9007 PoolsContradict."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.files_world import (
    BLOCKS,
    NODES,
    collected,
    pool,
)
from tests.checks.world import (
    Examination,
    bgp,
    pings,
)


def test_files_that_agree_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()], files=collected()).status is Status.PASS


def test_without_files_it_is_not_judged(examine: Examination) -> None:
    answer = examine([*bgp(), *pings()])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)


def test_pools_side_by_side_pass(examine: Examination) -> None:
    objects = NODES + BLOCKS + pool() + pool("Never", "172.21.0.0/16", name="other")
    assert examine(pings(), files=collected(objects)).status is Status.PASS


def test_pools_that_overlap_are_an_error(examine: Examination) -> None:
    objects = NODES + BLOCKS + pool() + pool("Never", "172.20.128.0/17", name="other")
    assert "overlap" in examine(pings(), files=collected(objects)).finding.title


def test_both_tunnels_in_one_pool_are_an_error(examine: Examination) -> None:
    finding = examine(pings(), files=collected(NODES + BLOCKS + pool("Always", vxlan="CrossSubnet"))).finding
    assert finding.severity is Severity.ERROR
    assert "vxlanMode CrossSubnet" in finding.title
