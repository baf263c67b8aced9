"""IPD9010 HostSetIncomplete."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.files_world import (
    collected,
)
from tests.checks.world import NODE_A, NODE_B, Examination, pings


def hosts(*members: str) -> dict[str, str]:
    return {"nodes/alpha/ipset.txt": "Name: cali40all-hosts-net\nMembers:\n" + "\n".join(members) + "\n"}


def test_set_with_every_node_passes(examine: Examination) -> None:
    assert examine(pings(), files=collected(more=hosts(NODE_A, NODE_B))).status is Status.PASS


def test_set_of_another_cluster_is_not_judged(examine: Examination) -> None:
    assert examine(pings(), files=collected(more=hosts("198.51.100.1"))).reason is Reason.NO_CONFIG


def test_missing_node_is_an_error(examine: Examination) -> None:
    finding = examine(pings(), files=collected(more=hosts(NODE_A))).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert "does not accept tunnel packets of beta" in finding.title


def test_without_sets_it_is_not_judged(examine: Examination) -> None:
    assert examine(pings(), files=collected()).reason is Reason.NO_CONFIG
