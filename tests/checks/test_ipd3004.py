"""IPD3004 AddressUnallocated."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.checks.world import (
    NODE_A,
    NODE_B,
    POD_A,
    POD_B,
    Examination,
    bgp,
    gateway_arp,
    pings,
)

NOBODY = "172.20.9.3"
POD = """
apiVersion: v1
kind: Pod
metadata: {{name: p{number}, namespace: shop}}
spec: {{nodeName: {node}}}
status: {{phase: Running, podIP: {address}}}
"""
FILES = {
    "blocks.yaml": """
apiVersion: crd.projectcalico.org/v1
kind: BlockAffinity
metadata: {name: b}
spec: {cidr: 172.20.9.0/28, node: beta, state: confirmed}
""",
    "a.yaml": POD.format(number=1, node="beta", address=POD_B),
    "b.yaml": POD.format(number=2, node="alpha", address=POD_A),
}
TOLD = (f"alpha={NODE_A}/24", f"beta={NODE_B}/24")


def test_answered_addresses_pass(examine: Examination) -> None:
    assert examine([*bgp(), *pings()], files=FILES, nodes=TOLD).status is Status.PASS


def test_unanswered_pod_that_exists_is_another_matter(examine: Examination) -> None:
    files = FILES | {"c.yaml": POD.format(number=3, node="beta", address=NOBODY)}
    frames = [*bgp(), *pings(), *pings(4, first=8, answered=False, destination=NOBODY)]
    assert not examine(frames, files=files, nodes=TOLD).findings


def test_whole_block_that_is_silent_is_another_matter(examine: Examination) -> None:
    frames = [*bgp(), *pings(answered=False), *pings(4, first=8, answered=False, destination=NOBODY)]
    assert not examine(frames, files=FILES, nodes=TOLD).findings


def test_without_files_it_is_not_judged(examine: Examination) -> None:
    answer = examine([*bgp(), *pings(), *pings(4, first=8, answered=False, destination=NOBODY)])
    assert (answer.status, answer.reason) == (Status.NOT_CHECKED, Reason.NO_CONFIG)


def test_address_that_no_pod_has_is_an_error(examine: Examination) -> None:
    frames = [*bgp(), *pings(), *pings(4, first=8, answered=False, destination=NOBODY)]
    finding = examine(frames, files=FILES, nodes=TOLD).finding
    assert (finding.severity, finding.confidence) == (Severity.ERROR, Confidence.LIKELY)
    assert NOBODY in finding.title
    assert "beta" in finding.title


def test_pod_link_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT
