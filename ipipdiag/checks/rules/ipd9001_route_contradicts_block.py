"""RouteContradictsBlock: a node's route for a block leads to another node than the one that has it.

Expected
    The route of a block goes by the node that has the block's affinity; a route for one address
    (/32) may go elsewhere, the address is borrowed.

How it is observed
    In cluster files: a line of ``ip route`` against the BlockAffinity. Where packets show the
    effect the finding about them leads, and names this one as its cause.

What can mislead
    Files of different times. A block that two nodes claim is IPD9006's.

What to do
    Who set the route: ``proto bird`` or ``proto 80`` (Felix), or somebody by hand. Remove a route
    that was added by hand; else restart calico-node on that node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.configured import (
    from_files,
    has_one_owner,
    nothing_told,
    other_blocks,
    states,
)
from ipipdiag.checks.model import Check, Component, Outcome, Severity, Subject, SubjectKind

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A finding for each node and block whose route disagrees with the affinity."""
    examined, findings = 0, []
    for node, state in states(configuration, cluster):
        if not state.routes:
            continue
        for block in other_blocks(node, cluster):
            route = state.route_to(block.network)
            if route is None or route.gateway is None or route.network.prefixlen < MOST_SPECIFIC_POOL:
                continue
            examined += 1
            if route.gateway != block.node and cluster.is_node(route.gateway) and has_one_owner(block.network, cluster):
                here, wrong, right = map(cluster.node_text, (node, route.gateway, block.node))
                subject = Subject(
                    SubjectKind.BLOCK,
                    f"{block.network} on {here}",
                    nodes=tuple(map(format_address, (node, route.gateway, block.node))),
                )
                findings.append(
                    from_files(
                        subject,
                        severity=Severity.ERROR,
                        title=f"the route of node {here} for block {block.network} leads to {wrong}, the block is on "
                        f"{right}",
                        expected=f"{block.network} via {format_address(block.node)}: {block.source}",
                        observed=f"{route.network} via {format_address(route.gateway)} dev {route.device} "
                        f"({route.source})",
                        component=Component.BIRD,
                        confirm=(f"ip route show {block.network}  # on {here}",),
                        fix=(f"ip route replace {block.network} via {format_address(block.node)} dev {route.device} "
                             f"onlink  # on {here}, or restart calico-node there",),
                    )
                )  # fmt: skip
    missing = None if examined else nothing_told("no routes of nodes, or no block affinities, are told")
    return Outcome(examined, tuple(findings), missing)


MOST_SPECIFIC_POOL = 8  # a shorter prefix is a default route or an aggregate, not a block's


CHECK = Check(
    code="IPD9001",
    name="RouteContradictsBlock",
    severity=Severity.ERROR,
    summary="a node's route for a block leads to another node than the one that has the block",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
