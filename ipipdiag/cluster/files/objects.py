"""Kubernetes and Calico objects, one function a kind: from the fields of an object to what the configuration keeps.

Calico's v3 form (projectcalico.org/v3) and its CRD form (crd.projectcalico.org/v1) hold the same fields under ``spec``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network

from ipipdiag.cluster.configuration import (
    Allocation,
    BgpPeerObject,
    BgpSettings,
    BlockObject,
    ClusterObject,
    EndpointsObject,
    FelixSettings,
    KubeProxySettings,
    NodeObject,
    PodObject,
    PoolObject,
    ServiceObject,
    ServiceRange,
)
from ipipdiag.cluster.files.fields import Fields
from ipipdiag.cluster.model import Mode

PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132}
SERVICE_RANGE_FLAG = "--service-cluster-ip-range="  # of the API server
PROXY_MODE_FLAG = "--proxy-mode="  # of kube-proxy
PROXY_MODES = ("iptables", "ipvs", "nftables")
_PROXY_MODE = re.compile(r"^mode:\s*[\"']?(\w+)", re.MULTILINE)
ENDED = ("Succeeded", "Failed")  # such a pod has given its address back


def read_object(fields: Fields) -> Iterator[ClusterObject]:
    """What the configuration keeps of an object; nothing for kinds that do not concern it."""
    group = (fields.text("apiVersion") or "").partition("/")[0]
    is_calico = group in ("projectcalico.org", "crd.projectcalico.org")
    reader = (_CALICO if is_calico else _KUBERNETES).get(fields.kind)
    if reader is not None:
        yield from reader(fields)


def _pool(fields: Fields) -> Iterator[ClusterObject]:
    network = fields.network("spec", "cidr")
    if network is None:
        return
    yield PoolObject(
        source=fields.source,
        name=fields.name,
        network=network,
        block_size=fields.number("spec", "blockSize"),
        ipip_mode=_mode(fields, "ipipMode"),
        vxlan_mode=_mode(fields, "vxlanMode"),
        nat_outgoing=fields.flag("spec", "natOutgoing"),
        disabled=fields.flag("spec", "disabled"),
        node_selector=fields.text("spec", "nodeSelector") or "all()",
    )


def _mode(fields: Fields, name: str) -> Mode:
    text = fields.text("spec", name) or Mode.NEVER.value
    known = {mode.value.lower(): mode for mode in Mode}
    if text.lower() not in known:
        fields.wrong(f"spec.{name}", text, "Always, CrossSubnet or Never")
    return known.get(text.lower(), Mode.NEVER)


def _kubernetes_node(fields: Fields) -> Iterator[ClusterObject]:
    prefix = "projectcalico.org/"
    address = fields.interface("metadata", "annotations", prefix + "IPv4Address")
    tunnel = fields.interface("metadata", "annotations", prefix + "IPv4IPIPTunnelAddr")
    internal = [
        entry.get("address")
        for entry in fields.items("status", "addresses")
        if isinstance(entry, dict) and entry.get("type") == "InternalIP"
    ]
    yield NodeObject(
        source=fields.source,
        name=fields.name,
        address=address[0] if address else None,
        prefix_length=address[1] if address else None,
        tunnel_address=tunnel[0] if tunnel else None,
        internal_addresses=fields.addresses(internal, "status.addresses"),
        as_number=fields.number("metadata", "annotations", prefix + "ASNumber"),
        route_reflector_cluster=fields.text("metadata", "annotations", prefix + "RouteReflectorClusterID"),
        labels=fields.labels,
    )


def _calico_node(fields: Fields) -> Iterator[ClusterObject]:
    address = fields.interface("spec", "bgp", "ipv4Address")
    tunnel = fields.interface("spec", "bgp", "ipv4IPIPTunnelAddr")
    internal = [entry.get("address") for entry in fields.items("spec", "addresses") if isinstance(entry, dict)]
    yield NodeObject(
        source=fields.source,
        name=fields.name,
        address=address[0] if address else None,
        prefix_length=address[1] if address else None,
        tunnel_address=tunnel[0] if tunnel else None,
        internal_addresses=fields.addresses(internal, "spec.addresses"),
        as_number=fields.number("spec", "bgp", "asNumber"),
        route_reflector_cluster=fields.text("spec", "bgp", "routeReflectorClusterID"),
        labels=fields.labels,
    )


def _block_affinity(fields: Fields) -> Iterator[ClusterObject]:
    network, node = fields.network("spec", "cidr"), fields.text("spec", "node")
    state = fields.text("spec", "state") or "confirmed"
    if network and node and state == "confirmed" and not fields.flag("spec", "deleted"):
        yield BlockObject(fields.source, network, node)


def _ipam_block(fields: Fields) -> Iterator[ClusterObject]:
    network = fields.network("spec", "cidr")
    if network is None:
        return
    node = (fields.text("spec", "affinity") or "").removeprefix("host:") or None
    if node and not fields.flag("spec", "deleted"):
        yield BlockObject(fields.source, network, node)
    attributes = fields.items("spec", "attributes")
    for ordinal, index in enumerate(fields.items("spec", "allocations")[: network.num_addresses]):
        if isinstance(index, int) and 0 <= index < len(attributes) and isinstance(attributes[index], dict):
            address = int(network.network_address) + ordinal
            yield _allocation(fields, network, address, attributes[index])


def _allocation(fields: Fields, block: IPv4Network, address: int, attributes: dict[str, object]) -> Allocation:
    secondary = attributes.get("secondary")
    details = secondary if isinstance(secondary, dict) else {}
    handle = str(attributes.get("handle_id") or attributes.get("primary") or "")
    pod = details.get("pod")
    return Allocation(
        source=f"{fields.source} allocation of {IPv4Address(address)}",
        address=address,
        block=block,
        node=str(details["node"]) if details.get("node") else None,
        pod=f"{details.get('namespace', 'default')}/{pod}" if pod else None,
        is_tunnel="TunnelAddress" in str(details.get("type", "")) or handle.startswith("ipip-tunnel-addr"),
    )


def _pod(fields: Fields) -> Iterator[ClusterObject]:
    yield from _flags(fields)
    if fields.flag("spec", "hostNetwork") or fields.text("status", "phase") in ENDED:
        return
    listed = [entry.get("ip") for entry in fields.items("status", "podIPs") if isinstance(entry, dict)]
    noted = fields.text("metadata", "annotations", "cni.projectcalico.org/podIP")
    addresses = fields.addresses([fields.text("status", "podIP"), *listed, noted], "status.podIP")
    yield PodObject(fields.source, fields.qualified_name, fields.text("spec", "nodeName"), addresses)


def _flags(fields: Fields) -> Iterator[ClusterObject]:
    """What the command lines of the API server and of kube-proxy say of services."""
    for container in fields.items("spec", "containers"):
        if not isinstance(container, dict):
            continue
        for part in (container.get("command"), container.get("args")):
            for word in part if isinstance(part, list) else ():
                text = str(word)
                if text.startswith(SERVICE_RANGE_FLAG):
                    ranges: list[object] = list(text.removeprefix(SERVICE_RANGE_FLAG).split(","))
                    for network in fields.networks(ranges, "spec.containers.command"):
                        yield ServiceRange(f"{fields.source} {SERVICE_RANGE_FLAG.rstrip('=')}", network)
                elif text.removeprefix(PROXY_MODE_FLAG) in PROXY_MODES:
                    yield KubeProxySettings(
                        f"{fields.source} {PROXY_MODE_FLAG.rstrip('=')}", text.removeprefix(PROXY_MODE_FLAG)
                    )


def _service_range(fields: Fields) -> Iterator[ClusterObject]:
    for network in fields.networks(fields.items("spec", "cidrs"), "spec.cidrs"):
        yield ServiceRange(fields.source, network)


def _config_map(fields: Fields) -> Iterator[ClusterObject]:
    """The ConfigMap kube-proxy, as kubeadm writes it."""
    found = _PROXY_MODE.search(fields.text("data", "config.conf") or "") if fields.name == "kube-proxy" else None
    if found and found[1] in PROXY_MODES:
        yield KubeProxySettings(fields.source, found[1])


def _workload_endpoint(fields: Fields) -> Iterator[ClusterObject]:
    addresses = fields.addresses(fields.items("spec", "ipNetworks"), "spec.ipNetworks")
    pod = fields.text("spec", "pod") or fields.text("spec", "workload") or fields.name
    namespace = fields.text("metadata", "namespace") or "default"
    interface = fields.text("spec", "interfaceName")
    yield PodObject(fields.source, f"{namespace}/{pod}", fields.text("spec", "node"), addresses, interface)


def _service(fields: Fields) -> Iterator[ClusterObject]:
    addresses = [fields.text("spec", "clusterIP"), *fields.items("spec", "clusterIPs")]
    addresses += fields.items("spec", "externalIPs")
    ports = [
        (PROTOCOLS[str(entry.get("protocol", "TCP")).upper()], int(entry["port"]))
        for entry in fields.items("spec", "ports")
        if isinstance(entry, dict)
        and isinstance(entry.get("port"), int)
        and str(entry.get("protocol", "TCP")).upper() in PROTOCOLS
    ]
    found = fields.addresses(addresses, "spec.clusterIPs")
    if found:
        yield ServiceObject(fields.source, fields.qualified_name, found, tuple(ports))


def _endpoint_slice(fields: Fields) -> Iterator[ClusterObject]:
    service = fields.text("metadata", "labels", "kubernetes.io/service-name") or fields.name
    namespace = fields.text("metadata", "namespace") or "default"
    texts: list[object] = []
    for entry in fields.items("endpoints"):
        if isinstance(entry, dict) and isinstance(entry.get("addresses"), list):
            texts += entry["addresses"]
    yield EndpointsObject(fields.source, f"{namespace}/{service}", fields.addresses(texts, "endpoints.addresses"))


def _bgp_configuration(fields: Fields) -> Iterator[ClusterObject]:
    # not those of load balancers: they may stand outside, and nodes then rightly send to them
    services = [entry.get("cidr") for entry in fields.items("spec", "serviceClusterIPs") if isinstance(entry, dict)]
    yield BgpSettings(
        source=fields.source,
        name=fields.name,
        as_number=fields.number("spec", "asNumber"),
        has_mesh=(fields.text("spec", "nodeToNodeMeshEnabled") or "true") == "true",
        service_networks=tuple(fields.networks(services, "spec.serviceClusterIPs")),
    )


def _bgp_peer(fields: Fields) -> Iterator[ClusterObject]:
    peer = (fields.text("spec", "peerIP") or "").rpartition(":")
    address = fields.addresses([peer[0] or peer[2]], "spec.peerIP")
    yield BgpPeerObject(
        source=fields.source,
        name=fields.name,
        peer=address[0] if address else None,
        as_number=fields.number("spec", "asNumber"),
        node=fields.text("spec", "node"),
        node_selector=fields.text("spec", "nodeSelector"),
        peer_selector=fields.text("spec", "peerSelector"),
    )


def _felix_configuration(fields: Fields) -> Iterator[ClusterObject]:
    external = fields.items("spec", "externalNodesList")
    yield FelixSettings(
        source=fields.source,
        name=fields.name,
        tunnel_mtu=fields.number("spec", "ipipMTU") or None,  # 0 is automatic
        program_cluster_routes=fields.text("spec", "programClusterRoutes"),
        external_nodes=tuple(fields.networks(external, "spec.externalNodesList")),
    )


Reader = Callable[[Fields], Iterator[ClusterObject]]
_CALICO: dict[str, Reader] = {
    "IPPool": _pool,
    "Node": _calico_node,
    "BlockAffinity": _block_affinity,
    "IPAMBlock": _ipam_block,
    "WorkloadEndpoint": _workload_endpoint,
    "BGPConfiguration": _bgp_configuration,
    "BGPPeer": _bgp_peer,
    "FelixConfiguration": _felix_configuration,
}
_KUBERNETES: dict[str, Reader] = {
    "Node": _kubernetes_node,
    "Pod": _pod,
    "Service": _service,
    "EndpointSlice": _endpoint_slice,
    "ServiceCIDR": _service_range,
    "ConfigMap": _config_map,
}
