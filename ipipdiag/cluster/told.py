"""What the user tells of the cluster, by flag or file, before any packet is looked at; a flag outranks a file."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network

from ipipdiag.cluster.configuration import Configuration, FelixSettings, PoolObject
from ipipdiag.cluster.model import (
    Cluster,
    Mode,
    ModeOption,
    Node,
    NodeEvidence,
    NodeOption,
    Pool,
    Route,
    Service,
)
from ipipdiag.protocols import CALI_PREFIX, TUNNEL_DEVICE

FELIX_OWNS_TUNNEL_ROUTES = ("Enabled", "EnabledIPIPOnly")  # values of programClusterRoutes

IPVS_DEVICE = "kube-ipvs0"  # holds every service address in ipvs mode
SERVICE_CHAIN = "KUBE-SVC-"  # a chain a service in iptables mode

CALI_HASH_DIGITS = 11


def build_told(
    configuration: Configuration,
    nodes: Sequence[NodeOption] = (),
    pod_cidrs: Sequence[IPv4Network] = (),
    modes: Sequence[ModeOption] = (),
) -> Cluster:
    """The cluster as flags and files tell it."""
    told_nodes = _nodes(configuration, nodes)
    names = _addresses_by_name(configuration, nodes)
    felix = _default_felix(configuration)
    mtu = _tunnel_mtu(configuration, felix)
    proxy = _kube_proxy(configuration)
    tunnels = _tunnel_addresses(configuration, names)
    return Cluster(
        nodes=told_nodes,
        pools=_pools(configuration.pools or _pools_of_environment(configuration), pod_cidrs, modes),
        default_mode=_default_mode(modes),
        tunnel_addresses={address: node for address, (node, _) in tunnels.items()},
        told_tunnel_addresses={address: source for address, (_, source) in tunnels.items()},
        blocks=tuple(
            Route(block.network, names[block.node], 0, 0, block.source)
            for block in configuration.blocks
            if block.node in names
        ),
        placed=_placed(configuration, names),
        pod_names=_pod_names(configuration),
        pod_interfaces=_pod_interfaces(configuration),
        services=_services(configuration),
        service_networks=_service_networks(configuration),
        kube_proxy_mode=proxy[0],
        kube_proxy_source=proxy[1],
        external_nodes=tuple(network for entry in configuration.felix for network in entry.external_nodes),
        has_felix_routes=_has_felix_routes(felix),
        tunnel_mtu=mtu[0],
        tunnel_mtu_source=mtu[1],
    )


def _pools(
    objects: Sequence[PoolObject], pod_cidrs: Sequence[IPv4Network], modes: Sequence[ModeOption]
) -> tuple[Pool, ...]:
    mode_of = {option.cidr: option.mode for option in modes}
    pools = {
        pool.network: Pool(
            network=pool.network,
            mode=mode_of.get(pool.network, mode_of.get(None, pool.ipip_mode)),
            source="user" if pool.network in mode_of or None in mode_of else pool.source,
            name=pool.name,
            vxlan_mode=pool.vxlan_mode,
            block_size=pool.block_size,
            nat_outgoing=pool.nat_outgoing,
            is_disabled=pool.disabled,
        )
        for pool in objects
    }
    for network in [*pod_cidrs, *(option.cidr for option in modes if option.cidr)]:
        pools.setdefault(network, Pool(network, mode_of.get(network, mode_of.get(None)), "user"))
    return tuple(pools.values())


def _pools_of_environment(configuration: Configuration) -> tuple[PoolObject, ...]:
    """The default pool as the environment of calico-node made it, where no IPPool is told; none where it is IPv6's."""
    known = {entry.name: entry for state in configuration.node_states for entry in state.variables}
    cidr, ipip, vxlan = (known.get(f"CALICO_IPV4POOL_{name}") for name in ("CIDR", "IPIP", "VXLAN"))
    modes = {mode.value.lower(): mode for mode in Mode}
    if cidr is None or ipip is None or ipip.value.lower() not in modes:
        return ()
    try:
        network = IPv4Network(cidr.value, strict=False)
    except ValueError:
        return ()
    vxlan_mode = modes.get(vxlan.value.lower(), Mode.NEVER) if vxlan else Mode.NEVER
    return (
        PoolObject(
            source=f"{ipip.source} {ipip.name}",
            name="default-ipv4-ippool",
            network=network,
            block_size=None,
            ipip_mode=modes[ipip.value.lower()],
            vxlan_mode=vxlan_mode,
            nat_outgoing=True,  # what calico-node gives the pool it makes (CALICO_IPV4POOL_NAT_OUTGOING)
            disabled=False,
            node_selector="all()",
        ),
    )


def _default_mode(modes: Sequence[ModeOption]) -> Mode | None:
    return next((option.mode for option in reversed(modes) if option.cidr is None), None)


def _nodes(configuration: Configuration, options: Sequence[NodeOption]) -> dict[int, Node]:
    nodes: dict[int, Node] = {}
    for entry in configuration.nodes:
        if entry.address is not None:
            known = nodes.get(entry.address)
            prefix = known.prefix_length if known and entry.prefix_length is None else entry.prefix_length
            nodes[entry.address] = Node(entry.address, entry.name, prefix, NodeEvidence.TOLD, entry.source)
    for option in options:
        told = Node(option.address, option.name, option.prefix_length, NodeEvidence.TOLD, "user")
        old = nodes.get(option.address)
        if old is not None and told.prefix_length is None:
            told = replace(told, prefix_length=old.prefix_length)
        nodes[option.address] = told
    return nodes


