"""TunnelMtuUnfit: the MTU of tunl0 does not fit into the node's NIC, or differs between nodes.

Expected
    tunl0 has at most the NIC's MTU less 20 bytes for the outer header, and the same on all nodes.

How it is observed
    In cluster files: ``ip link`` of the nodes.

What can mislead
    Nodes with different NICs rightly differ where Felix finds the MTU by itself; packets between
    them then need path MTU discovery. Without the NIC in the text only the nodes are compared.

What to do
    ``ip link`` on the nodes; ``ipipMTU`` of FelixConfiguration, and new pods to take it up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks.configured import (
    about_node,
    from_files,
    nothing_told,
    states,
    uses_tunnel,
)
from ipipdiag.checks.model import Check, Component, Finding, Outcome, Severity, Subject
from ipipdiag.checks.sightings import in_words
from ipipdiag.protocols import TUNNEL_DEVICE

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster


OVERHEAD = 20  # bytes of the outer header


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A finding for each node whose tunnel is too large, and one where the nodes differ."""
    if cluster.pools and not uses_tunnel(cluster):
        return Outcome()
    found, findings = {}, []
    for node, state in states(configuration, cluster):
        tunnel = state.link(TUNNEL_DEVICE)
        if tunnel is None or tunnel.mtu is None:
            continue
        found[node] = tunnel.mtu
        nic = next((state.link(entry.device) for entry in state.addresses if entry.address == node), None)
        if nic is not None and nic.mtu is not None and tunnel.mtu + OVERHEAD > nic.mtu:
            here = cluster.node_text(node)
            findings.append(
                _finding(
                    about_node(node, f"MTU of {here}"),
                    f"{TUNNEL_DEVICE} of node {here} has MTU {tunnel.mtu}, too large for its NIC with {nic.mtu}",
                    f"at most {nic.mtu - OVERHEAD}",
                    f"{TUNNEL_DEVICE} {tunnel.mtu} ({tunnel.source}), {nic.device} {nic.mtu} ({nic.source})",
                )
            )
    if len(set(found.values())) > 1:
        listed = [f"{cluster.node_text(node)} {mtu}" for node, mtu in sorted(found.items())]
        first, *others = sorted(found)
        findings.append(
            _finding(
                about_node(first, "MTUs of the nodes", *others),
                f"the MTU of {TUNNEL_DEVICE} differs between nodes",
                "the same on all nodes",
                in_words(listed, most=8),
            )
        )
    missing = None if found else nothing_told("no MTU of a tunl0 is told")
    return Outcome(len(found), tuple(findings), missing)


def _finding(subject: Subject, title: str, expected: str, observed: str) -> Finding:
    return from_files(
        subject,
        severity=Severity.WARNING,
        title=title,
        expected=expected,
        observed=observed,
        component=Component.CONFIGURATION,
        confirm=("ip link  # on the nodes", "calicoctl get felixconfig -o yaml  # ipipMTU"),
        fix=("set ipipMTU (or mtu of the Installation) to the smallest NIC's MTU less 20, and restart the pods",),
    )


CHECK = Check(
    code="IPD9008",
    name="TunnelMtuUnfit",
    severity=Severity.WARNING,
    summary="the MTU of tunl0 does not fit the NIC, or differs between nodes",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
