"""NeighbourUnresolved: a node's neighbour table has no MAC for another node, or for a pod of its own.

Expected
    A node resolves the nodes and routers it sends to, and every pod of its own on that pod's cali
    interface.

How it is observed
    In cluster files: ``ip neigh`` or ``arp -a`` of a node, with an entry FAILED, INCOMPLETE or
    <incomplete> for a Calico address of another node, for a next hop of its routes, or for a pod
    that the files place on this node.

What can mislead
    A pod that is just starting or ending: its entry fails for some seconds. Entries of addresses
    that no file places here are left over from pods that are gone, and are not reported.

What to do
    ``ip neigh show`` again, and ``arping`` from the node: is the peer up and in the same VLAN, does
    the pod still have its address?
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.configured import about_node, from_files, nothing_told, states
from ipipdiag.checks.model import Check, Component, Finding, Outcome, Severity
from ipipdiag.checks.node_evidence import is_unresolved
from ipipdiag.protocols import CALI_PREFIX

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.cluster.node_state import Neighbour, NodeState


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A finding for each node and address that it needs and cannot resolve."""
    examined, findings = 0, []
    for node, state in states(configuration, cluster):
        resolved = {entry.address for entry in state.neighbours if not is_unresolved(entry)}
        for entry in {entry.address: entry for entry in state.neighbours}.values():
            needed = _needed(entry, node, state, cluster)
            examined += needed is not None
            if needed is not None and entry.address not in resolved:
                findings.append(_finding(entry, needed, node, cluster))
    return Outcome(examined, tuple(findings), None if examined else nothing_told("no neighbour entry is told"))


def _needed(entry: Neighbour, node: int, state: NodeState, cluster: Cluster) -> str | None:
    """What a node needs an address for; None where nothing says that it does."""
    if entry.device is not None and entry.device.startswith(CALI_PREFIX):
        placed = cluster.placed.get(entry.address)
        return "pod" if placed is not None and placed.node == node else None
    if cluster.is_told_node(entry.address) and entry.address != node:
        return "node"
    return "next hop" if any(route.gateway == entry.address for route in state.routes) else None


def _finding(entry: Neighbour, needed: str, node: int, cluster: Cluster) -> Finding:
    here, address = cluster.node_text(node), format_address(entry.address)
    there = cluster.node_text(entry.address) if needed == "node" else address
    others = (entry.address,) if needed == "node" else ()
    subject = about_node(node, f"{needed} {address} at {here}", *others, addresses=(entry.address,))
    return from_files(
        subject,
        severity=Severity.WARNING,
        title=f"node {here} has no MAC for {needed} {there}: what it sends there is lost",
        expected=f"an entry with a MAC for {there}",
        observed=f"{entry.state or 'incomplete'} on {entry.device} ({entry.source})",
        component=Component.POD if needed == "pod" else Component.NODE_NETWORK,
        confirm=(f"ip neigh show {address}  # on {here}",),
        fix=(
            "restart the pod if its address is gone"
            if needed == "pod"
            else f"bring {address} back, or correct its VLAN or address",
        ),
        alternatives=("the files were made while it was starting or ending",),
    )


CHECK = Check(
    code="IPD9014",
    name="NeighbourUnresolved",
    severity=Severity.WARNING,
    summary="a node's neighbour table has no MAC for another node, a next hop, or a pod of its own",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
