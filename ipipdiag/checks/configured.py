"""What cluster files say against each other: shared by family 9. Such a finding rests on files, not on frames."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.model import Component, Confidence, Finding, Missing, Reason, Severity, Subject, SubjectKind
from ipipdiag.cluster.model import Mode

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster, Route
    from ipipdiag.cluster.node_state import NodeState

TUNNEL_MODES = (Mode.ALWAYS, Mode.CROSS_SUBNET)


def states(configuration: Configuration, cluster: Cluster) -> Iterator[tuple[int, NodeState]]:
    """The nodes of which texts were collected, each with its Calico address."""
    for state in configuration.node_states:
        node = configuration.node_named(state.name)
        address = node.address if node else _by_address(state, cluster)
        if address is not None:
            yield address, state


def _by_address(state: NodeState, cluster: Cluster) -> int | None:
    """The node whose address one of the devices has, where no name tells."""
    return next((entry.address for entry in state.addresses if cluster.is_told_node(entry.address)), None)


def uses_tunnel(cluster: Cluster) -> bool:
    """Whether an enabled pool has a mode that needs tunl0; only then it has to be up."""
    return any(pool.mode in TUNNEL_MODES and not pool.is_disabled for pool in cluster.pools)


def other_blocks(node: int, cluster: Cluster) -> Iterator[Route]:
    """The blocks of other nodes."""
    return (block for block in cluster.blocks if block.node != node)


def has_one_owner(network: IPv4Network, cluster: Cluster) -> bool:
    """Whether one node alone has the affinity of a block."""
    return len({block.node for block in cluster.blocks if block.network == network}) == 1


def nothing_told(what: str) -> Missing:
    """Why family 9 cannot be judged: what the files lack, and what collects it."""
    return Missing(Reason.NO_CONFIG, what, "calicoctl cluster diags  # then: --cluster ARCHIVE")


def from_files(
    subject: Subject,
    *,
    severity: Severity,
    title: str,
    expected: str,
    observed: str,
    component: Component,
    confirm: tuple[str, ...],
    fix: tuple[str, ...],
    alternatives: tuple[str, ...] = ("the files were made at another time than the captures",),
    count: int = 1,
) -> Finding:
    """A finding that files alone show: likely at most, for they are a snapshot, and no packet speaks of the effect."""
    return Finding(
        severity=severity,
        confidence=Confidence.LIKELY,
        subject=subject,
        title=title,
        expected=expected,
        observed=observed,
        count=count,
        first_ns=None,
        last_ns=None,
        evidence=(),
        component=component,
        confirm=confirm,
        fix=fix,
        alternatives=alternatives,
    )


def about_node(node: int, text: str, *others: int, addresses: tuple[int, ...] = ()) -> Subject:
    """A node, and others that have to do with it, as the subject of a finding."""
    return Subject(
        SubjectKind.NODE,
        text,
        nodes=tuple(map(format_address, (node, *others))),
        addresses=tuple(map(format_address, addresses)),
    )
