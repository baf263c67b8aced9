"""What texts collected on one node say: routes, addresses, devices, counters; each entry with its line.

Addresses are integers, MACs integers, MTUs bytes. ``source`` is the file and line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network


@dataclass(frozen=True, slots=True)
class KernelRoute:
    """One line of ``ip route``; ``kind`` is unicast, blackhole, unreachable, prohibit, throw, local or broadcast."""

    source: str
    kind: str
    network: IPv4Network
    gateway: int | None
    device: str | None
    protocol: str | None
    table: str  # "main" where the line names none
    is_onlink: bool


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """One address of a device."""

    source: str
    device: str
    address: int
    prefix_length: int


@dataclass(frozen=True, slots=True)
class Link:
    """One device; what its text does not say is None. Counters are packets."""

    source: str
    device: str
    mtu: int | None = None
    is_up: bool | None = None
    mac: int | None = None
    ttl: str | None = None  # of a tunnel: "inherit" or a number
    has_pmtu_discovery: bool | None = None
    errors: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One line of ``ip neigh`` or ``arp -a``; no MAC where it is not resolved."""

    source: str
    address: int
    device: str | None
    mac: int | None
    state: str | None


@dataclass(frozen=True, slots=True)
class IpSet:
    """One set of ``ipset list`` or ``ipset save``."""

    source: str
    name: str
    members: tuple[IPv4Network, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of ``iptables-save -c`` or ``nft list ruleset`` with its packet counter."""

    source: str
    chain: str
    text: str
    packets: int


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter of nstat, or of conntrack -S summed over the processors."""

    source: str
    name: str
    value: int


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """One line of ``calicoctl node status``."""

    source: str
    peer: int
    kind: str
    state: str
    info: str


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable of calico-node."""

    source: str
    name: str
    value: str


NodeFact = KernelRoute | InterfaceAddress | Link | Neighbour | IpSet | Rule | Counter | PeerStatus | Variable


@dataclass(frozen=True, slots=True)
class NodeState:
    """All that texts say of one node; ``name`` is its name, "" where nothing names it."""

    name: str
    routes: tuple[KernelRoute, ...] = ()
    addresses: tuple[InterfaceAddress, ...] = ()
    links: tuple[Link, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    ip_sets: tuple[IpSet, ...] = ()
    rules: tuple[Rule, ...] = ()
    counters: tuple[Counter, ...] = ()
    peers: tuple[PeerStatus, ...] = ()
    variables: tuple[Variable, ...] = field(default=())

    def link(self, device: str) -> Link | None:
        """A device by its name; what several texts say of it is put together, the source is that of the MTU."""
        found = [entry for entry in self.links if entry.device == device]
        if not found:
            return None
        return Link(
            source=next((entry.source for entry in found if entry.mtu is not None), found[0].source),
            device=device,
            mtu=next((entry.mtu for entry in found if entry.mtu is not None), None),
            is_up=next((entry.is_up for entry in found if entry.is_up is not None), None),
            mac=next((entry.mac for entry in found if entry.mac is not None), None),
            ttl=next((entry.ttl for entry in found if entry.ttl is not None), None),
            has_pmtu_discovery=next(
                (entry.has_pmtu_discovery for entry in found if entry.has_pmtu_discovery is not None), None
            ),
            errors=max(entry.errors for entry in found),
            dropped=max(entry.dropped for entry in found),
        )

    def route_to(self, network: IPv4Network) -> KernelRoute | None:
        """The most specific route of the main table that holds a whole network."""
        holding = [
            route
            for route in self.routes
            if route.table == "main" and route.kind not in ("local", "broadcast") and network.subnet_of(route.network)
        ]
        return max(holding, key=lambda route: route.network.prefixlen, default=None)

    def has_address(self, address: int) -> bool:
        """Whether a device of the node has an address."""
        return any(entry.address == address for entry in self.addresses)
