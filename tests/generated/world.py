"""Clusters drawn at random: nodes in one subnet or two, each with a block of its own, their pods, the pool's mode."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

from hypothesis import strategies as st

from ipipdiag.cluster.model import Mode, ModeOption, NodeOption
from tests.builders.packets import ip_number

SUBNETS = (IPv4Network("192.0.2.0/24"), IPv4Network("198.51.100.0/24"))
ROUTER_MACS = ("02:50:00:00:01:01", "02:50:00:00:01:02")  # of the router between them, by subnet
ROUTER_HOST = 254


@dataclass(frozen=True)
class Node:
    """A node, its block, the address of its tunl0, and the pods it has."""

    name: str
    subnet: int  # 0 or 1
    address: str
    mac: str
    block: IPv4Network
    tunnel: str
    pods: tuple[str, ...]


@dataclass(frozen=True)
class Cluster:
    """Nodes, of which the first is the one that is captured, and the mode of the one pool."""

    nodes: tuple[Node, ...]
    pool: IPv4Network
    mode: Mode

    @property
    def own(self) -> Node:
        """The node that is captured."""
        return self.nodes[0]

    def wraps(self, ends: tuple[Node, Node]) -> bool:
        """Whether what pods of two nodes send each other is wrapped."""
        return self.mode is Mode.ALWAYS or (self.mode is Mode.CROSS_SUBNET and is_routed(ends))


@dataclass(frozen=True)
class Told:
    """What flags say of a cluster."""

    modes: tuple[ModeOption, ...] = ()
    pod_cidrs: tuple[IPv4Network, ...] = ()
    nodes: tuple[NodeOption, ...] = ()


def is_routed(ends: tuple[Node, Node]) -> bool:
    """Whether the router lies between two nodes."""
    return ends[0].subnet != ends[1].subnet


def router_of(node: Node) -> str:
    """The address of the router in a node's subnet."""
    return str(SUBNETS[node.subnet][ROUTER_HOST])


def macs_at(view: Node, ends: tuple[Node, Node]) -> tuple[str, str]:
    """Source and destination MAC, at the NIC of a node, of what one node sends another."""
    sender, receiver = ends
    if not is_routed(ends):
        return sender.mac, receiver.mac
    router = ROUTER_MACS[view.subnet]
    return (sender.mac, router) if view == sender else (router, receiver.mac)


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    """Two to four nodes; those after the first in its subnet or in the other one."""
    number = st.integers
    base, prefix = draw(number(1, 200)), draw(st.sampled_from([26, 27, 28]))
    pool = IPv4Network((f"172.{16 + base % 16}.0.0", 16))
    nodes = []
    for position in range(draw(number(2, 4))):
        subnet = draw(number(0, 1)) if position else 0
        block = IPv4Network((int(pool[0]) + (position * 7 + base % 40) * 256, prefix))
        hosts = draw(st.lists(number(2, block.num_addresses - 2), min_size=1, max_size=3, unique=True))
        nodes.append(
            Node(
                name=f"worker-{position}",
                subnet=subnet,
                address=str(SUBNETS[subnet][base + position]),
                mac=f"02:50:00:00:00:{position + 1:02x}",
                block=block,
                tunnel=str(block[0]),
                pods=tuple(str(block[host]) for host in hosts),
            )
        )
    return Cluster(tuple(nodes), pool, draw(st.sampled_from(Mode)))


@st.composite
def tellings(draw: st.DrawFn, cluster: Cluster) -> Told:
    """What flags say of a cluster: nothing, the mode alone, or the mode of the pool with its CIDR and all nodes."""
    told = draw(st.sampled_from(["nothing", "mode", "all"]))
    if told == "nothing":
        return Told()
    if told == "mode":
        return Told((ModeOption(None, cluster.mode),))
    nodes = tuple(
        NodeOption(node.name, ip_number(node.address), SUBNETS[node.subnet].prefixlen) for node in cluster.nodes
    )
    return Told((ModeOption(cluster.pool, cluster.mode),), (cluster.pool,), nodes)