def _addresses_by_name(configuration: Configuration, options: Sequence[NodeOption]) -> dict[str, int]:
    names = {entry.name: entry.address for entry in configuration.nodes if entry.address is not None}
    return names | {option.name: option.address for option in options}


def _tunnel_addresses(configuration: Configuration, names: dict[str, int]) -> dict[int, tuple[int, str]]:
    """The node of each tunl0 address, and where that is said: the Node object outranks the allocation in a block."""
    found = {
        entry.address: (names[entry.node], entry.source)
        for entry in configuration.allocations
        if entry.is_tunnel and entry.node in names and entry.node is not None
    }
    for entry in configuration.nodes:
        if entry.tunnel_address is not None and entry.name in names:
            found[entry.tunnel_address] = (names[entry.name], entry.source)
    return found


def _placed(configuration: Configuration, names: dict[str, int]) -> dict[int, Route]:
    """Where each pod address is: what the Pod object says, else the allocation in its IPAM block."""
    placed: dict[int, Route] = {}
    for allocation in configuration.allocations:
        if not allocation.is_tunnel and allocation.node in names and allocation.node is not None:
            network = IPv4Network((allocation.address, 32))
            placed[allocation.address] = Route(network, names[allocation.node], 0, 0, allocation.source)
    for pod in configuration.pods:
        for address in pod.addresses:
            if pod.node in names and pod.node is not None:
                placed[address] = Route(IPv4Network((address, 32)), names[pod.node], 0, 0, pod.source)
    return placed


def _pod_names(configuration: Configuration) -> dict[int, str]:
    """Name of each pod address; all names where several pods claim one."""
    names: dict[int, dict[str, None]] = defaultdict(dict)
    for pod in configuration.pods:
        for address in pod.addresses:
            names[address][pod.name] = None
    return {address: " or ".join(found) for address, found in names.items()}


def _pod_interfaces(configuration: Configuration) -> dict[str, int]:
    """Pod address behind each cali interface: by the node's own routes, by WorkloadEndpoints, else by the pod's name.

    The CNI plugin names the interface after the SHA-1 of "namespace.pod" (VethNameForWorkload, libcalico-go).
    """
    found: dict[str, int] = {}
    for pod in configuration.pods:
        if pod.addresses:
            named = hashlib.sha1(pod.name.replace("/", ".", 1).encode(), usedforsecurity=False).hexdigest()
            found[pod.interface or CALI_PREFIX + named[:CALI_HASH_DIGITS]] = pod.addresses[0]
    for state in configuration.node_states:
        for route in state.routes:
            if route.network.prefixlen == 32 and route.device is not None and route.device.startswith(CALI_PREFIX):
                found[route.device] = int(route.network.network_address)
    return found


def _services(configuration: Configuration) -> dict[int, Service]:
    behind: dict[str, list[int]] = defaultdict(list)
    for endpoints in configuration.endpoints:
        behind[endpoints.service] += endpoints.addresses
    return {
        address: Service(service.name, frozenset(service.ports), tuple(behind[service.name]), service.source)
        for service in configuration.services
        for address in service.addresses
    }


def _service_networks(configuration: Configuration) -> tuple[tuple[IPv4Network, str], ...]:
    """Networks of cluster addresses: told as such, or as what BGP announces of services."""
    told = [(entry.network, entry.source) for entry in configuration.service_ranges]
    announced = [(network, entry.source) for entry in configuration.bgp for network in entry.service_networks]
    return (*told, *announced)


def _kube_proxy(configuration: Configuration) -> tuple[str | None, str]:
    """The mode of kube-proxy as it was told, else as devices and rules of the nodes show it; None where they differ."""
    found = {entry.mode: entry.source for entry in configuration.kube_proxies}
    if not found:
        for state in configuration.node_states:
            link = state.link(IPVS_DEVICE)
            rule = next((rule for rule in state.rules if rule.chain.startswith(SERVICE_CHAIN)), None)
            if link is not None:
                found["ipvs"] = link.source
            elif rule is not None:
                found["iptables"] = rule.source
    return next(iter(found.items())) if len(found) == 1 else (None, "")


def _default_felix(configuration: Configuration) -> FelixSettings | None:
    return next((entry for entry in configuration.felix if entry.name == "default"), None)


def _tunnel_mtu(configuration: Configuration, felix: FelixSettings | None) -> tuple[int | None, str]:
    """The MTU that tunl0 has on every node whose texts show it, else the one Felix is told to set; None if unlike."""
    links = [link for state in configuration.node_states if (link := state.link(TUNNEL_DEVICE)) and link.mtu]
    mtus = {link.mtu for link in links}
    if len(mtus) == 1:
        return mtus.pop(), f"{links[0].source} (mtu of {TUNNEL_DEVICE})"
    if not mtus and felix is not None and felix.tunnel_mtu:
        return felix.tunnel_mtu, f"{felix.source} spec.ipipMTU"
    return None, ""


def _has_felix_routes(felix: FelixSettings | None) -> bool | None:
    if felix is None or felix.program_cluster_routes is None:
        return None  # the default changed with Calico v3.33: unknown without the version
    return felix.program_cluster_routes in FELIX_OWNS_TUNNEL_ROUTES
