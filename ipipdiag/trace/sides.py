"""Whose a place is, where neither its packets' addresses nor the user say so.

On which side of a NIC a tunnel device is, where nothing else says whose it is.

What a node sends passes its tunl0 before its NIC, what it receives after it. Seen from one NIC, the tunnel device of
that node is earlier for packets that leave and later for those that come; another node's the other way round. So the
sign of the difference tells the side, whatever the two clocks say.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ipipdiag.cluster.model import Cluster
from ipipdiag.points.model import Role
from ipipdiag.trace.places import Place, home_of
from ipipdiag.trace.workspace import Workspace, time_gains

FEWEST_PACKETS = 1  # each way: neither arrives before it is sent


def settle_sides(workspace: Workspace, cluster: Cluster) -> tuple[Place, ...]:
    """The places, with the node of each tunnel device that a NIC's packets give away."""
    settled = list(workspace.places)
    homes = [(home_of(pair.source, cluster), home_of(pair.destination, cluster)) for pair in workspace.pairs]
    for place in workspace.places:
        if place.role is not Role.TUNL0 or place.node is not None:
            continue
        scores: dict[int, float] = {}
        for nic in workspace.places:
            if nic.role is Role.NODE and nic.node is not None:
                score = _leaving_later(workspace, place, nic, homes)
                if score is not None:
                    scores[nic.node] = score
        own = [node for node, score in scores.items() if score > 0]
        if len(own) > 1:  # the tunnel device lies between two NICs of one clock: the nearer one's
            own = [min(own, key=lambda node: scores[node])]
        excluded = set(scores) | _never_there(workspace, place)
        node = own[0] if own else _only_other(workspace, place, homes, excluded)
        if node is not None:
            settled[place.number] = replace(place, node=node, node_source="by the order in which packets pass")
    return tuple(settled)


def _leaving_later(
    workspace: Workspace, device: Place, nic: Place, homes: list[tuple[int | None, int | None]]
) -> float | None:
    """How much later than at the device packets are at the NIC, of those that leave its node against those that come.

    Nanoseconds; None where too few packets of either kind were seen at both.
    """
    leaving = np.array([number for number, home in enumerate(homes) if home[0] == nic.node], dtype=np.int64)
    coming = np.array([number for number, home in enumerate(homes) if home[1] == nic.node], dtype=np.int64)
    gains = [time_gains(workspace, device, nic, pairs) for pairs in (leaving, coming)]
    if min(len(gain) for gain in gains) < FEWEST_PACKETS:
        return None
    return float(np.median(gains[0]) - np.median(gains[1]))


def _only_other(
    workspace: Workspace, device: Place, homes: list[tuple[int | None, int | None]], excluded: set[int]
) -> int | None:
    """The node that is left where all flows of the device are between two, and it is not the other one's."""
    rows = workspace.at(device.number)
    ends = {node for pair in np.unique(workspace.pair[rows]).tolist() for node in homes[pair] if node is not None}
    left = ends - excluded
    return next(iter(left)) if excluded and len(left) == 1 else None


def _never_there(workspace: Workspace, device: Place) -> set[int]:
    """Nodes whose NIC was captured at the same time and shows nothing of what the device carries."""
    rows = workspace.at(device.number)
    units = np.unique(workspace.sightings.unit[rows])
    if len(units) == 0:
        return set()
    return {
        nic.node
        for nic in workspace.places
        if nic.role is Role.NODE
        and nic.node is not None
        and not np.isin(units, workspace.sightings.unit[workspace.at(nic.number)]).any()
    }


def guess_quiet_links(workspace: Workspace, cluster: Cluster) -> tuple[Place, ...]:
    """The places, with the pod of each link that shows no packet, where only one pod can be meant.

    Somebody captured there for a reason. If among all pods that others send to exactly one is silent, and has no link
    of its own in the run, the quiet link is taken to be its.
    """
    quiet = [place for place in workspace.places if place.lead.is_pod_link and not place.pods]
    if not quiet:
        return workspace.places
    linked = {pod for place in workspace.places for pod in place.pods}
    seen = np.unique(workspace.pair).tolist()
    speaking = {workspace.pairs[number].source for number in seen}
    silent = {
        destination
        for number in seen
        if (destination := workspace.pairs[number].destination) not in speaking | linked and cluster.is_pod(destination)
    }
    if len(silent) != 1:
        return workspace.places
    pod = silent.pop()
    node = home_of(pod, cluster) or _sent_to(pod, cluster)
    return tuple(
        replace(place, guessed_pod=pod, node=node, node_source="the only pod without an answer")
        if place in quiet
        else place
        for place in workspace.places
    )


def _sent_to(pod: int, cluster: Cluster) -> int | None:
    """The only node to which packets for a pod are sent."""
    pairs = [outer for outer, inner in cluster.wrapped.items() if pod in inner]
    nodes = {destination for _, destination in pairs if cluster.is_node(destination)}
    return nodes.pop() if len(nodes) == 1 else None
