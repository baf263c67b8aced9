"""PoolsContradict: pools overlap, or one pool has both ipipMode and vxlanMode.

Expected
    Pools do not overlap, and a pool has one kind of tunnel at most.

How it is observed
    In cluster files: the IPPool objects against each other.

What can mislead
    A pool inside another one is refused by Calico's API, not by Kubernetes' where CRDs are written
    directly.

What to do
    ``calicoctl get ippool -o yaml``, and move the pods of one of them.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from ipipdiag.checks.configured import (
    from_files,
    nothing_told,
)
from ipipdiag.checks.model import Check, Component, Finding, Outcome, Severity, Subject, SubjectKind
from ipipdiag.cluster.model import Mode

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A finding for each contradiction."""
    pools, findings = configuration.pools, []
    for one, other in combinations(pools, 2):
        if one.network.overlaps(other.network):
            findings.append(
                _finding(
                    f"{one.network} and {other.network}",
                    f"pools {one.name} ({one.network}) and {other.name} ({other.network}) overlap",
                    "pools that do not overlap",
                    f"{one.source}; {other.source}",
                )
            )
    for pool in pools:
        if pool.ipip_mode is not Mode.NEVER and pool.vxlan_mode is not Mode.NEVER:
            findings.append(
                _finding(
                    str(pool.network),
                    f"pool {pool.name} ({pool.network}) has both ipipMode {pool.ipip_mode} and vxlanMode "
                    f"{pool.vxlan_mode}",
                    "one kind of tunnel a pool",
                    pool.source,
                )
            )
    return Outcome(len(pools), tuple(findings), None if pools else nothing_told("no pool is told"))


def _finding(text: str, title: str, expected: str, observed: str) -> Finding:
    return from_files(
        Subject(SubjectKind.BLOCK, text),
        severity=Severity.ERROR,
        title=title,
        expected=expected,
        observed=observed,
        component=Component.CONFIGURATION,
        confirm=("calicoctl get ippool -o yaml",),
        fix=("leave one of the two",),
    )


CHECK = Check(
    code="IPD9007",
    name="PoolsContradict",
    severity=Severity.ERROR,
    summary="pools overlap, or a pool has both tunnels",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
