"""The recorder as far as it goes without a guest: its cluster is sound, and its samples are what it would write."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from calico_lab.cluster import STANDARD, SUBNETS, Cluster
from calico_lab.diagnostics import describe_objects
from calico_lab.nodes import felix_and_kube_proxy_nat, felix_filter
from calico_lab.scenario import Scenario, load_scenarios
from calico_lab.truth import index_row, write_page

from tests.scenarios import SAMPLES

SCENARIOS = load_scenarios()
CLUSTERS = [
    cluster
    for scenario in SCENARIOS.values()
    for cluster in (scenario.cluster, scenario.at_end)
    if cluster not in (None, STANDARD)
]
RECORDED = sorted(path.parent for path in SAMPLES.glob("*/truth.json") if path.parent.name in SCENARIOS)
SIZE_LIMIT = 1_000_000  # bytes, of a sample


def truth_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "truth.json").read_text()))


@pytest.mark.parametrize("cluster", [STANDARD, *CLUSTERS])
def test_addresses_fit(cluster: Cluster) -> None:
    blocks = [block for node in cluster.nodes for block in node.blocks]
    assert all(block.prefixlen == cluster.block_size and block.subnet_of(cluster.pool) for block in blocks)
    assert not any(one.overlaps(other) for one, other in combinations(blocks, 2))
    assert all(node.address in node.subnet.network and node.subnet in SUBNETS for node in cluster.nodes)
    assert all(any(node.tunnel_address in block for block in node.blocks) for node in cluster.nodes)
    addresses = [pod.address for pod in cluster.pods] + [node.tunnel_address for node in cluster.nodes]
    assert len(set(addresses)) == len(addresses)
    assert all(any(address in block for block in blocks) for address in addresses)
    assert cluster.tunnel_mtu == cluster.nic_mtu - 20


def test_cluster_is_not_the_first_one() -> None:
    old = (SAMPLES / "01-healthy-cross-node" / "truth.json").read_text()
    assert not any(f'"{name}"' in old for name in (*(node.name for node in STANDARD.nodes), str(STANDARD.pool)))


def test_names_of_host_interfaces_are_calico_s() -> None:
    """As the first cluster has them, in its ``ip route``."""
    assert STANDARD.pod("shop.cart").interface == "calie45f23531db"
    assert all(len(pod.interface) == 15 for pod in STANDARD.pods)


def test_rules_of_a_node_name_its_pods_and_every_service() -> None:
    node = STANDARD.node("cedar")
    rules = felix_filter(STANDARD, node)
    for pod in STANDARD.pods:
        assert (pod.interface in rules) is (pod.node == node.name)
    translation = felix_and_kube_proxy_nat(STANDARD)
    for service in STANDARD.services:
        assert f"-d {service.address}/32 -p {service.protocol} --dport {service.port}" in translation
        assert all(f"--to-destination {address}:{port}" in translation for address, port in service.endpoints)


def test_ipam_blocks_hold_every_pod_once() -> None:
    blocks = describe_objects(STANDARD)["ipamblocks.crd.projectcalico.org.yaml"]
    held = [entry["handle_id"] for block in blocks for entry in block["spec"]["attributes"]]
    pods = [f"k8s-pod-network.{pod.name}" for pod in STANDARD.pods]
    assert sorted(held) == sorted([*pods, *(f"ipip-tunnel-addr-{node.name}" for node in STANDARD.nodes)])


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda scenario: scenario.name)
def test_scenario_says_what_is_broken_and_where(scenario: Scenario) -> None:
    assert bool(scenario.broken) == bool(scenario.broken_node) == bool(scenario.accept)
    assert scenario.accept or scenario.healthy
    files = [point.file for point in scenario.points]
    assert len(set(files)) == len(files)


def test_every_scenario_is_recorded() -> None:
    assert [folder.name for folder in RECORDED] == list(SCENARIOS)


@pytest.mark.parametrize("folder", RECORDED, ids=lambda path: path.name)
def test_sample_is_what_the_recorder_declares(folder: Path) -> None:
    scenario, truth = SCENARIOS[folder.name], truth_of(folder)
    assert truth["accept"] == list(scenario.accept)
    assert truth["healthy"] is scenario.healthy
    assert truth["broken"] == scenario.broken
    assert truth["expected_diagnosis"] == scenario.shows
    assert set(truth["captures"]) == {point.file for point in scenario.points}
    assert truth["proof"]
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < SIZE_LIMIT


@pytest.mark.parametrize("folder", RECORDED, ids=lambda path: path.name)
def test_page_and_index_are_made_from_truth(folder: Path) -> None:
    truth = truth_of(folder)
    assert (folder / "README.md").read_text() == write_page(truth)
    assert index_row(truth) in (SAMPLES / "README.md").read_text().splitlines()
