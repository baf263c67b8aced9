"""What a node's own texts add to what packets show: counters, which count since boot, routes, neighbours, MACs."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_mac
from ipipdiag.checks.configured import states
from ipipdiag.checks.sightings import several
from ipipdiag.protocols import TUNNEL_DEVICE

if TYPE_CHECKING:
    from collections.abc import Collection

    from ipipdiag.cluster.configuration import Configuration
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.cluster.node_state import Link, Neighbour, NodeState

UNRESOLVED_STATES = ("FAILED", "INCOMPLETE")
REVERSE_PATH_COUNTER = "TcpExtIPReversePathFilter"
CONNTRACK_COUNTERS = ("conntrack drop", "conntrack insert_failed", "conntrack early_drop")
MOST_RULES = 2


def state_of(configuration: Configuration, cluster: Cluster, node: int | None) -> NodeState | None:
    """What was collected on a node; None where nothing was."""
    return next((state for address, state in states(configuration, cluster) if address == node), None)


def drops_on(
    configuration: Configuration, cluster: Cluster, node: int | None, chain_prefix: str = "cali-"
) -> tuple[str, ...]:
    """What a node's texts count as dropped, each as a part of a sentence with its source; empty without texts."""
    state = state_of(configuration, cluster, node)
    if state is None:
        return ()
    return (*_rules(state, chain_prefix), *_reverse_path(state), *_conntrack(state), *_device(state))


def missing_route(configuration: Configuration, cluster: Cluster, node: int | None, destination: int) -> str | None:
    """Where a node's texts show that only the default route, if any, leads to a destination; None where they do not."""
    state = state_of(configuration, cluster, node)
    if state is None or not state.routes:
        return None
    route = state.route_to(IPv4Network((destination, 32)))
    if route is not None and route.network.prefixlen > 0:
        return None
    return (route or state.routes[0]).source


def reverse_path_drops(configuration: Configuration, cluster: Cluster, node: int | None) -> int | None:
    """How many packets a node's strict rp_filter has dropped since boot; None where no text says."""
    state = state_of(configuration, cluster, node)
    if state is None:
        return None
    return next((counter.value for counter in state.counters if counter.name == REVERSE_PATH_COUNTER), None)


def policy_drops(configuration: Configuration, cluster: Cluster, node: int | None, chain_prefix: str) -> int | None:
    """Packets that DROP rules of Calico's own chains have counted; None where no text shows such a rule."""
    state = state_of(configuration, cluster, node)
    rules = [rule for rule in state.rules if _drops(rule.text) and rule.chain.startswith(chain_prefix)] if state else []
    return sum(rule.packets for rule in rules) if rules else None


def is_unresolved(entry: Neighbour) -> bool:
    """Whether a neighbour entry says that nobody answered for the address."""
    return entry.mac is None and entry.state in (*UNRESOLVED_STATES, None)


def neighbour_of(configuration: Configuration, cluster: Cluster, node: int | None, address: int) -> Neighbour | None:
    """A node's neighbour entry for an address, one with a MAC first; None where its texts have none."""
    state = state_of(configuration, cluster, node)
    entries = [entry for entry in state.neighbours if entry.address == address] if state else []
    return min(entries, key=is_unresolved, default=None)


def resolution(entry: Neighbour | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a neighbour entry adds to requests that nobody answers: parts of what is observed, and alternatives."""
    if entry is None:
        return (), ()
    if is_unresolved(entry):
        return (f"the node's neighbour table says {entry.state or 'incomplete'} ({entry.source})",), ()
    if entry.mac is None:
        return (), ()
    return (), (f"the node's neighbour table has {format_mac(entry.mac)} for it ({entry.source}): from another time",)


def host_side_mac(configuration: Configuration, cluster: Cluster, interfaces: Collection[str]) -> Link | None:
    """The device of those names whose MAC a node's texts tell: the host side of a pod's link; None where none does."""
    for _, state in states(configuration, cluster):
        for name in interfaces:
            link = state.link(name)
            if link is not None and link.mac is not None:
                return link
    return None


def _drops(text: str) -> bool:
    return "-j DROP" in text or text.rstrip().endswith(" drop")


def _rules(state: NodeState, chain_prefix: str) -> list[str]:
    counting = [
        rule for rule in state.rules if rule.packets and _drops(rule.text) and rule.chain.startswith(chain_prefix)
    ]
    counting.sort(key=lambda rule: (-rule.packets, rule.chain))
    return [
        f"chain {rule.chain} has dropped {several(rule.packets, 'packet')} ({rule.source})"
        for rule in counting[:MOST_RULES]
    ]


def _reverse_path(state: NodeState) -> list[str]:
    return [
        f"reverse path filtering has dropped {several(counter.value, 'packet')} ({counter.source})"
        for counter in state.counters
        if counter.name == REVERSE_PATH_COUNTER and counter.value
    ]


def _conntrack(state: NodeState) -> list[str]:
    return [
        f"{counter.name} is {counter.value} ({counter.source})"
        for counter in state.counters
        if counter.name in CONNTRACK_COUNTERS and counter.value
    ]


def _device(state: NodeState) -> list[str]:
    link = state.link(TUNNEL_DEVICE)
    if link is None or not (link.errors or link.dropped):
        return []
    return [f"{TUNNEL_DEVICE} counts {several(link.errors, 'error')} and {link.dropped} dropped ({link.source})"]
