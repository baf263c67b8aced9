"""Who should peer with whom by BGP, as BGPConfiguration, BGPPeer and Node objects say (docs.tigera.io, BGP peering).

With the mesh on, all nodes but route reflectors peer with each other. A BGPPeer adds peers to the nodes it is of; where
it selects nodes as peers, these peer back. What a selector that is not understood would add stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipipdiag.cluster.selectors import selects

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import BgpPeerObject, Configuration, NodeObject


@dataclass(frozen=True, slots=True)
class Peering:
    """The peers that a node should have by one object, as addresses; ``source`` is that object's."""

    node: str
    peer: int
    source: str


@dataclass(frozen=True, slots=True)
class Peerings:
    """All that should be, and the nodes of which that is not wholly known."""

    told: tuple[Peering, ...]
    unsure: frozenset[str]
    has_mesh: bool
    mesh_source: str

    def of(self, node: str) -> list[Peering]:
        """What is told of one node."""
        return [peering for peering in self.told if peering.node == node]


def expected_peerings(configuration: Configuration) -> Peerings | None:
    """What the objects say; None where no BGPConfiguration or no node with a Calico address is among the files."""
    settings = next((entry for entry in configuration.bgp if entry.name == "default"), None)
    nodes = {node.name: node for node in configuration.nodes if node.address is not None}
    if settings is None or not nodes:
        return None
    told = list(_mesh(nodes, settings.source)) if settings.has_mesh else []
    unsure: set[str] = set()
    for peer in configuration.peers:
        for name in nodes:
            here = _is_of(peer, name, configuration)
            there = selects(peer.peer_selector, configuration.labels_of(name)) if peer.peer_selector else False
            if here is None or there is None:
                unsure.add(name)
        told += _by_object(peer, nodes, configuration)
    return Peerings(tuple(told), frozenset(unsure), settings.has_mesh, settings.source)


def _mesh(nodes: dict[str, NodeObject], source: str) -> Iterator[Peering]:
    meshed = [node for node in nodes.values() if node.route_reflector_cluster is None]
    for node in meshed:
        for other in meshed:
            if other.address is not None and other.name != node.name:
                yield Peering(node.name, other.address, source)


def _is_of(peer: BgpPeerObject, name: str, configuration: Configuration) -> bool | None:
    """Whether a BGPPeer is of a node; None where its selector is not understood."""
    if peer.node is not None:
        return peer.node == name
    return selects(peer.node_selector or "all()", configuration.labels_of(name))


def _by_object(peer: BgpPeerObject, nodes: dict[str, NodeObject], configuration: Configuration) -> Iterator[Peering]:
    own = [name for name in nodes if _is_of(peer, name, configuration)]
    if peer.peer is not None:
        yield from (Peering(name, peer.peer, peer.source) for name in own)
    if not peer.peer_selector:
        return
    others = [name for name in nodes if selects(peer.peer_selector, configuration.labels_of(name))]
    pairs = {pair for one in own for other in others if one != other for pair in ((one, other), (other, one))}
    for one, other in sorted(pairs):
        address = nodes[other].address
        if address is not None:
            yield Peering(one, address, peer.source)
