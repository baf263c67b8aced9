"""Calico's rule for what is wrapped and where it goes, written once.

The form of a packet is chosen on the sending node by the pool of its *destination*: ipipMode Always wraps whatever
goes to another node, CrossSubnet only what goes to a node outside the sender's own subnet, Never nothing. Packets to a
pod of the same node are never wrapped. (Calico: BIRD's kernel filter made by confd, or Felix's route manager.)
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from ipipdiag.addresses import format_address
from ipipdiag.cluster.model import Cluster, Mode


@dataclass(frozen=True, slots=True)
class Expectation:
    """What Calico should do with packets between two nodes: wrapped or bare, None where that is not known, and why.

    ``told`` says whether that rests on a flag or file rather than on other packets of the capture.
    """

    wrapped: bool | None
    why: str
    told: bool = False


def expected_form(cluster: Cluster, source_node: int, destination_node: int, destination: int) -> Expectation:
    """How a packet to ``destination``, a pod of ``destination_node``, should travel from ``source_node``."""
    if source_node == destination_node:
        return Expectation(False, "both pods are on the same node", told=True)
    mode = cluster.mode_of(destination)
    if mode is not None:
        return _by_mode(cluster, mode[0], mode[1], source_node, destination_node, destination)
    return _by_precedent(cluster, source_node, destination_node, destination)


def _by_mode(
    cluster: Cluster, mode: Mode, said_by: str, source_node: int, destination_node: int, destination: int
) -> Expectation:
    pool = cluster.pool_of(destination)
    subject = f"pool {pool.network}" if pool else "every pool"
    if mode is Mode.ALWAYS:
        return Expectation(True, f"{subject} has ipipMode Always ({said_by})", told=True)
    if mode is Mode.NEVER:
        return Expectation(False, f"{subject} has ipipMode Never ({said_by})", told=True)
    subnet = subnet_of(cluster, source_node)
    if subnet is None:
        return Expectation(
            None, f"{subject} has ipipMode CrossSubnet ({said_by}), but the nodes' subnets are not known"
        )
    where = "the same subnet" if IPv4Address(destination_node) in subnet else "different subnets"
    why = f"{subject} has ipipMode CrossSubnet ({said_by}) and the nodes are in {where} ({subnet} is the sender's)"
    return Expectation(IPv4Address(destination_node) not in subnet, why, told=True)


def _by_precedent(cluster: Cluster, source_node: int, destination_node: int, destination: int) -> Expectation:
    """The same two nodes wrapping other packets to the same pod, or to the same announced block."""
    block = cluster.announced_route(destination)
    wrapped = cluster.wrapped.get((source_node, destination_node), frozenset())
    if destination in wrapped:
        why = f"the same two nodes wrap other packets to {format_address(destination)} in this run"
        return Expectation(True, why)
    if block is not None and any(IPv4Address(inner) in block.network for inner in wrapped):
        return Expectation(True, f"the same two nodes wrap other packets to block {block.network} in this run")
    return Expectation(None, "the pool's ipipMode is not known")


def subnet_of(cluster: Cluster, node: int) -> IPv4Network | None:
    """The subnet of a node's own address, as its prefix length says; None where that is not known."""
    known = cluster.nodes.get(node)
    if known is None or known.prefix_length is None:
        return None
    return IPv4Network((known.address, known.prefix_length), strict=False)
