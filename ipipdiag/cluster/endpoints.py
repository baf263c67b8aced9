"""Who an address belongs to, in the cluster's terms, and the address of who a user names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ipipdiag.addresses import format_address, parse_address
from ipipdiag.cluster.model import Cluster


class EndpointKind(StrEnum):
    """What has an address."""

    POD = "pod"
    NODE = "node"
    TUNNEL = "tunnel address"
    SERVICE = "service"
    UNALLOCATED = "unallocated"  # in a pool, but no block or pod is known to hold it
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a path: its address, what it is, its name, the node it is on (None: none or unknown), and why."""

    address: int
    kind: EndpointKind
    name: str | None
    node: int | None
    why: str

    @property
    def text(self) -> str:
        """``pod default/web (10.0.0.7)``."""
        kind = "address" if self.kind in (EndpointKind.OUTSIDE, EndpointKind.UNALLOCATED) else self.kind.value
        address = format_address(self.address)
        return f"{kind} {self.name} ({address})" if self.name else f"{kind} {address}"


class UnknownNameError(Exception):
    """A name that neither flags nor files give to anything, or that several things bear."""


def find_address(cluster: Cluster, text: str) -> int:
    """The address of a pod, node or service named by the user, or a dotted address itself."""
    try:
        return parse_address(text)
    except ValueError:
        pass
    named: dict[str, int] = {}
    for address, name in cluster.pod_names.items():
        named.setdefault(name, address)
    named |= {node.name: node.address for node in cluster.nodes.values() if node.name}
    for address, service in cluster.services.items():
        named.setdefault(service.name, address)
    if text in named:
        return named[text]
    short = sorted(name for name in named if name.rpartition("/")[2] == text)
    if len(short) == 1:
        return named[short[0]]
    if short:
        raise UnknownNameError(f"{text}: several bear this name: {', '.join(short[:5])}")
    raise UnknownNameError(f"{text}: neither an IPv4 address nor a name that --cluster or --node gives")


def endpoint_of(cluster: Cluster, address: int) -> Endpoint:
    """What an address is, as far as flags, files and packets tell."""
    name = cluster.name_of(address)
    if address in cluster.nodes:
        return Endpoint(address, EndpointKind.NODE, name, address, cluster.nodes[address].source)
    if address in cluster.tunnel_addresses:
        node = cluster.tunnel_addresses[address]
        return Endpoint(address, EndpointKind.TUNNEL, name, node, f"tunl0 address of {cluster.node_text(node)}")
    if address in cluster.services:
        service = cluster.services[address]
        return Endpoint(address, EndpointKind.SERVICE, service.name, None, service.source)
    route = cluster.owner_of(address)
    if route is not None:
        return Endpoint(address, EndpointKind.POD, name, route.node, _ownership(cluster, address))
    pool = cluster.pool_of(address)
    if pool is not None:
        why = f"in pool {pool.text}, but no pod or block that holds it is known"
        return Endpoint(address, EndpointKind.UNALLOCATED, name, None, why)
    return Endpoint(address, EndpointKind.OUTSIDE, name, None, "no pool, node or service holds it")


def _ownership(cluster: Cluster, address: int) -> str:
    """Which block or pod says so, and whether the address is borrowed from the block of another node."""
    route = cluster.owner_of(address)
    block = cluster.block_route(address) or cluster.announced_route(address)
    if route is None:
        return "nothing says where it is"
    if block is None:
        return f"on {cluster.node_text(route.node)}: {route.source}"
    if block.node != route.node:
        return (
            f"borrowed: block {block.network} is on {cluster.node_text(block.node)}, the address on "
            f"{cluster.node_text(route.node)} ({route.source})"
        )
    return f"block {block.network} is on {cluster.node_text(block.node)} ({block.source})"
