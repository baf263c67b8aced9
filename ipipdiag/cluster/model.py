"""What is known of the cluster: nodes, pools, blocks, pods, each value with where it comes from.

A value is *told* (flag or file), *inferred* from packets, or a *default* of Calico. Defaults are shown, never relied
on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network

from ipipdiag.addresses import format_address
from ipipdiag.cluster.prefixes import Prefixes


class Mode(StrEnum):
    """``ipipMode`` of an IP pool."""

    ALWAYS = "Always"
    CROSS_SUBNET = "CrossSubnet"
    NEVER = "Never"


class NodeEvidence(IntEnum):
    """Why an address is taken for a node's, weakest first."""

    OUTER_ONE_WAY = 1  # only ever outer source, or only ever outer destination: not enough to call it a node
    CARRIES_PODS = 2  # answers ARP on the node network and sends packets of a pod
    OUTER_BOTH_WAYS = 3  # both source and destination of tunnel packets
    SPEAKS_BGP = 4  # an end of TCP/179
    TOLD = 5  # flag or file


@dataclass(frozen=True, slots=True)
class ModeOption:
    """``--ipip-mode [CIDR=]MODE``; without a CIDR for every pool."""

    cidr: IPv4Network | None
    mode: Mode


@dataclass(frozen=True, slots=True)
class NodeOption:
    """``--node NAME=IP/PREFIX``; the prefix length is that of the node's subnet."""

    name: str
    address: int
    prefix_length: int | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A node by its Calico (BGP) address."""

    address: int
    name: str | None
    prefix_length: int | None
    evidence: NodeEvidence
    source: str

    @property
    def text(self) -> str:
        """Name and address, as the report writes them."""
        address = format_address(self.address)
        return f"{self.name} ({address})" if self.name else address


@dataclass(frozen=True, slots=True)
class Pool:
    """An IP pool; the mode is None where nobody told, the other fields where no file did."""

    network: IPv4Network
    mode: Mode | None
    source: str
    name: str | None = None
    vxlan_mode: Mode | None = None
    block_size: int | None = None  # prefix length
    nat_outgoing: bool | None = None
    is_disabled: bool = False

    @property
    def text(self) -> str:
        """The network, with the pool's name where a file gives one."""
        return f"{self.network} ({self.name})" if self.name else str(self.network)


