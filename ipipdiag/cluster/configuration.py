"""What cluster files say, object by object, before anything is concluded from it.

Every object carries its source: the file, the kind and the name of the object. Nothing here is inferred.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Mode
    from ipipdiag.cluster.node_state import NodeState


@dataclass(frozen=True, slots=True)
class PoolObject:
    """IPPool. A mode that the object does not set is Never (Calico's API reference)."""

    source: str
    name: str
    network: IPv4Network
    block_size: int | None
    ipip_mode: Mode
    vxlan_mode: Mode
    nat_outgoing: bool
    disabled: bool
    node_selector: str


@dataclass(frozen=True, slots=True)
class NodeObject:
    """Node, Kubernetes' with Calico's annotations or Calico's own; ``address`` is the one BGP and the tunnel use."""

    source: str
    name: str
    address: int | None
    prefix_length: int | None
    tunnel_address: int | None
    internal_addresses: tuple[int, ...] = ()
    as_number: int | None = None
    route_reflector_cluster: str | None = None
    labels: tuple[tuple[str, str], ...] | None = None  # None where the object has none: every node of a cluster has


@dataclass(frozen=True, slots=True)
class BlockObject:
    """BlockAffinity, or the affinity of an IPAMBlock: the block and the node that has it."""

    source: str
    network: IPv4Network
    node: str


@dataclass(frozen=True, slots=True)
class Allocation:
    """One address that an IPAMBlock gave away: to which node, and to which pod or as which tunnel address."""

    source: str
    address: int
    block: IPv4Network
    node: str | None
    pod: str | None  # namespace/name
    is_tunnel: bool


@dataclass(frozen=True, slots=True)
class PodObject:
    """Pod or WorkloadEndpoint with an address of its own; those on the host's network are left out."""

    source: str
    name: str  # namespace/name
    node: str | None
    addresses: tuple[int, ...]
    interface: str | None = None  # host side of its veth, from a WorkloadEndpoint


@dataclass(frozen=True, slots=True)
class ServiceObject:
    """Service with cluster addresses; ``ports`` are (protocol number, port)."""

    source: str
    name: str  # namespace/name
    addresses: tuple[int, ...]
    ports: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class EndpointsObject:
    """EndpointSlice: the addresses behind a service."""

    source: str
    service: str  # namespace/name
    addresses: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ServiceRange:
    """The network that cluster addresses of services are taken from: ServiceCIDR, or a flag of the API server."""

    source: str
    network: IPv4Network


@dataclass(frozen=True, slots=True)
class KubeProxySettings:
    """The mode of kube-proxy, from its ConfigMap or its flags: iptables, ipvs, nftables."""

    source: str
    mode: str


@dataclass(frozen=True, slots=True)
class BgpSettings:
    """BGPConfiguration."""

    source: str
    name: str
    as_number: int | None
    has_mesh: bool
    service_networks: tuple[IPv4Network, ...] = ()  # of cluster addresses


@dataclass(frozen=True, slots=True)
class BgpPeerObject:
    """BGPPeer: the nodes it is of (one by name, those selected, else all), and the peer, an address or those selected.

    ``peer`` is also None where the address is an IPv6 one.
    """

    source: str
    name: str
    peer: int | None
    as_number: int | None
    node: str | None
    node_selector: str | None = None
    peer_selector: str | None = None


@dataclass(frozen=True, slots=True)
class FelixSettings:
    """FelixConfiguration; ``name`` is "default" or "node.NAME"."""

    source: str
    name: str
    tunnel_mtu: int | None
    program_cluster_routes: str | None
    external_nodes: tuple[IPv4Network, ...]


ClusterObject = (
    PoolObject
    | NodeObject
    | BlockObject
    | Allocation
    | PodObject
    | ServiceObject
    | EndpointsObject
    | ServiceRange
    | KubeProxySettings
    | BgpSettings
    | BgpPeerObject
    | FelixSettings
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """All objects of all cluster files, in the order they were read; the same object read twice is there once."""

    pools: tuple[PoolObject, ...] = ()
    nodes: tuple[NodeObject, ...] = ()
    blocks: tuple[BlockObject, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    pods: tuple[PodObject, ...] = ()
    services: tuple[ServiceObject, ...] = ()
    endpoints: tuple[EndpointsObject, ...] = ()
    service_ranges: tuple[ServiceRange, ...] = ()
    kube_proxies: tuple[KubeProxySettings, ...] = ()
    bgp: tuple[BgpSettings, ...] = ()
    peers: tuple[BgpPeerObject, ...] = ()
    felix: tuple[FelixSettings, ...] = ()
    node_states: tuple[NodeState, ...] = ()

    def state_of(self, name: str | None) -> NodeState | None:
        """What texts of a node say, by its name."""
        return next((state for state in self.node_states if state.name and state.name == name), None)

    def labels_of(self, name: str) -> dict[str, str] | None:
        """The labels of a node, from all objects of that name; None where none of them tells."""
        told = [node.labels for node in self.nodes if node.name == name and node.labels is not None]
        return {key: value for labels in told for key, value in labels} if told else None

    def node_named(self, name: str | None) -> NodeObject | None:
        """The node of that name, one with a Calico address before one without."""
        named = [node for node in self.nodes if node.name == name]
        return next((node for node in named if node.address is not None), named[0] if named else None)
