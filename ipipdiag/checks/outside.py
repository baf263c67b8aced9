"""Which addresses lie outside the pools: shared by the checks of what pods send there, and of what may be a pod's."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster

NOT_PUBLIC = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
NEVER_FORWARDED = tuple(IPv4Network(text) for text in ("127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"))


def is_strange(address: int, cluster: Cluster) -> bool:
    """Whether a router may have to forward to an address, and nobody that the cluster knows has it."""
    return (
        not cluster.is_pod(address)
        and address not in cluster.nodes
        and address not in cluster.tunnel_addresses
        and cluster.service_source(address) is None
        and not _lies_in(address, NEVER_FORWARDED)
    )


def is_outside(address: int, cluster: Cluster) -> bool:
    """Whether a strange address is known to be outside the pools; where none is told, only public ones are."""
    return bool(cluster.pools) or not _lies_in(address, NOT_PUBLIC)


def _lies_in(address: int, networks: tuple[IPv4Network, ...]) -> bool:
    return any(IPv4Address(address) in network for network in networks)
