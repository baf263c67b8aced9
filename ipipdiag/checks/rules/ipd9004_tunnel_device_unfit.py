"""TunnelDeviceUnfit: tunl0 of a node is down, lacks its address, or is not set as Calico sets it.

Expected
    Where an enabled pool has ipipMode Always or CrossSubnet: tunl0 is up, has the node's tunnel
    address, and ``ttl inherit``.

How it is observed
    In cluster files: ``ip link`` and ``ip addr`` of the node, against Node and IPPool.

What can mislead
    In modes Never and VXLAN tunl0 is down and idle, rightly. ``pmtudisc`` is a known cure and no
    fault. With the eBPF dataplane tunl0 may have no address.

What to do
    ``ip -d link show tunl0`` on the node; the log of Felix says why it does not bring it up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.configured import (
    about_node,
    from_files,
    nothing_told,
    states,
    uses_tunnel,
)
from ipipdiag.checks.model import Check, Component, Outcome, Severity
from ipipdiag.checks.sightings import in_words
from ipipdiag.protocols import TUNNEL_DEVICE

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A finding for each node whose tunnel device cannot do its work."""
    if cluster.pools and not uses_tunnel(cluster):
        return Outcome()
    examined, findings = 0, []
    for node, state in states(configuration, cluster) if cluster.pools else ():
        link = state.link(TUNNEL_DEVICE)
        if link is None:
            continue
        examined += 1
        own = [address for address, owner in cluster.tunnel_addresses.items() if owner == node]
        faults = []
        if link.is_up is False:
            faults.append(f"{TUNNEL_DEVICE} is down")
        if link.ttl not in (None, "inherit"):
            faults.append(f"{TUNNEL_DEVICE} has ttl {link.ttl} instead of inherit")
        held = [entry.address for entry in state.addresses if entry.device == TUNNEL_DEVICE]
        if state.addresses and own and link.is_up is not False and not set(own) & set(held):
            faults.append(f"{TUNNEL_DEVICE} does not have the address {format_address(own[0])}")
        if faults:
            here = cluster.node_text(node)
            findings.append(
                from_files(
                    about_node(node, f"{TUNNEL_DEVICE} of {here}"),
                    severity=Severity.ERROR if link.is_up is False else Severity.WARNING,
                    title=f"on node {here} {in_words(faults)}",
                    expected=f"{TUNNEL_DEVICE} is up, with the node's tunnel address and ttl inherit",
                    observed=f"{in_words(faults)} ({link.source})",
                    component=Component.FELIX,
                    confirm=(f"ip -d addr show {TUNNEL_DEVICE}  # on {here}",),
                    fix=(f"ip link set {TUNNEL_DEVICE} up  # on {here}, and restart calico-node there",),
                )
            )
    missing = None if examined else nothing_told("no tunl0 of a node, or no pool, is told")
    return Outcome(examined, tuple(findings), missing)


CHECK = Check(
    code="IPD9004",
    name="TunnelDeviceUnfit",
    severity=Severity.ERROR,
    summary="tunl0 of a node is down, lacks its address or has other settings than Calico's",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
