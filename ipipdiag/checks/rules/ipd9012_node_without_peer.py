"""NodeWithoutPeer: the mesh is off, and no BGPPeer gives a node a peer.

Expected
    Where BGPConfiguration sets nodeToNodeMeshEnabled to false, BGPPeer resources give every node
    its peers: routers, or route reflectors.

How it is observed
    In cluster files: BGPConfiguration, BGPPeer and Node objects. Selectors are evaluated with the
    nodes' labels; a node whose labels, or a selector whose form, is not understood is not judged.

What can mislead
    BGPPeer resources that were not collected. Nodes that have routes of BIRD to other nodes' blocks
    have peers, whatever the files lack, and are not reported. Where Felix programs the routes
    (programClusterRoutes), no peer is needed, and nothing is judged.

What to do
    ``calicoctl get bgppeer -o wide`` and ``calicoctl node status`` on the node: give it the label
    that the nodeSelector asks for, or switch the mesh on until it has peers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks.configured import about_node, from_files, nothing_told, uses_tunnel
from ipipdiag.checks.model import Check, Component, Finding, Outcome, Severity
from ipipdiag.checks.sightings import several
from ipipdiag.cluster.peerings import Peerings, expected_peerings

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster

BIRD = "bird"  # the protocol of routes that BIRD programs


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A finding for each node that should have a peer and has none."""
    peerings = expected_peerings(configuration)
    if peerings is None:
        return Outcome(missing=nothing_told("no BGPConfiguration with nodes is told"))
    if cluster.has_felix_routes or not uses_tunnel(cluster):
        return Outcome()
    judged = [
        node
        for node in dict.fromkeys(entry.name for entry in configuration.nodes if entry.address is not None)
        if node not in peerings.unsure
    ]
    alone = [
        node for node in judged if len(judged) > 1 and not peerings.of(node) and not _has_routes(configuration, node)
    ]
    return Outcome(len(judged), tuple(_finding(node, peerings, configuration, cluster) for node in alone))


def _has_routes(configuration: Configuration, node: str) -> bool:
    """Whether a node's own routes show that it has learned some by BGP."""
    state = configuration.state_of(node)
    return state is not None and any(route.protocol == BIRD and route.gateway is not None for route in state.routes)


def _finding(node: str, peerings: Peerings, configuration: Configuration, cluster: Cluster) -> Finding:
    known = configuration.node_named(node)
    address = known.address if known and known.address is not None else 0
    here = cluster.node_text(address)
    told = several(len(configuration.peers), "BGPPeer resource")
    alternatives = ["the files were made at another time than the captures"]
    if not configuration.peers:
        alternatives.append("the BGPPeer resources are not among the files")
    return from_files(
        about_node(address, f"BGP peers of {here}"),
        severity=Severity.ERROR if configuration.peers else Severity.WARNING,
        title=f"node {here} has no BGP peer: the mesh is off, and no BGPPeer is of this node",
        expected="a BGPPeer that gives every node a peer where nodeToNodeMeshEnabled is false",
        observed=f"nodeToNodeMeshEnabled is false ({peerings.mesh_source}); {told}, none of which selects {node}",
        component=Component.CONFIGURATION,
        confirm=("calicoctl get bgppeer -o yaml", f"calicoctl node status  # on {here}"),
        fix=(f"give {node} the label that a BGPPeer's nodeSelector asks for, or add a BGPPeer for it",),
        alternatives=tuple(alternatives),
    )


CHECK = Check(
    code="IPD9012",
    name="NodeWithoutPeer",
    severity=Severity.ERROR,
    summary="the node-to-node mesh is off, and no BGPPeer gives a node a peer",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
