"""IPD4009 BgpTopology."""

from __future__ import annotations

from ipipdiag.checks.model import Confidence, Reason, Severity, Status
from tests.builders.packets import bgp_update
from tests.checks.bgp_world import Talk, keepalives_with, talks
from tests.checks.files_world import node
from tests.checks.world import (
    BLOCK_B,
    NODE_A,
    NODE_B,
    Examination,
    pings,
)


def test_plain_session_is_no_finding(examine: Examination) -> None:
    assert examine(talks(Talk().establish(1).keep(4, 20))).status is Status.PASS


def test_reflector_is_recognised_by_what_it_adds(examine: Examination) -> None:
    reflected = bgp_update([BLOCK_B], "192.0.2.77", reflected_by="192.0.2.12")
    finding = examine([*talks(Talk().establish(1).say(2, NODE_B, reflected).keep(4, 20)), *pings()]).finding
    assert finding.severity is Severity.NOTICE
    assert f"1 route reflector: {NODE_B}" in finding.title


def test_missing_session_of_a_mesh_in_a_long_capture_is_a_warning(examine: Examination) -> None:
    frames = [*talks(Talk().establish(1).keep(4, 300, 60)), *keepalives_with("192.0.2.14", 300), *pings()]
    told = (f"alpha={NODE_A}/24", f"beta={NODE_B}/24", "gamma=192.0.2.13/24", "delta=192.0.2.14/24")
    assert not examine(frames, nodes=told).findings
    finding = examine(frames, nodes=told, files={"bgp.yaml": MESH}).finding
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.LIKELY)
    assert "gamma" in finding.title


def test_short_capture_does_not_miss_a_session(examine: Examination) -> None:
    told = (f"alpha={NODE_A}/24", f"beta={NODE_B}/24", "gamma=192.0.2.13/24")
    frames = [*talks(Talk().establish(1).keep(4, 30)), *pings()]
    assert not examine(frames, nodes=told, files={"bgp.yaml": MESH}).findings


def test_no_bgp_is_not_judged(examine: Examination) -> None:
    assert examine(pings()).reason is Reason.TOO_SHORT


MESH = """
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {name: default}
spec: {nodeToNodeMeshEnabled: true}
"""


REFLECTOR = """
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {name: default}
spec: {nodeToNodeMeshEnabled: false}
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: reflectors}
spec: {nodeSelector: all(), peerSelector: has(reflector)}
"""


def test_session_that_a_bgp_peer_asks_for_is_missed_and_no_other(examine: Examination) -> None:
    frames = [*talks(Talk().establish(1).keep(4, 300, 60)), *keepalives_with("192.0.2.14", 300), *pings()]
    gamma = node("gamma", "192.0.2.13", "172.20.13.1").replace("name: gamma", "name: gamma, labels: {reflector: a}")
    alpha, beta, delta = (
        node(name, address, f"172.20.{number}.1").replace(f"name: {name}", f"name: {name}, labels: {{x: y}}")
        for number, (name, address) in enumerate((("alpha", NODE_A), ("beta", NODE_B), ("delta", "192.0.2.14")))
    )
    finding = examine(frames, files={"all.yaml": alpha + beta + gamma + delta + REFLECTOR}).finding
    assert "gamma" in finding.title and "beta" not in finding.title
    assert "BGPPeer reflectors" in finding.expected


def test_nodes_that_no_object_pairs_are_not_missed(examine: Examination) -> None:
    frames = [*talks(Talk().establish(1).keep(4, 300, 60)), *keepalives_with("192.0.2.14", 300), *pings()]
    objects = "".join(
        node(name, address, f"172.20.{number}.1").replace(f"name: {name}", f"name: {name}, labels: {{x: y}}")
        for number, (name, address) in enumerate((("alpha", NODE_A), ("beta", NODE_B), ("gamma", "192.0.2.13")))
    )
    assert not examine(frames, files={"all.yaml": objects + REFLECTOR}).findings
