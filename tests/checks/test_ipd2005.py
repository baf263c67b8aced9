"""IPD2005 OuterDestinationNotNode."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.world import NODE_A, NODE_B, Examination, at, bgp, from_a, pings, request, wrapped

NODES = (f"a={NODE_A}/24", f"b={NODE_B}/24")
STALE = "192.0.2.99"


def stale(count: int = 3) -> list[tuple[int, bytes]]:
    return [at(2 + n, from_a(wrapped(request(n), destination=STALE))) for n in range(count)]


def test_nodes_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()]).status is Status.PASS
    assert examine([*bgp(), *pings()], nodes=NODES).status is Status.PASS


def test_speaker_of_bgp_is_a_node_though_not_told(examine: Examination) -> None:
    assert examine([*bgp(), *pings()], nodes=(f"a={NODE_A}/24",)).status is Status.PASS


def test_without_the_list_nothing_is_said(examine: Examination) -> None:
    assert examine(stale()).reason is Reason.NO_CONFIG


def test_address_that_is_no_node_is_critical(examine: Examination) -> None:
    finding = examine([*bgp(), *stale()], nodes=NODES).finding
    assert finding.severity is Severity.CRITICAL
    assert STALE in finding.title


def test_pods_that_are_not_named_are_counted(examine: Examination) -> None:
    frames = [
        at(2 + n, from_a(wrapped(request(n, destination=f"172.20.9.{n + 2}"), destination=STALE))) for n in range(6)
    ]
    finding = examine([*bgp(), *frames], nodes=NODES).finding
    assert "for 172.20.9.2, 172.20.9.3, 172.20.9.4, 172.20.9.5 and 2 more; " in finding.observed
