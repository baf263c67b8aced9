"""What a run took as known of the cluster, each fact with where it is from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ipipdiag.addresses import format_address
from ipipdiag.checks.service_traffic import port_text
from ipipdiag.cluster.model import Cluster, Node, NodeEvidence, Route
from ipipdiag.points.model import Point
from ipipdiag.report.model import ClusterFact
from ipipdiag.report.topology import best_sessions, describe_states
from ipipdiag.report.trace.machines import captured_apart, clock_reports
from ipipdiag.report.units import format_count, format_time
from ipipdiag.trace.model import Trace

MOST_STATES = 6  # connections of one session
MOST_FACTS = 200  # of one kind; a cluster has thousands of pods, a report need not
COUNTED = "limit_reached"  # where the fact is how many more there are

T = TypeVar("T")


def cluster_facts(cluster: Cluster) -> tuple[ClusterFact, ...]:
    """Pools, nodes, blocks, pods and services, told before inferred before default."""
    facts = [
        ClusterFact(f"pool {pool.text}" + (f" ipipMode {pool.mode.value}" if pool.mode else ""), pool.source)
        for pool in cluster.pools
    ]
    if cluster.default_mode is not None:
        facts.append(ClusterFact(f"ipipMode {cluster.default_mode.value} of every pool", "user"))
    facts += _node_facts(cluster)
    facts += _pod_facts(cluster)
    facts += _service_facts(cluster)
    if cluster.tunnel_mtu is not None:
        facts.append(ClusterFact(f"tunnel MTU {cluster.tunnel_mtu}", cluster.tunnel_mtu_source))
    if not cluster.pools and cluster.default_mode is None:
        facts.append(ClusterFact("ipipMode Always (what Calico's manifest sets; nothing was judged by it)", "default"))
    if not any(pool.block_size for pool in cluster.pools):
        facts.append(ClusterFact("blocks of 64 addresses (/26; nothing was judged by it)", "default"))
    return tuple(facts)


def session_facts(points: Sequence[Point], cluster: Cluster) -> list[ClusterFact]:
    """Each BGP session with its states, from the point that shows most of it."""
    sessions = sorted(best_sessions(points).items())
    return _first(
        sessions,
        "BGP session",
        lambda entry: ClusterFact(
            f"BGP session {cluster.node_text(entry[0][0])} and {cluster.node_text(entry[0][1])}: "
            f"{describe_states(entry[1], MOST_STATES)}",
            f"inferred: TCP/179 at {entry[1].point.label}",
        ),
    )


def clock_facts(trace: Trace, cluster: Cluster) -> list[ClusterFact]:
    """How the clocks of the machines differ, and what was not captured at the same time."""
    clocks = [
        clock for clock in clock_reports(trace, cluster) if not clock.is_reference and clock.offset_ns is not None
    ]
    facts = _first(
        clocks,
        "clock",
        lambda clock: ClusterFact(f"clock of {clock.text}", "inferred: packets that were seen at both"),
    )
    apart = [ClusterFact(text, "inferred: first and last frames") for text in captured_apart(trace, cluster)]
    return [*facts, *apart]


def _first(entries: Sequence[T], noun: str, fact: Callable[[T], ClusterFact]) -> list[ClusterFact]:
    """A fact of each of the first MOST_FACTS entries, and how many more there are; the noun takes a plural s."""
    facts = [fact(entry) for entry in entries[:MOST_FACTS]]
    if more := len(entries) - len(facts):
        facts.append(ClusterFact(f"{format_count(more, f'more {noun}')}", COUNTED))
    return facts


def _node_facts(cluster: Cluster) -> list[ClusterFact]:
    """Nodes, their blocks, and the addresses of their tunnel devices."""

    def block(route: Route) -> ClusterFact:
        return ClusterFact(f"block {route.network} on node {cluster.node_text(route.node)}", route.source)

    def tunnel_address(entry: tuple[int, int]) -> ClusterFact:
        address, node = entry
        return ClusterFact(
            f"tunnel address {format_address(address)} of node {cluster.node_text(node)}",
            cluster.told_tunnel_addresses.get(address, "inferred: it sends through the tunnel with an initial TTL"),
        )

    nodes = sorted(cluster.nodes.values(), key=lambda node: (-node.evidence, node.address))
    return [
        *_first(nodes, "node", _node),
        *_first(cluster.announced, "announced block", _announced),
        *_first(cluster.blocks, "block", block),
        *_first(sorted(cluster.tunnel_addresses.items()), "tunnel device", tunnel_address),
    ]


def _node(node: Node) -> ClusterFact:
    if node.evidence > NodeEvidence.OUTER_ONE_WAY:
        return ClusterFact(f"node {node.text}", node.source)
    return ClusterFact(f"outer address {node.text}, perhaps a node", node.source)


def _announced(route: Route) -> ClusterFact:
    withdrawn = "" if route.withdrawn_ns is None else f", withdrawn {format_time(route.withdrawn_ns)}"
    return ClusterFact(f"block {route.network} on node {format_address(route.node)}{withdrawn}", route.source)


def _pod_facts(cluster: Cluster) -> list[ClusterFact]:
    """Pods, with the nodes they are on as far as that is known."""

    def behind(entry: tuple[int, Route]) -> ClusterFact:
        address, route = entry
        return ClusterFact(f"pod {format_address(address)} on node {format_address(route.node)}", route.source)

    def anywhere(entry: tuple[int, str]) -> ClusterFact:
        return ClusterFact(f"pod {format_address(entry[0])}", f"inferred: {entry[1]}")

    def placed(entry: tuple[int, Route]) -> ClusterFact:
        address, route = entry
        name = cluster.pod_names.get(address, format_address(address))
        return ClusterFact(
            f"pod {name} ({format_address(address)}) on node {cluster.node_text(route.node)}", route.source
        )

    elsewhere = [
        (address, why)
        for address, why in sorted(cluster.pods.items())
        if address not in cluster.seen_behind and address not in cluster.placed
    ]
    seen = [(address, route) for address, routes in cluster.seen_behind.items() for route in routes]
    return [
        *_first(seen, "pod", behind),
        *_first(elsewhere, "pod", anywhere),
        *_first(sorted(cluster.placed.items()), "pod", placed),
    ]


def _service_facts(cluster: Cluster) -> list[ClusterFact]:
    """Services that packets imply, the networks of services, and the mode of kube-proxy."""
    inferred = [entry for entry in sorted(cluster.services.items()) if not entry[1].name]
    facts = _first(
        inferred,
        "service",
        lambda entry: ClusterFact(
            f"service {format_address(entry[0])}, "
            f"{', '.join(sorted(port_text(*port) for port in entry[1].ports))}, to "
            + ", ".join(map(format_address, entry[1].endpoints)),
            entry[1].source,
        ),
    )
    facts += [ClusterFact(f"services in {network}", source) for network, source in cluster.service_networks]
    if cluster.kube_proxy_mode is not None:
        facts.append(ClusterFact(f"kube-proxy in {cluster.kube_proxy_mode} mode", cluster.kube_proxy_source))
    return facts
