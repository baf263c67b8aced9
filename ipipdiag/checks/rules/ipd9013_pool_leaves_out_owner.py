"""PoolLeavesOutOwner: a node holds a block of a pool whose nodeSelector does not select it.

Expected
    A node takes blocks only from pools whose nodeSelector selects it.

How it is observed
    In cluster files: IPPool, block affinities and the nodes' labels. A selector or a node's labels
    that are not understood are not judged.

What can mislead
    Labels and selectors may change after a block was given: the block stays with its node, its pods
    keep their addresses and are reached as before. Only new pods get addresses of another pool.

What to do
    Decide which is meant. Where the selector is, recreate the node's pods, so that their addresses
    come from the right pool, and release the block; else mend the node's label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks.configured import about_node, from_files, nothing_told
from ipipdiag.checks.model import Check, Component, Outcome, Severity
from ipipdiag.checks.sightings import in_words
from ipipdiag.cluster.selectors import selects

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    from ipipdiag.cluster.configuration import BlockObject, Configuration, PoolObject
    from ipipdiag.cluster.model import Cluster


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A notice for each pool and node whose block the pool's selector rules out."""
    examined = 0
    left_out: dict[tuple[str, str], list[BlockObject]] = {}
    pools = {pool.name: pool for pool in configuration.pools}
    for block in {(entry.network, entry.node): entry for entry in configuration.blocks}.values():
        pool = _pool_of(block.network, configuration)
        if pool is None:
            continue
        selected = selects(pool.node_selector, configuration.labels_of(block.node))
        examined += selected is not None
        if selected is False:
            left_out.setdefault((pool.name, block.node), []).append(block)
    findings = []
    for (name, node), blocks in left_out.items():
        known = configuration.node_named(node)
        address = known.address if known and known.address is not None else 0
        pool, networks = pools[name], in_words([str(block.network) for block in blocks])
        findings.append(
            from_files(
                about_node(address, f"pool {name} on {node}"),
                severity=Severity.NOTICE,
                title=f"node {cluster.node_text(address) if address else node} holds {networks} of pool {name}, "
                "whose nodeSelector leaves it out",
                expected=f"blocks of {pool.network} on nodes that {pool.node_selector} selects",
                observed=f"{networks} on {node} ({blocks[0].source}); nodeSelector {pool.node_selector} "
                f"({pool.source})",
                component=Component.IPAM,
                confirm=(f"kubectl get node {node} --show-labels", f"calicoctl get ippool {name} -o yaml"),
                fix=("mend the node's label, or recreate its pods and release the block",),
                alternatives=("the selector or the label was changed after the node took the block",),
                count=len(blocks),
            )
        )
    return Outcome(examined, tuple(findings), None if examined else nothing_told("no blocks with pools are told"))


def _pool_of(block: IPv4Network, configuration: Configuration) -> PoolObject | None:
    holding = [pool for pool in configuration.pools if block.subnet_of(pool.network)]
    return max(holding, key=lambda pool: pool.network.prefixlen, default=None)


CHECK = Check(
    code="IPD9013",
    name="PoolLeavesOutOwner",
    severity=Severity.NOTICE,
    summary="a node holds a block of a pool whose nodeSelector does not select it",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
