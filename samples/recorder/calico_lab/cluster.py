"""What a cluster is made of, as data: subnets, nodes, pods, services, the pool and its settings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

NIC = "ens192"
ROUTER = "gw"  # namespaces that are neither node nor pod
FABRIC = "fabric"
OUTSIDE = "outside"


@dataclass(frozen=True)
class Subnet:
    """A segment of the node network: one bridge of the fabric and one leg of the router."""

    name: str
    network: IPv4Network
    router_mac: str

    @property
    def gateway(self) -> IPv4Address:
        """The router's address on this segment, the first of it."""
        return self.network[1]


@dataclass(frozen=True)
class Node:
    """A node: its address and MAC on the node network, its address blocks and the address of its tunl0."""

    name: str
    subnet: Subnet
    address: IPv4Address
    mac: str
    blocks: tuple[IPv4Network, ...]
    tunnel_address: IPv4Address

    @property
    def port(self) -> str:
        """The port of the fabric that the node's NIC is plugged into."""
        return f"p-{self.name}"


@dataclass(frozen=True)
class Pod:
    """A pod, on the node it runs on; ``name`` is ``namespace.name``, as Calico hashes it."""

    name: str
    node: str
    address: IPv4Address

    @property
    def label(self) -> str:
        """The name without its Kubernetes namespace."""
        return self.name.partition(".")[2]

    @property
    def netns(self) -> str:
        """Its network namespace."""
        return f"pod-{self.label}"

    @property
    def interface(self) -> str:
        """The host side of its veth pair: ``cali`` and eleven digits of the SHA-1 of its name (Calico's rule)."""
        return f"cali{hashlib.sha1(self.name.encode()).hexdigest()[:11]}"


@dataclass(frozen=True)
class Service:
    """A service: kube-proxy on every node translates its address to one of the endpoints."""

    name: str
    address: IPv4Address
    port: int
    protocol: str
    endpoints: tuple[tuple[IPv4Address, int], ...]


@dataclass(frozen=True)
class Cluster:
    """A whole cluster and its settings. Scenarios take ``STANDARD`` and replace what differs."""

    nodes: tuple[Node, ...]
    pods: tuple[Pod, ...]
    services: tuple[Service, ...]
    pool: IPv4Network
    block_size: int
    mode: str = "Always"
    nat_outgoing: bool = True
    nic_mtu: int = 1500
    tunnel_mtu: int = 1480
    pod_mtu: int = 1480
    offload: bool = True  # of the nodes' NICs; fabric and router have none, as wires have none
    keepalive_time: int = 5  # seconds, of BGP
    hold_time: int = 15

    def node(self, name: str) -> Node:
        """The node of a name."""
        return next(node for node in self.nodes if node.name == name)

    def pod(self, name: str) -> Pod:
        """The pod of a name."""
        return next(pod for pod in self.pods if pod.name == name)

    def service(self, name: str) -> Service:
        """The service of a name."""
        return next(service for service in self.services if service.name == name)

    def pods_of(self, node: Node) -> tuple[Pod, ...]:
        """The pods that run on a node."""
        return tuple(pod for pod in self.pods if pod.node == node.name)

    def is_wrapped(self, source: Node, destination: Node) -> bool:
        """Whether packets between the pods of two nodes are encapsulated in this cluster's mode."""
        return self.mode == "Always" or (self.mode == "CrossSubnet" and source.subnet != destination.subnet)

    def with_node(self, node: Node) -> Cluster:
        """The same cluster with another description of one of its nodes."""
        return replace(self, nodes=tuple(node if old.name == node.name else old for old in self.nodes))

    def with_pod(self, pod: Pod) -> Cluster:
        """The same cluster with another description of one of its pods, or one more pod."""
        return replace(self, pods=(*(old for old in self.pods if old.name != pod.name), pod))


def _node(name: str, subnet: Subnet, host: int, mac: str, blocks: tuple[str, ...], tunnel: str) -> Node:
    return Node(name, subnet, subnet.network[host], mac, tuple(map(IPv4Network, blocks)), IPv4Address(tunnel))


LOWER = Subnet("lan77", IPv4Network("192.168.77.0/24"), "fa:16:3e:4d:00:01")
UPPER = Subnet("lan78", IPv4Network("192.168.78.0/24"), "fa:16:3e:4e:00:01")
SUBNETS = (LOWER, UPPER)

OUTSIDE_NETWORK = IPv4Network("198.51.100.0/24")
OUTSIDE_WEB = OUTSIDE_NETWORK[80]
OUTSIDE_DNS = OUTSIDE_NETWORK[53]

_COREDNS = (IPv4Address("172.29.12.60"), IPv4Address("172.29.3.171"))

STANDARD = Cluster(
    nodes=(
        _node("alder", LOWER, 11, "fa:16:3e:4d:71:0b", ("172.29.12.48/28",), "172.29.12.51"),
        _node("birch", LOWER, 12, "fa:16:3e:4d:a8:0c", ("172.29.3.160/28",), "172.29.3.160"),
        _node("cedar", UPPER, 21, "fa:16:3e:4e:19:15", ("172.29.40.16/28", "172.29.40.96/28"), "172.29.40.16"),
        _node("dogwood", UPPER, 22, "fa:16:3e:4e:c3:16", ("172.29.57.224/28",), "172.29.57.230"),
    ),
    pods=(
        Pod("shop.cart", "alder", IPv4Address("172.29.12.54")),
        Pod("shop.front", "alder", IPv4Address("172.29.12.57")),
        Pod("kube-system.coredns-x7k2p", "alder", _COREDNS[0]),
        Pod("shop.orders", "birch", IPv4Address("172.29.3.165")),
        Pod("shop.catalog", "birch", IPv4Address("172.29.3.170")),
        Pod("kube-system.coredns-p9d4m", "birch", _COREDNS[1]),
        Pod("shop.payments", "cedar", IPv4Address("172.29.40.21")),
        Pod("db.ledger", "cedar", IPv4Address("172.29.40.99")),
        Pod("db.store", "dogwood", IPv4Address("172.29.57.233")),
        Pod("batch.report", "dogwood", IPv4Address("172.29.57.236")),
        Pod("monitoring.sink", "dogwood", IPv4Address("172.29.57.238")),
    ),
    services=(
        Service("default.kubernetes", IPv4Address("10.101.0.1"), 443, "tcp", ((UPPER.network[21], 6443),)),
        Service("kube-system.kube-dns", IPv4Address("10.101.0.10"), 53, "udp", tuple((ip, 53) for ip in _COREDNS)),
        Service("shop.orders", IPv4Address("10.101.44.7"), 80, "tcp", ((IPv4Address("172.29.3.165"), 8080),)),
        Service("shop.catalog", IPv4Address("10.101.61.20"), 80, "tcp", ((IPv4Address("172.29.3.170"), 8080),)),
    ),
    pool=IPv4Network("172.29.0.0/18"),
    block_size=28,
)
