"""IPD9014 NeighbourUnresolved."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.files_world import BLOCKS, NODES, collected, pod, pool
from tests.checks.world import MAC_NODE_B, NODE_A, NODE_B, POD_A, ROUTER, Examination, pings

PLACED = NODES + BLOCKS + pool() + pod("web", "alpha", POD_A)


def table(*lines: str) -> dict[str, str]:
    return collected(PLACED, more={"nodes/alpha/neigh.txt": "\n".join(lines) + "\n"})


def test_resolved_entries_pass(examine: Examination) -> None:
    assert examine(pings(), files=table(f"{NODE_B} dev eth0 lladdr {MAC_NODE_B} STALE")).status is Status.PASS


def test_entry_left_over_from_a_pod_that_is_gone_is_not_reported(examine: Examination) -> None:
    answer = examine(pings(), files=table("172.20.1.9 dev cali0123456789a FAILED", "192.0.2.99 dev eth0 FAILED"))
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)


def test_address_that_another_entry_resolves_is_not_reported(examine: Examination) -> None:
    entries = (f"{NODE_B} dev eth1 FAILED", f"{NODE_B} dev eth0 lladdr {MAC_NODE_B} REACHABLE")
    assert not examine(pings(), files=table(*entries)).findings


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        (f"{NODE_B} dev eth0 FAILED", "node"),
        (f"? ({NODE_B}) at <incomplete> on eth0", "node"),
        (f"{ROUTER} dev eth0 INCOMPLETE", "next hop"),
        (f"{POD_A} dev cali0123456789a FAILED", "pod"),
    ],
)
def test_address_that_the_node_needs_is_a_warning(examine: Examination, line: str, needed: str) -> None:
    finding = examine(pings(), files=table(line)).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)
    assert finding.subject.nodes[0] == NODE_A
    assert f"no MAC for {needed}" in finding.title


def test_without_a_table_it_is_not_judged(examine: Examination) -> None:
    assert examine(pings(), files=collected()).reason is Reason.NO_CONFIG
