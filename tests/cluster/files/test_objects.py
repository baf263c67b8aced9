"""Objects of cluster files in their forms: v3 and CRD, single, List and several documents, YAML and JSON."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import yaml

from ipipdiag.cluster.configuration import Configuration
from ipipdiag.cluster.files.load import load_configuration
from ipipdiag.cluster.files.members import Complaints
from ipipdiag.cluster.model import Mode
from ipipdiag.cluster.told import build_told

CRD, V3 = "crd.projectcalico.org/v1", "projectcalico.org/v3"


def thing(kind: str, name: str, spec: dict[str, Any], api: str = CRD, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}


def loaded(tmp_path: Path, *objects: dict[str, Any]) -> tuple[Configuration, list[str]]:
    path = tmp_path / "objects.yaml"
    path.write_text(yaml.safe_dump_all(objects))
    complaints = Complaints()
    return load_configuration([str(path)], complaints), [line.text for line in complaints.lines]


POOL = {"cidr": "172.28.0.0/14", "blockSize": 28, "ipipMode": "CrossSubnet", "vxlanMode": "Never", "natOutgoing": True}


@pytest.mark.parametrize("api", [CRD, V3])
@pytest.mark.parametrize("form", ["single", "list", "typed list", "documents", "json", "json list"])
def test_pool_in_every_form(tmp_path: Path, api: str, form: str) -> None:
    pool = thing("IPPool", "main", POOL, api)
    untyped = {key: pool[key] for key in ("metadata", "spec")}
    texts = {
        "single": yaml.safe_dump(pool),
        "list": yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [pool]}),
        "typed list": yaml.safe_dump({"apiVersion": api, "kind": "IPPoolList", "items": [untyped]}),
        "documents": yaml.safe_dump_all([thing("Secret", "no", {}, "v1"), pool]),
        "json": json.dumps(pool, indent=2),
        "json list": json.dumps({"apiVersion": "v1", "kind": "List", "items": [pool]}),
    }
    path = tmp_path / "given"
    path.write_text(texts[form])
    complaints = Complaints()
    (found,) = load_configuration([str(path)], complaints).pools
    assert complaints.lines == []
    assert (str(found.network), found.block_size, found.ipip_mode) == ("172.28.0.0/14", 28, Mode.CROSS_SUBNET)
    assert found.nat_outgoing
    assert found.source == "config: given IPPool main"


def test_mode_that_is_not_set_is_never(tmp_path: Path) -> None:
    configuration, _ = loaded(tmp_path, thing("IPPool", "main", {"cidr": "172.28.0.0/14"}))
    assert configuration.pools[0].ipip_mode is Mode.NEVER


def test_wrong_values_are_complained_of_and_the_rest_is_used(tmp_path: Path) -> None:
    configuration, lines = loaded(
        tmp_path,
        thing("IPPool", "a", {"cidr": "172.28.0.0/99"}),
        thing("IPPool", "b", {"cidr": "10.9.0.0/16", "ipipMode": "Sometimes", "blockSize": "many"}),
        thing("IPPool", "c", {"cidr": "fd00::/64"}),
    )
    assert [pool.name for pool in configuration.pools] == ["b"]
    assert lines == [
        "IPPool a: spec.cidr: '172.28.0.0/99' is not an IPv4 network",
        "IPPool b: spec.blockSize: 'many' is not a number",
        "IPPool b: spec.ipipMode: 'Sometimes' is not Always, CrossSubnet or Never",
    ]


def test_both_kinds_of_node(tmp_path: Path) -> None:
    annotations = {
        "projectcalico.org/IPv4Address": "192.0.2.11/24",
        "projectcalico.org/IPv4IPIPTunnelAddr": "172.28.1.1",
    }
    kubernetes = thing("Node", "alpha", {}, "v1", annotations=annotations)
    bgp = {"ipv4Address": "192.0.2.12/25", "ipv4IPIPTunnelAddr": "172.28.2.1", "asNumber": "1.10"}
    configuration, _ = loaded(tmp_path, kubernetes, thing("Node", "beta", {"bgp": bgp}, V3))
    told = build_told(configuration)
    assert {node.text: node.prefix_length for node in told.nodes.values()} == {
        "alpha (192.0.2.11)": 24,
        "beta (192.0.2.12)": 25,
    }
    assert told.name_of(int(IPv4Address("172.28.2.1"))) == "tunl0 of beta"
    assert told.told_tunnel_addresses[int(IPv4Address("172.28.2.1"))] == "config: objects.yaml Node beta"
    assert configuration.nodes[1].as_number == 65546


def test_allocations_of_a_block_know_borrowed_and_tunnel_addresses(tmp_path: Path) -> None:
    nodes = [
        thing("Node", name, {"bgp": {"ipv4Address": address}}, V3)
        for name, address in (("alpha", "192.0.2.11/24"), ("beta", "192.0.2.12/24"))
    ]
    attributes = [
        {"handle_id": "ipip-tunnel-addr-alpha", "secondary": {"node": "alpha", "type": "ipipTunnelAddress"}},
        {"handle_id": "k8s-pod-network.1", "secondary": {"node": "beta", "namespace": "shop", "pod": "till"}},
    ]
    spec = {"cidr": "172.28.1.0/30", "affinity": "host:alpha", "allocations": [0, None, 1, 7], "attributes": attributes}
    told = build_told(loaded(tmp_path, *nodes, thing("IPAMBlock", "b", spec))[0])
    borrowed = told.owner_of(int(IPv4Address("172.28.1.2")))
    assert borrowed is not None
    assert told.node_text(borrowed.node) == "beta (192.0.2.12)"
    own = told.owner_of(int(IPv4Address("172.28.1.1")))
    assert own is not None
    assert told.node_text(own.node) == "alpha (192.0.2.11)"
    assert int(IPv4Address("172.28.1.0")) in told.tunnel_addresses


def test_pods_of_the_host_network_and_ended_ones_have_no_address(tmp_path: Path) -> None:
    host = thing("Pod", "host", {"hostNetwork": True}, "v1") | {"status": {"podIP": "192.0.2.11"}}
    ended = thing("Pod", "ended", {}, "v1") | {"status": {"podIP": "172.28.1.3", "phase": "Succeeded"}}
    runs = thing("Pod", "runs", {"nodeName": "alpha"}, "v1", namespace="shop") | {
        "status": {"podIP": "172.28.1.3", "phase": "Running", "podIPs": [{"ip": "172.28.1.3"}, {"ip": "fd00::3"}]}
    }
    configuration, lines = loaded(tmp_path, host, ended, runs)
    assert lines == []
    assert [(pod.name, pod.addresses) for pod in configuration.pods] == [
        ("shop/runs", (int(IPv4Address("172.28.1.3")),))
    ]


def test_affinity_that_is_not_confirmed_owns_nothing(tmp_path: Path) -> None:
    spec = {"cidr": "172.28.1.0/28", "node": "alpha", "state": "confirmed", "deleted": "false"}
    configuration, _ = loaded(
        tmp_path,
        thing("BlockAffinity", "a", spec),
        thing("BlockAffinity", "b", spec | {"cidr": "172.28.2.0/28", "state": "pending"}),
        thing("BlockAffinity", "c", spec | {"cidr": "172.28.3.0/28", "deleted": "true"}),
    )
    assert [str(block.network) for block in configuration.blocks] == ["172.28.1.0/28"]


def test_services_and_what_is_behind_them(tmp_path: Path) -> None:
    service = thing(
        "Service",
        "till",
        {"clusterIP": "198.51.100.7", "ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]},
        "v1",
        namespace="shop",
    )
    headless = thing("Service", "none", {"clusterIP": "None"}, "v1")
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "till-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "till"}},
        "endpoints": [{"addresses": ["172.28.1.3"]}],
    }
    told = build_told(loaded(tmp_path, service, headless, endpoints)[0])
    (entry,) = told.services.values()
    assert entry.name == "shop/till"
    assert entry.ports == {(6, 80), (17, 53)}
    assert entry.endpoints == (int(IPv4Address("172.28.1.3")),)


def test_felix_and_bgp_settings(tmp_path: Path) -> None:
    felix = {"ipipMTU": 1430, "programClusterRoutes": "EnabledIPIPOnly", "externalNodesList": ["203.0.113.0/24"]}
    configuration, _ = loaded(
        tmp_path,
        thing("FelixConfiguration", "default", felix),
        thing("BGPConfiguration", "default", {"nodeToNodeMeshEnabled": False, "asNumber": 64555}),
        thing("BGPPeer", "rr", {"peerIP": "192.0.2.1:179", "asNumber": 64555}),
    )
    told = build_told(configuration)
    assert told.tunnel_mtu == 1430
    assert told.has_felix_routes is True
    assert [str(network) for network in told.external_nodes] == ["203.0.113.0/24"]
    assert not configuration.bgp[0].has_mesh
    assert configuration.peers[0].peer == int(IPv4Address("192.0.2.1"))


def test_environment_of_calico_node_tells_the_pool_where_no_object_does(tmp_path: Path) -> None:
    path = tmp_path / "env.txt"
    path.write_text("CALICO_IPV4POOL_CIDR=172.28.0.0/14\nCALICO_IPV4POOL_IPIP=CrossSubnet\n")
    (pool,) = build_told(load_configuration([str(path)], Complaints())).pools
    assert (str(pool.network), pool.mode) == ("172.28.0.0/14", Mode.CROSS_SUBNET)
    assert pool.source == "config: env.txt line 2 CALICO_IPV4POOL_IPIP"


def container(*words: str) -> dict[str, Any]:
    return {"hostNetwork": True, "containers": [{"command": [words[0]], "args": list(words[1:])}]}


def test_range_of_services_and_mode_of_kube_proxy(tmp_path: Path) -> None:
    api_server = container("kube-apiserver", "--service-cluster-ip-range=10.99.0.0/16,fd00:99::/108")
    told = build_told(
        loaded(
            tmp_path,
            thing("Pod", "kube-apiserver-m", api_server, "v1"),
            thing("ServiceCIDR", "kubernetes", {"cidrs": ["10.88.0.0/20"]}, "networking.k8s.io/v1"),
            thing("Pod", "kube-proxy-x", container("kube-proxy", "--proxy-mode=ipvs"), "v1"),
        )[0]
    )
    assert [str(network) for network, _ in told.service_networks] == ["10.99.0.0/16", "10.88.0.0/20"]
    assert (told.kube_proxy_mode, told.kube_proxy_source) == (
        "ipvs",
        "config: objects.yaml Pod kube-proxy-x --proxy-mode",
    )
    assert told.service_source(int(IPv4Address("10.99.3.4"))) is not None
    assert told.service_source(int(IPv4Address("10.98.3.4"))) is None


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("-A KUBE-SVC-ABC -j KUBE-SEP-XYZ\n", "iptables"),
        ("8: kube-ipvs0: <BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN\n", "ipvs"),
        ("-A KUBE-SERVICES -j RETURN\n", None),
    ],
)
def test_what_a_node_shows_of_kube_proxy(text: str, mode: str | None, tmp_path: Path) -> None:
    path = tmp_path / "node.txt"
    path.write_text(text)
    assert build_told(load_configuration([str(path)], Complaints())).kube_proxy_mode == mode
