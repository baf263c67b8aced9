"""What ``calicoctl cluster diags`` and ``kubectl get`` would collect at the end of a scenario."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from calico_lab.cluster import Cluster, Node
from calico_lab.namespaces import run

COLLECTED = {
    "ip-addr.txt": "ip -br address",
    "ip-link.txt": "ip -d -s link",
    "ip-neigh.txt": "ip -4 neigh",
    "ip-route.txt": "ip -4 route",
    "iptables-legacy-save.txt": "iptables-legacy-save -c",
    "ipset.txt": "ipset list",
    "nstat.txt": "nstat -az IpExtInNoRoutes TcpExtIPReversePathFilter IpForwDatagrams IpInHdrErrors IpOutNoRoutes "
    "IpReasmFails IpFragCreates IcmpOutDestUnreachs IcmpOutTimeExcds",
}

Object = dict[str, Any]


def collect_node_texts(cluster: Cluster, folder: Path) -> None:
    """Outputs of commands on every node, a folder a node."""
    for node in cluster.nodes:
        texts = folder / node.name
        texts.mkdir(parents=True)
        for file, command in COLLECTED.items():
            (texts / file).write_text(run(node.name, command) + "\n")


def describe_objects(cluster: Cluster) -> dict[str, list[Object]]:
    """Kubernetes and Calico objects as the API server would return them, by the name of the file they go to."""
    crd = "crd.projectcalico.org"
    return {
        f"bgpconfigurations.{crd}.yaml": [_bgp_configuration()],
        f"blockaffinities.{crd}.yaml": [_affinity(node, str(block)) for node in cluster.nodes for block in node.blocks],
        f"ipamblocks.{crd}.yaml": list(_ipam_blocks(cluster)),
        f"ippools.{crd}.yaml": [_pool(cluster)],
        "nodes.yaml": [_node(node) for node in cluster.nodes],
        "pods.yaml": list(_pods(cluster)),
        "services.yaml": list(_services(cluster)),
        "endpoints.yaml": list(_endpoints(cluster)),
    }


def _calico(kind: str, name: str, spec: Object) -> Object:
    return {"apiVersion": "crd.projectcalico.org/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _bgp_configuration() -> Object:
    spec = {"asNumber": 64512, "logSeverityScreen": "Info", "nodeToNodeMeshEnabled": True}
    return _calico("BGPConfiguration", "default", spec)


def _dashed(network: str) -> str:
    return network.replace(".", "-").replace("/", "-")


def _affinity(node: Node, block: str) -> Object:
    spec = {"cidr": block, "deleted": "false", "node": node.name, "state": "confirmed"}
    return _calico("BlockAffinity", f"{node.name}-{_dashed(block)}", spec)


def _pool(cluster: Cluster) -> Object:
    spec = {
        "cidr": str(cluster.pool),
        "blockSize": cluster.block_size,
        "ipipMode": cluster.mode,
        "vxlanMode": "Never",
        "natOutgoing": cluster.nat_outgoing,
        "nodeSelector": "all()",
        "allowedUses": ["Workload", "Tunnel"],
    }
    return _calico("IPPool", "apps-ipv4-ippool", spec)


def _ipam_blocks(cluster: Cluster) -> Iterator[Object]:
    for owner in cluster.nodes:
        for block in owner.blocks:
            holders: dict[IPv4Address, Object] = {
                pod.address: {
                    "handle_id": f"k8s-pod-network.{pod.name}",
                    "secondary": {
                        "namespace": pod.name.partition(".")[0],
                        "node": pod.node,
                        "pod": pod.label,
                    },
                }
                for pod in cluster.pods
                if pod.address in block
            }
            if owner.tunnel_address in block:
                holders[owner.tunnel_address] = {
                    "handle_id": f"ipip-tunnel-addr-{owner.name}",
                    "secondary": {"node": owner.name, "type": "ipipTunnelAddress"},
                }
            order = sorted(holders)
            spec = {
                "cidr": str(block),
                "affinity": f"host:{owner.name}",
                "allocations": [order.index(address) if address in holders else None for address in block],
                "attributes": [holders[address] for address in order],
                "deleted": False,
                "strictAffinity": False,
            }
            yield _calico("IPAMBlock", _dashed(str(block)), spec)


def _node(node: Node) -> Object:
    prefix = "projectcalico.org/"
    annotations = {
        f"{prefix}IPv4Address": f"{node.address}/{node.subnet.network.prefixlen}",
        f"{prefix}IPv4IPIPTunnelAddr": str(node.tunnel_address),
    }
    addresses = [{"type": "InternalIP", "address": str(node.address)}, {"type": "Hostname", "address": node.name}]
    metadata = {"name": node.name, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": {"addresses": addresses}}


def _named(kind: str, name: str) -> Object:
    namespace, _, label = name.partition(".")
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": label, "namespace": namespace}}


def _pods(cluster: Cluster) -> Iterator[Object]:
    for pod in cluster.pods:
        status = {"phase": "Running", "podIP": str(pod.address), "podIPs": [{"ip": str(pod.address)}]}
        yield {**_named("Pod", pod.name), "spec": {"nodeName": pod.node}, "status": status}


def _services(cluster: Cluster) -> Iterator[Object]:
    for service in cluster.services:
        port = {"port": service.port, "protocol": service.protocol.upper(), "targetPort": service.endpoints[0][1]}
        spec = {"type": "ClusterIP", "clusterIP": str(service.address), "ports": [port]}
        yield {**_named("Service", service.name), "spec": spec}


def _endpoints(cluster: Cluster) -> Iterator[Object]:
    for service in cluster.services:
        addresses = [{"ip": str(address)} for address, _ in service.endpoints]
        ports = [{"port": service.endpoints[0][1], "protocol": service.protocol.upper()}]
        yield {**_named("Endpoints", service.name), "subsets": [{"addresses": addresses, "ports": ports}]}
