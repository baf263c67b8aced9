"""AddressClaimedTwice: two pods claim one address, two nodes one address or tunl0 address, or two
affinities one block.

Expected
    Each address has one owner, and each block one affinity.

How it is observed
    In cluster files: Pod, Node, IPAMBlock and BlockAffinity objects against each other.

What can mislead
    A pod that is being replaced is there twice for a moment; ended pods and those of the host's
    network do not count.

What to do
    ``calicoctl ipam check --show-problem-ips``; delete the pod whose address IPAM does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.configured import (
    from_files,
    nothing_told,
)
from ipipdiag.checks.model import Check, Component, Finding, Outcome, Severity, Subject, SubjectKind
from ipipdiag.checks.sightings import in_words

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A finding for each address or block that two claim."""
    claims: dict[tuple[str, str], dict[str, str]] = {}

    def claim(what: str, key: str, who: str, source: str) -> None:
        claims.setdefault((what, key), {})[who] = source

    for pod in configuration.pods:
        for address in pod.addresses:
            claim("address", format_address(address), f"pod {pod.name}", pod.source)
    for node in configuration.nodes:
        if node.address is not None:
            claim("address", format_address(node.address), f"node {node.name}", node.source)
        if node.tunnel_address is not None:
            claim("address", format_address(node.tunnel_address), f"tunl0 of {node.name}", node.source)
    for block in configuration.blocks:
        claim("block", str(block.network), f"node {block.node}", block.source)
    findings = [_finding(what, key, owners, cluster) for (what, key), owners in claims.items() if len(owners) > 1]
    return Outcome(len(claims), tuple(findings), None if claims else nothing_told("no pods, nodes or blocks are told"))


def _finding(what: str, key: str, owners: dict[str, str], cluster: Cluster) -> Finding:
    names = list(owners)
    nodes = tuple(
        format_address(node.address)
        for node in cluster.nodes.values()
        if any(name.endswith(f" {node.name}") for name in names)
    )
    kind = SubjectKind.BLOCK if what == "block" else SubjectKind.POD
    return from_files(
        Subject(kind, key, nodes=nodes, addresses=(key,) if what == "address" else ()),
        severity=Severity.ERROR,
        title=f"{what} {key} belongs to {in_words(names)} at the same time",
        expected=f"one owner of {what} {key}",
        observed="; ".join(f"{name} ({source})" for name, source in owners.items()),
        component=Component.IPAM,
        confirm=(
            "calicoctl ipam check --show-problem-ips",
            f"kubectl get pods -A -o wide | grep -w {key.partition('/')[0]}",
        ),
        fix=("remove the claim that IPAM does not know: delete that pod, or that affinity",),
    )


CHECK = Check(
    code="IPD9006",
    name="AddressClaimedTwice",
    severity=Severity.ERROR,
    summary="two pods, two nodes or two affinities claim the same address or block",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
