"""RouteContradictsMode: the device of a block's route disagrees with the mode of the pool.

Expected
    By tunl0 where the mode wraps this pair of nodes, by the NIC where it does not.

How it is observed
    In cluster files: ``dev`` of the route against ipipMode of the IPPool that holds the block, and
    for CrossSubnet the subnets of the two nodes.

What can mislead
    A mode that was changed a moment ago. Pools with vxlanMode have routes by vxlan.calico; they are
    not judged.

What to do
    The log of BIRD (or Felix from v3.33 on) on that node; ``calicoctl get node -o wide`` for the
    prefix length of its address, by which CrossSubnet decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.configured import (
    from_files,
    nothing_told,
    other_blocks,
    states,
)
from ipipdiag.checks.model import Check, Component, Outcome, Severity, Subject, SubjectKind
from ipipdiag.cluster.model import Mode
from ipipdiag.cluster.rules import expected_form
from ipipdiag.protocols import TUNNEL_DEVICE

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A finding for each node and block whose route has the wrong device."""
    examined, findings = 0, []
    for node, state in states(configuration, cluster):
        for block in other_blocks(node, cluster):
            route = state.route_to(block.network)
            pool = cluster.pool_of(int(block.network.network_address))
            if route is None or route.network != block.network or route.gateway != block.node or route.device is None:
                continue
            if pool is None or pool.vxlan_mode not in (None, Mode.NEVER):
                continue
            form = expected_form(cluster, node, block.node, int(block.network.network_address))
            if form.wrapped is None or not form.told:
                continue
            examined += 1
            if (route.device == TUNNEL_DEVICE) == form.wrapped:
                continue
            here, there = cluster.node_text(node), cluster.node_text(block.node)
            subject = Subject(
                SubjectKind.BLOCK,
                f"{block.network} on {here}",
                nodes=(format_address(node), format_address(block.node)),
            )
            findings.append(
                from_files(
                    subject,
                    severity=Severity.ERROR,
                    title=f"node {here} routes block {block.network} of {there} by {route.device}, against the mode of "
                    "the pool",
                    expected=f"by {TUNNEL_DEVICE if form.wrapped else 'the NIC'}: {form.why}",
                    observed=f"{route.network} via {format_address(block.node)} dev {route.device} ({route.source})",
                    component=Component.BIRD,
                    confirm=(f"ip route show {block.network}  # on {here}", "calicoctl get ippool,node -o wide"),
                    fix=(f"restart calico-node on {here}, so that BIRD or Felix sets its routes anew",),
                )
            )
    missing = None if examined else nothing_told("no routes of nodes, or no pools, are told")
    return Outcome(examined, tuple(findings), missing)


CHECK = Check(
    code="IPD9003",
    name="RouteContradictsMode",
    severity=Severity.ERROR,
    summary="the device of a block's route disagrees with the pool's mode",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
