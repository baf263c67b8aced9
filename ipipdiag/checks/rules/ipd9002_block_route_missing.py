"""BlockRouteMissing: a node has no route for the block of another node.

Expected
    Every node has a route to every block, by BIRD or by Felix.

How it is observed
    In cluster files: no line of the node's ``ip route`` but the default route holds the block of
    a BlockAffinity.

What can mislead
    Files of different times: a block that is new has its routes a moment later. A node whose text
    holds no route of Calico's at all may be of another dataplane; it is not judged.

What to do
    ``calicoctl node status`` on the node: is the session with the block's node up? From Calico
    v3.33 on Felix programs these routes: its log.
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

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A finding for each node, with the blocks it has no route to."""
    examined, findings = 0, []
    for node, state in states(configuration, cluster):
        blocks = [block.network for block in cluster.blocks]
        if not any(route.network in blocks for route in state.routes):
            continue
        for block in other_blocks(node, cluster):
            examined += 1
            route = state.route_to(block.network)
            if route is not None and route.network.prefixlen > 0:
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
                    title=f"node {here} has no route for block {block.network} of node {there}",
                    expected=f"a route for {block.network}: {block.source}",
                    observed=f"no route of {here} but the default route holds it ({state.routes[0].source} and below)",
                    component=Component.BIRD,
                    confirm=(f"ip route show {block.network}  # on {here}", f"calicoctl node status  # on {here}"),
                    fix=("bring up what programs the route: the BGP session, or Felix where it owns the routes",),
                )
            )
    missing = None if examined else nothing_told("no routes of nodes, or no block affinities, are told")
    return Outcome(examined, tuple(findings), missing)


CHECK = Check(
    code="IPD9002",
    name="BlockRouteMissing",
    severity=Severity.ERROR,
    summary="a node has no route for the block of another node",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
