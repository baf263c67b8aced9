"""Blocks as BGP announces them over time, of those prefixes that hold pods; shared by family 4."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from ipipdiag.protocols import SHORTEST_BLOCK

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    from ipipdiag.cluster.model import Cluster


def holds_pods(network: IPv4Network, cluster: Cluster) -> bool:
    """Whether a prefix is a block of pods rather than of services or of the node network.

    It lies in a pool that was told, or holds an address that is known as a pod's, and none of a service or node.
    """
    if network.prefixlen < SHORTEST_BLOCK:
        return False
    if any(IPv4Address(address) in network for address in (*cluster.services, *cluster.nodes)):
        return False
    if any(network.subnet_of(pool.network) for pool in cluster.pools):
        return True
    known = (*cluster.pods, *cluster.placed, *cluster.tunnel_addresses)
    return any(IPv4Address(address) in network for address in known)
