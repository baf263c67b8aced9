"""What is known of the cluster: nodes, pools, blocks, pods, each value with where it comes from.

A value is *told* (flag or file), *inferred* from packets, or a *default* of Calico. Defaults are shown, never relied
on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from ipaddress import IPv4Address, IPv4Network

from ipipdiag.addresses import format_address


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
    """An IP pool; the mode is None where nobody told."""

    network: IPv4Network
    mode: Mode | None
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


@dataclass(frozen=True, slots=True)
class Cluster:
    """All that is known. Look-ups return None where nothing is known; addresses are integers."""

    nodes: dict[int, Node] = field(default_factory=dict)
    pools: tuple[Pool, ...] = ()
    announced: tuple[Route, ...] = ()  # by BGP
    seen_behind: dict[int, tuple[Route, ...]] = field(default_factory=dict)  # by address, from first hops
    pods: dict[int, str] = field(default_factory=dict)  # address: why it is a pod's
    tunnel_addresses: dict[int, int] = field(default_factory=dict)  # tunl0 address: node
    wrapped: dict[tuple[int, int], frozenset[int]] = field(default_factory=dict)  # outer pair: inner destinations
    tunnel_mtu: int | None = None
    tunnel_mtu_source: str = ""
    default_mode: Mode | None = None  # of pools without one of their own, where told

    @property
    def told_nodes(self) -> int:
        """How many nodes a flag or file names."""
        return sum(node.evidence is NodeEvidence.TOLD for node in self.nodes.values())

    def is_node(self, address: int) -> bool:
        """Whether the address is a node's, on evidence that suffices for a finding."""
        node = self.nodes.get(address)
        return node is not None and node.evidence > NodeEvidence.OUTER_ONE_WAY

    def node_text(self, address: int) -> str:
        """Name and address of a node, or the bare address."""
        node = self.nodes.get(address)
        return node.text if node else format_address(address)

    def pool_of(self, address: int) -> Pool | None:
        """The most specific pool that holds the address."""
        host = IPv4Address(address)
        holding = [pool for pool in self.pools if host in pool.network]
        return max(holding, key=lambda pool: pool.network.prefixlen, default=None)

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
        if address in self.nodes or address in self.tunnel_addresses:
            return None
        route = self.announced_route(address)
        if route is not None:
            return f"in block {route.network}, {route.source}"
        pool = self.pool_of(address)
        return f"in pool {pool.network} ({pool.source})" if pool else None

    def is_pod(self, address: int) -> bool:
        """Whether the address is a pod's."""
        return self.pod_reason(address) is not None

    def announced_route(self, address: int, at_ns: int | None = None) -> Route | None:
        """The most specific announced prefix that holds the address, of those valid at a time (None: at any time)."""
        host = IPv4Address(address)
        holding = [
            route
            for route in self.announced
            if host in route.network
            and (
                at_ns is None
                or (route.first_ns <= at_ns and (route.withdrawn_ns is None or at_ns < route.withdrawn_ns))
            )
        ]
        return max(holding, key=lambda route: (route.network.prefixlen, route.first_ns), default=None)

    def owner_of(self, address: int, at_ns: int | None = None) -> Route | None:
        """The route that says behind which node an address is: its own packets first, then announcements."""
        own = self.seen_behind.get(address, ())
        if own and at_ns is None:
            return max(own, key=lambda route: route.last_ns)
        if own:
            return min(own, key=lambda route: route.time_from(at_ns or 0))
        return self.announced_route(address, at_ns)
