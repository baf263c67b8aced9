"""IPD9011 PeerNotEstablished."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.files_world import (
    collected,
)
from tests.checks.world import NODE_A, NODE_B, Examination, pings


def status(info: str, state: str = "up") -> dict[str, str]:
    return {"nodes/alpha/status.txt": f"| {NODE_B} | node-to-node mesh | {state} | 08:12:11 | {info} |\n"}


def test_established_peers_pass(examine: Examination) -> None:
    assert examine(pings(), files=collected(more=status("Established"))).status is Status.PASS


def test_peer_that_is_not_up_is_a_warning(examine: Examination) -> None:
    finding = examine(pings(), files=collected(more=status("Connect", "start"))).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)
    assert finding.subject.nodes == (NODE_A, NODE_B)


def test_without_a_status_it_is_not_judged(examine: Examination) -> None:
    assert examine(pings(), files=collected()).reason is Reason.NO_CONFIG
