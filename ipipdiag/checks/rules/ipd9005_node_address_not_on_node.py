"""NodeAddressNotOnNode: the Calico address of a node is on none of its devices.

Expected
    The address by which other nodes reach a node for BGP and the tunnel is one of its own.

How it is observed
    In cluster files: the address of the Node object against ``ip addr`` of that node.

What can mislead
    A text with the addresses of a single device; a text that holds no other address than those of
    tunl0 and lo is not judged.

What to do
    IP_AUTODETECTION_METHOD of calico-node: it may have found an address that has gone, or a virtual
    address of another node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.configured import (
    about_node,
    from_files,
    nothing_told,
    states,
)
from ipipdiag.checks.model import Check, Component, Outcome, Severity
from ipipdiag.checks.sightings import in_words
from ipipdiag.protocols import TUNNEL_DEVICE

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster


NO_NIC = (TUNNEL_DEVICE, "lo")


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A finding for each node that lacks its own address."""
    examined, findings = 0, []
    for node, state in states(configuration, cluster):
        if not any(entry.device not in NO_NIC for entry in state.addresses):
            continue
        examined += 1
        if state.has_address(node):
            continue
        here = cluster.node_text(node)
        held = sorted({format_address(entry.address) for entry in state.addresses if entry.device not in NO_NIC})
        findings.append(
            from_files(
                about_node(node, f"address of {here}"),
                severity=Severity.ERROR,
                title=f"node {here} does not have the address that Calico knows it by",
                expected=f"{format_address(node)} on a device of the node: {cluster.nodes[node].source}",
                observed=f"its devices have {in_words(held)} ({state.addresses[0].source} and below)",
                component=Component.CONFIGURATION,
                confirm=(f"ip -br addr  # on {here}", "calicoctl get node -o wide"),
                fix=("set IP_AUTODETECTION_METHOD so that it finds the right NIC, and restart calico-node",),
            )
        )
    missing = None if examined else nothing_told("no addresses of a node are told")
    return Outcome(examined, tuple(findings), missing)


CHECK = Check(
    code="IPD9005",
    name="NodeAddressNotOnNode",
    severity=Severity.ERROR,
    summary="the Calico address of a node is on none of its devices",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
