"""DropCounters: counters of a node's kernel say that it has dropped what a finding speaks of.

Expected
    Calico's rule against tunnel packets of unknown hosts, and the reverse path filter, have dropped
    nothing.

How it is observed
    In cluster files: packet counters of ``iptables-save -c`` or ``nft list ruleset``, and
    TcpExtIPReversePathFilter of nstat.

What can mislead
    Counters count since the node or its rules came up: the drops may be old. Compare two readings.

What to do
    Read them twice, a minute apart; those that rise are at work now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.checks.configured import (
    about_node,
    from_files,
    nothing_told,
    states,
)
from ipipdiag.checks.model import Check, Component, Outcome, Severity
from ipipdiag.checks.sightings import several

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster


NON_CALICO_HOSTS = "Drop IPIP packets from non-Calico hosts"
REVERSE_PATH = "TcpExtIPReversePathFilter"


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A notice for each node with such counters above zero."""
    examined, findings = 0, []
    for node, state in states(configuration, cluster):
        counted = [
            (rule.packets, "dropped by Calico's rule for tunnel packets from non-Calico hosts", rule.source)
            for rule in state.rules
            if NON_CALICO_HOSTS in rule.text
        ]
        counted += [
            (counter.value, f"dropped by the reverse path filter ({REVERSE_PATH})", counter.source)
            for counter in state.counters
            if counter.name == REVERSE_PATH
        ]
        examined += len(counted)
        risen = [entry for entry in counted if entry[0]]
        if risen:
            here = cluster.node_text(node)
            said = [f"{several(packets, 'packet')} {what} ({source})" for packets, what, source in risen]
            findings.append(
                from_files(
                    about_node(node, f"drop counters of {here}"),
                    severity=Severity.NOTICE,
                    title=f"node {here} has dropped packets: {risen[0][0]} {risen[0][1]}",
                    expected="nothing dropped",
                    observed="; ".join(said),
                    component=Component.NODE_KERNEL,
                    confirm=(f"iptables-save -c | grep -i ipip; nstat -az {REVERSE_PATH}  # on {here}, twice",),
                    fix=(),
                    alternatives=("the drops are older than the captures",),
                    count=sum(entry[0] for entry in risen),
                )
            )
    missing = None if examined else nothing_told("no counters of a node are told")
    return Outcome(examined, tuple(findings), missing)


CHECK = Check(
    code="IPD9009",
    name="DropCounters",
    severity=Severity.NOTICE,
    summary="counters of a node's kernel say that it drops tunnel packets or fails reverse paths",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