@dataclass(frozen=True, slots=True)
class Service:
    """A service by one of its cluster addresses: its name, its (protocol, port) pairs and the addresses behind it.

    Where packets alone tell, the name is empty and ports and addresses are those seen.
    """

    name: str
    ports: frozenset[tuple[int, int]]
    endpoints: tuple[int, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Route:
    """A prefix and the node that has it, as BGP announced it, or as one pod's packets at their first hop show (/32).

    ``first_ns`` to ``last_ns`` is when it was seen so; an announcement holds until ``withdrawn_ns`` (None: to the end).
    """

    network: IPv4Network
    node: int
    first_ns: int
    last_ns: int
    source: str
    withdrawn_ns: int | None = None

    def time_from(self, at_ns: int) -> int:
        """Nanoseconds between a time and when this was seen; 0 within that span."""
        return max(self.first_ns - at_ns, at_ns - self.last_ns, 0)

    def is_valid(self, at_ns: int) -> bool:
        """Whether an announcement held at a time."""
        return self.first_ns <= at_ns and (self.withdrawn_ns is None or at_ns < self.withdrawn_ns)


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """All that is known. Look-ups return None where nothing is known; addresses are integers.

    Two are the same only if they are one: what is looked up often is put in order once a cluster.
    """

    nodes: dict[int, Node] = field(default_factory=dict)
    pools: tuple[Pool, ...] = ()
    announced: tuple[Route, ...] = ()  # by BGP
    seen_behind: dict[int, tuple[Route, ...]] = field(default_factory=dict)  # by address, from first hops
    pods: dict[int, str] = field(default_factory=dict)  # address: why it is a pod's
    tunnel_addresses: dict[int, int] = field(default_factory=dict)  # tunl0 address: node
    told_tunnel_addresses: dict[int, str] = field(default_factory=dict)  # those that a file tells: its source
    wrapped: dict[tuple[int, int], frozenset[int]] = field(default_factory=dict)  # outer pair: inner destinations
    tunnel_mtu: int | None = None
    tunnel_mtu_source: str = ""
    tunnel_mtus: dict[int, tuple[int, str]] = field(default_factory=dict)  # inferred: of a pod, or a node; its source
    default_mode: Mode | None = None  # of pools without one of their own, where told
    # from cluster files
    blocks: tuple[Route, ...] = ()  # block affinities
    placed: dict[int, Route] = field(default_factory=dict)  # pod address: its node, as Pod or IPAM block says
    pod_names: dict[int, str] = field(default_factory=dict)  # pod address: namespace/name
    pod_interfaces: dict[str, int] = field(default_factory=dict)  # host side of a pod's veth: the pod's address
    services: dict[int, Service] = field(default_factory=dict)  # by cluster address
    service_networks: tuple[tuple[IPv4Network, str], ...] = ()  # what cluster addresses are taken from: its source
    kube_proxy_mode: str | None = None
    kube_proxy_source: str = ""
    external_nodes: tuple[IPv4Network, ...] = ()  # externalNodesList: not nodes, but let through
    has_felix_routes: bool | None = None  # programClusterRoutes: Felix, not BIRD, programs IP-in-IP routes

    @property
    def told_nodes(self) -> int:
        """How many nodes a flag or file names."""
        return sum(node.evidence is NodeEvidence.TOLD for node in self.nodes.values())

    def is_node(self, address: int) -> bool:
        """Whether the address is a node's, on evidence that suffices for a finding."""
        node = self.nodes.get(address)
        return node is not None and node.evidence > NodeEvidence.OUTER_ONE_WAY

    def is_told_node(self, address: int) -> bool:
        """Whether a flag or file names the address as a node's."""
        node = self.nodes.get(address)
        return node is not None and node.evidence is NodeEvidence.TOLD

    def is_let_through(self, address: int) -> bool:
        """Whether an outer source is none of the nodes but named in externalNodesList: every node accepts it."""
        return any(IPv4Address(address) in network for network in self.external_nodes)

    def node_text(self, address: int) -> str:
        """Name and address of a node, or the bare address."""
        node = self.nodes.get(address)
        return node.text if node else format_address(address)

    def name_of(self, address: int) -> str | None:
        """Name of the node, pod or service that has an address; None where no file or flag names one."""
        if address in self.pod_names:
            return self.pod_names[address]
        node = self.nodes.get(address) or self.nodes.get(self.tunnel_addresses.get(address, -1))
        if node is not None and node.name:
            return f"tunl0 of {node.name}" if address in self.tunnel_addresses else node.name
        service = self.services.get(address)
        return f"service {service.name}" if service and service.name else None

    def service_source(self, address: int) -> str | None:
        """Where it is said that an address is a service's; None where nobody says so."""
        if address in self.services:
            return self.services[address].source
        host = IPv4Address(address)
        return next((source for network, source in self.service_networks if host in network), None)

    def is_service_port(self, address: int, protocol: int, port: int) -> bool:
        """Whether a service is to be translated there: one with that port, or an address of the services' network."""
        service = self.services.get(address)
        if service is not None:
            return (protocol, port) in service.ports
        return self.service_source(address) is not None

    def pool_of(self, address: int) -> Pool | None:
        """The most specific pool that holds the address."""
        return next((pools[0] for pools in _pools(self).holding(address)), None)

    def mode_of(self, address: int) -> tuple[Mode, str] | None:
        """Mode of the pool of a destination and where that was said; None where nobody told."""
        pool = self.pool_of(address)
        if pool is not None and pool.mode is not None:
            return pool.mode, pool.source
        if self.default_mode is not None and self.is_pod(address):
            return self.default_mode, "user"
        return None

    def pod_reason(self, address: int) -> str | None:
        """Why the address is a pod's: seen so, in an announced block, or in a pool that was told; None if it is not."""
        if address in self.pods:
            return self.pods[address]
        if address in self.nodes or address in self.tunnel_addresses or address in self.services:
            return None
        if address in self.placed:
            return f"{self.placed[address].source.removeprefix('config: ')}"
        route = self.announced_route(address)
        if route is not None:
            return f"in block {route.network}, {route.source}"
        pool = self.pool_of(address)
        return f"in pool {pool.network} ({pool.source})" if pool else None

    def tunnel_mtu_of(self, pod: int) -> tuple[int, str] | None:
        """The MTU of the tunnel that a pod's packets go through, and where that was said: told of all nodes, or
        inferred for this pod or its node; None where it is known of others alone.
        """
        if not self.tunnel_mtus:
            return None if self.tunnel_mtu is None else (self.tunnel_mtu, self.tunnel_mtu_source)
        if pod in self.tunnel_mtus:
            return self.tunnel_mtus[pod]
        home = self.owner_of(pod)
        return self.tunnel_mtus.get(home.node) if home else None

    def is_pod(self, address: int) -> bool:
        """Whether the address is a pod's."""
        return self.pod_reason(address) is not None

    def is_ours(self, address: int) -> bool:
        """Whether the address is the cluster's: of a pod, a service, a node or its tunl0."""
        is_known = address in self.tunnel_addresses or address in self.services
        return is_known or self.is_node(address) or self.is_pod(address)

    def announced_route(self, address: int, at_ns: int | None = None) -> Route | None:
        """The most specific announced prefix that holds the address, of those valid at a time (None: at any time)."""
        for routes in _announced(self).holding(address):
            valid = [route for route in routes if at_ns is None or route.is_valid(at_ns)]
            if valid:
                return max(valid, key=lambda route: route.first_ns)
        return None

    def block_route(self, address: int) -> Route | None:
        """The block affinity that holds an address; None where no file has one."""
        return next((routes[0] for routes in _blocks(self).holding(address)), None)

    def owner_of(self, address: int, at_ns: int | None = None) -> Route | None:
        """The route that says behind which node an address is.

        Its own packets at that time come first, for a pod moves and a file is a snapshot, but for a BGP announcement of
        the address alone since; then what files say of the address, such an announcement (it is borrowed), files and
        BGP on its block.
        """
        own = self.seen_behind.get(address, ())
        if own and at_ns is not None:
            nearest = min(own, key=lambda route: route.time_from(at_ns))
            return self._announced_since(address, nearest, at_ns) or nearest
        if address in self.placed:
            return self.placed[address]
        if own:
            return max(own, key=lambda route: route.last_ns)
        announced = self.announced_route(address, at_ns)
        if announced is not None and announced.network.prefixlen == 32:
            return announced
        return self.block_route(address) or announced

    def _announced_since(self, address: int, known: Route, at_ns: int) -> Route | None:
        """The announcement of an address alone that began after its packets were last seen behind a node, of those
        valid at a time: a pod that keeps its address and moves is announced so by its new node.
        """
        announced = self.announced_route(address, at_ns)
        is_newer = announced is not None and announced.network.prefixlen == 32 and announced.first_ns > known.last_ns
        return announced if is_newer else None

    def later_home(self, address: int, node: int, after_ns: int) -> Route | None:
        """Where an address is first known to be from a time on, if that is another node: a pod that has moved there."""
        announced = next(_announced(self).holding(address), [])
        alone = (route for route in announced if route.network.prefixlen == 32)
        known = (*self.seen_behind.get(address, ()), *alone)
        later = [route for route in known if route.node != node and route.first_ns > after_ns]
        return min(later, key=lambda route: route.first_ns, default=None)


@lru_cache(maxsize=4)
def _pools(cluster: Cluster) -> Prefixes[Pool]:
    return Prefixes((pool.network, pool) for pool in cluster.pools)


@lru_cache(maxsize=4)
def _announced(cluster: Cluster) -> Prefixes[Route]:
    return Prefixes((route.network, route) for route in cluster.announced)


@lru_cache(maxsize=4)
def _blocks(cluster: Cluster) -> Prefixes[Route]:
    return Prefixes((route.network, route) for route in cluster.blocks)
