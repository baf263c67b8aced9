"""IPD9003 RouteContradictsMode."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.files_world import (
    BLOCKS,
    NODES,
    collected,
    pool,
    routes,
)
from tests.checks.world import (
    NODE_B,
    Examination,
    bgp,
    pings,
)


def test_files_that_agree_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()], files=collected()).status is Status.PASS


def test_without_files_it_is_not_judged(examine: Examination) -> None:
    answer = examine([*bgp(), *pings()])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)


NIC = routes(f"via {NODE_B} dev eth0 proto bird")


def test_device_follows_the_subnets_in_mode_crosssubnet(examine: Examination) -> None:
    files = collected(NODES + BLOCKS + pool("CrossSubnet"), alpha_routes=NIC)
    assert examine(pings(), files=files).status is Status.PASS


def test_pool_of_vxlan_is_not_judged(examine: Examination) -> None:
    files = collected(NODES + BLOCKS + pool("Never", vxlan="Always"), alpha_routes=NIC)
    assert not examine(pings(), files=files).findings


def test_route_by_the_nic_in_mode_always_is_an_error(examine: Examination) -> None:
    finding = examine(pings(), files=collected(alpha_routes=NIC)).finding
    assert finding.severity is Severity.ERROR
    assert "by eth0, against the mode" in finding.title


def test_route_by_the_tunnel_in_mode_never_is_an_error(examine: Examination) -> None:
    assert examine(pings(), files=collected(NODES + BLOCKS + pool("Never"))).finding.severity is Severity.ERROR
