"""IPD9008 TunnelMtuUnfit."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.files_world import (
    collected,
    links,
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


BETA = {"nodes/beta/ip-link.txt": links(mtu=1430)}


def test_smaller_tunnel_is_legal(examine: Examination) -> None:
    assert not examine(pings(), files=collected(alpha_links=links(mtu=1440))).findings


def test_tunnel_larger_than_the_nic_allows_is_a_warning(examine: Examination) -> None:
    finding = examine(pings(), files=collected(alpha_links=links(mtu=1480, nic=1460))).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)
    assert "MTU 1480, too large for its NIC with 1460" in finding.title


def test_nodes_that_differ_are_a_warning(examine: Examination) -> None:
    finding = examine(pings(), files=collected(more=BETA)).finding
    assert "differs between nodes" in finding.title
