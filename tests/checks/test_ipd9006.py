"""IPD9006 AddressClaimedTwice."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.files_world import (
    BLOCKS,
    NODES,
    TUNNEL_B,
    collected,
    pod,
    pool,
    thing,
)
from tests.checks.world import (
    BLOCK_B,
    OTHER_POD_B,
    POD_B,
    Examination,
    bgp,
    pings,
)


def test_files_that_agree_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()], files=collected()).status is Status.PASS


def test_without_files_it_is_not_judged(examine: Examination) -> None:
    answer = examine([*bgp(), *pings()])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)


BASE = NODES + BLOCKS + pool()


def test_one_pod_an_address_passes(examine: Examination) -> None:
    objects = BASE + pod("one", "beta", POD_B) + pod("two", "beta", OTHER_POD_B)
    assert examine(pings(), files=collected(objects)).status is Status.PASS


def test_two_pods_with_one_address_are_an_error(examine: Examination) -> None:
    objects = BASE + pod("one", "beta", POD_B) + pod("two", "alpha", POD_B)
    finding = examine(pings(), files=collected(objects)).finding
    assert finding.severity is Severity.ERROR
    assert "pod default/one and pod default/two" in finding.title


def test_pod_with_a_tunnel_address_and_block_of_two_nodes_are_errors(examine: Examination) -> None:
    objects = BASE + pod("one", "beta", TUNNEL_B)
    assert "tunl0 of beta" in examine(pings(), files=collected(objects)).finding.title
    twice = BASE + thing("BlockAffinity", "c", f"{{cidr: {BLOCK_B}, node: alpha, state: confirmed}}")
    assert f"block {BLOCK_B}" in examine(pings(), files=collected(twice)).finding.title
