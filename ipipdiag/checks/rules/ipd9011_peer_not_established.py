"""PeerNotEstablished: calicoctl node status shows a BGP peer that is not established.

Expected
    Every peer of a node is Established.

How it is observed
    In cluster files: the table of ``calicoctl node status``.

What can mislead
    A peer that restarts is away for some seconds. Routes survive the session, and from Calico
    v3.33 on Felix programs IP-in-IP routes without it.

What to do
    The info column says why: Connect and Active are not answered, Idle waits after an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.configured import from_files, nothing_told
from ipipdiag.checks.model import Check, Component, Outcome, Severity, Subject, SubjectKind

if TYPE_CHECKING:
    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster


def examine(configuration: Configuration, cluster: Cluster) -> Outcome:
    """A finding for each peer that is not up."""
    examined, findings = 0, []
    for state in configuration.node_states:
        known = configuration.node_named(state.name)
        here = known.address if known else None
        for peer in state.peers:
            examined += 1
            if peer.info.startswith("Established"):
                continue
            sender = cluster.node_text(here) if here is not None else state.name or "a node"
            nodes = tuple(sorted(format_address(one) for one in (here, peer.peer) if one is not None))
            findings.append(
                from_files(
                    Subject(SubjectKind.SESSION, f"peer {format_address(peer.peer)} of {sender}", nodes=nodes),
                    severity=Severity.WARNING,
                    title=f"the BGP session of {sender} with {cluster.node_text(peer.peer)} is not established",
                    expected="Established",
                    observed=f"{peer.state}, {peer.info} ({peer.source})",
                    component=Component.BIRD,
                    confirm=(f"calicoctl node status  # on {sender}",),
                    fix=("find why: TCP/179 between the two, AS numbers, BIRD on the peer",),
                )
            )
    return Outcome(examined, tuple(findings), None if examined else nothing_told("no node status is told"))


CHECK = Check(
    code="IPD9011",
    name="PeerNotEstablished",
    severity=Severity.WARNING,
    summary="calicoctl node status shows a BGP peer that is not established",
    points="cluster files",
    examine=examine,
    is_calico_specific=False,
)
