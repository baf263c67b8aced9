"""AddressOverlap: a node or service address lies in a network of pods.

Expected
    Nodes and services have addresses outside the pod pools.

How it is observed
    A node's address (told, or speaking BGP) or a service's lies in a pool that flags or files
    name, or in a block that BGP announces.

What can mislead
    The tunl0 address of a node is an address of the pool, rightly.

What to do
    Move the pool: ``calicoctl get ippool``; packets to the overlapping address follow the route
    of the block instead of the node network's.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.model import (
    Check,
    Component,
    Confidence,
    Finding,
    Missing,
    Outcome,
    Reason,
    Severity,
    Subject,
    SubjectKind,
)
from ipipdiag.checks.sightings import evidence_of
from ipipdiag.protocols import SHORTEST_BLOCK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.flows import Flows
    from ipipdiag.points.model import Point


def examine(points: tuple[Point, ...], flows: Mapping[Point, Flows], cluster: Cluster) -> Outcome:
    """A finding for each address of a node or service inside a network of pods."""
    networks = [pool.network for pool in cluster.pools]
    networks += [route.network for route in cluster.announced if SHORTEST_BLOCK <= route.network.prefixlen < 32]
    if not networks:
        text = "no pool was told and no block announced"
        return Outcome(missing=Missing(Reason.NO_CONFIG, text, "calicoctl get ippool -o yaml  # then: --cluster FILE"))
    nodes = [address for address in cluster.nodes if cluster.is_node(address)]
    findings = []
    for address in [*nodes, *cluster.services]:
        holder = next((network for network in networks if IPv4Address(address) in network), None)
        if holder is not None:
            findings.append(_finding(address, holder, flows, cluster))
    return Outcome(len(nodes) + len(cluster.services), tuple(findings))


def _finding(address: int, network: IPv4Network, flows: Mapping[Point, Flows], cluster: Cluster) -> Finding:
    what = f"node {cluster.node_text(address)}" if address in cluster.nodes else f"service {format_address(address)}"
    text = format_address(address)
    evidence, ids = [], []
    for point, table in flows.items():
        seen = (table.source == address) | (table.destination == address)
        seen |= (table.outer_source == address) | (table.outer_destination == address)
        if bool(seen.any()):
            evidence.append(evidence_of(point, table.select(seen).frames, display_filters.address(address)))
            ids.append(point.id)
    return Finding(
        severity=Severity.ERROR,
        confidence=Confidence.CONFIRMED,
        subject=Subject(
            SubjectKind.NODE if address in cluster.nodes else SubjectKind.BLOCK,
            f"{text} in {network}",
            nodes=(text,) if address in cluster.nodes else (),
            addresses=(text,),
        ),
        title=f"the address of {what} lies in {network}, which is for pods",
        expected="nodes and services have addresses outside the pod pools",
        observed=f"{text} is in {network}",
        count=1,
        first_ns=None,
        last_ns=None,
        evidence=tuple(evidence),
        component=Component.CONFIGURATION,
        confirm=("calicoctl get ippool -o wide", "kubectl get nodes,services -A -o wide"),
        fix=("move the pods to a pool that overlaps neither the node network nor the services",),
        alternatives=("the pool is not in use: it is disabled, or no pod has an address of it",),
        points=tuple(ids),
    )


CHECK = Check(
    code="IPD3012",
    name="AddressOverlap",
    severity=Severity.ERROR,
    summary="a node or service address lies in a network of pods",
    points="any",
    examine=examine,
)
