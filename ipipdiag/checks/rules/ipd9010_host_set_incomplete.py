"""HostSetIncomplete: the set of hosts from which a node accepts tunnel packets lacks another node.

Expected
    Felix keeps the Calico address of every node in the set cali40all-hosts-net; tunnel packets of
    others are dropped in silence.

How it is observed
    In cluster files: ``ipset list`` of a node against the Node objects.

What can mislead
    A node that was added a moment ago. A set that holds none of the nodes is of another cluster, or
    was cut; it is not judged.

What to do
    Restart calico-node (and Typha) where the set is old; the log of Felix.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from ipipdiag.checks.configured import about_node, from_files, nothing_told, states
from ipipdiag.checks.model import Check, Component, Outcome, Severity
from ipipdiag.checks.sightings import in_words

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster


HOST_SET = "all-hosts"  # cali40all-hosts-net; the prefix differs with the address family and dataplane


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A finding for each node whose set lacks others."""
    nodes = [node.address for node in cluster.nodes.values() if cluster.is_told_node(node.address)]
    examined, findings = 0, []
    for node, state in states(configuration, cluster):
        for hosts in state.ip_sets:
            if HOST_SET not in hosts.name:
                continue
            held = [one for one in nodes if any(IPv4Address(one) in member for member in hosts.members)]
            if not held:
                continue
            examined += 1
            absent = [one for one in nodes if one not in held]
            if absent:
                here, names = cluster.node_text(node), [cluster.node_text(one) for one in absent]
                findings.append(
                    from_files(
                        about_node(node, f"{hosts.name} of {here}", *absent),
                        severity=Severity.ERROR,
                        title=f"node {here} does not accept tunnel packets of {in_words(names)}",
                        expected=f"the address of every node in {hosts.name}",
                        observed=f"{len(held)} of {len(nodes)} nodes are in the set ({hosts.source})",
                        component=Component.FELIX,
                        confirm=(f"ipset list {hosts.name}  # on {here}",),
                        fix=(f"restart calico-node on {here}, and Typha if it does not help",),
                    )
                )
    missing = None if examined else nothing_told("no ipset of a node is told")
    return Outcome(examined, tuple(findings), missing)


CHECK = Check(
    code="IPD9010",
    name="HostSetIncomplete",
    severity=Severity.ERROR,
    summary="the set of hosts from which a node accepts tunnel packets lacks a node",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
