"""Whose a place is, where neither its packets' addresses nor the user say so.

On which side of a NIC a tunnel device is, where nothing else says whose it is.

What a node sends passes its tunl0 before its NIC, what it receives after it. Seen from one NIC, the tunnel device of
that node is earlier for packets that leave and later for those that come; another node's the other way round. So the
sign of the difference tells the side, whatever the two clocks say.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ipipdiag.cluster.model import Cluster
from ipipdiag.points.model import Role
from ipipdiag.table import distinct, is_among
from ipipdiag.trace.places import Place, home_of
from ipipdiag.trace.workspace import NodePair, Workspace, pair_nodes, time_gains

BY_ORDER = "by the order in which packets pass"
NOISE_NS = 2_000  # by which stamps of one machine may be out of order
FEWEST_PACKETS = 1  # each way: neither arrives before it is sent


def settle_sides(workspace: Workspace, cluster: Cluster) -> tuple[Place, ...]:
    """The places, with the node of each tunnel device that a NIC's packets give away."""
    homes = pair_nodes(workspace, cluster)
    settled = _settle_nics(workspace, homes)
    workspace = replace(workspace, places=tuple(settled))
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
            settled[place.number] = replace(place, node=node, node_source=BY_ORDER)
    return tuple(settled)


def _settle_nics(workspace: Workspace, homes: list[NodePair]) -> list[Place]:
    """The places, with the nodes of NICs whose packets do not tell which of two machines was captured.

    Packets from one node to another are at the sender's NIC before the receiver's, whatever the clocks say.
    """
    settled = list(workspace.places)
    nics = [place for place in workspace.places if place.role is Role.NODE]
    for place in nics:
        if settled[place.number].node is not None:
            continue
        for other in nics:
            if other is place:
                continue
            ends = _ends_of(workspace, place, other, homes)
            if ends is None:
                continue
            first, second = ends
            gains = [time_gains(workspace, place, other, _pairs_between(homes, *pair)) for pair in (ends, ends[::-1])]
            if min(len(gain) for gain in gains) < FEWEST_PACKETS:
                continue
            score = float(np.median(gains[0]) - np.median(gains[1]))
            if abs(score) <= NOISE_NS:  # one NIC, captured twice
                continue
            node = first if score > 0 else second
            settled[place.number] = replace(place, node=node, node_source=BY_ORDER)
            break
    return settled


def _ends_of(workspace: Workspace, one: Place, other: Place, homes: list[NodePair]) -> tuple[int, int] | None:
    """The only two nodes between which packets were seen at both places."""
    numbers = [set(distinct(workspace.pair[workspace.at(place.number)]).tolist()) for place in (one, other)]
    ends = {frozenset(homes[number]) for number in numbers[0] & numbers[1] if None not in homes[number]}
    ends = {pair for pair in ends if len(pair) == 2}
    if len(ends) != 1:
        return None
    first, second = sorted(node for node in ends.pop() if node is not None)
    return first, second


def _pairs_between(homes: list[NodePair], source: int, destination: int) -> npt.NDArray[np.int64]:
    numbers = [number for number, home in enumerate(homes) if home == (source, destination)]
    return np.array(numbers, dtype=np.int64)


def _leaving_later(workspace: Workspace, device: Place, nic: Place, homes: list[NodePair]) -> float | None:
    """How much later than at the device packets are at the NIC, of those that leave its node against those that come.

    Nanoseconds; None where too few packets of either kind were seen at both.
    """
    leaving = np.array([number for number, home in enumerate(homes) if home[0] == nic.node], dtype=np.int64)
    coming = np.array([number for number, home in enumerate(homes) if home[1] == nic.node], dtype=np.int64)
    gains = [time_gains(workspace, device, nic, pairs) for pairs in (leaving, coming)]
    if min(len(gain) for gain in gains) < FEWEST_PACKETS:
        return None
    return float(np.median(gains[0]) - np.median(gains[1]))


def _only_other(workspace: Workspace, device: Place, homes: list[NodePair], excluded: set[int]) -> int | None:
    """The node that is left where all flows of the device are between two, and it is not the other one's."""
    rows = workspace.at(device.number)
    ends = {node for pair in distinct(workspace.pair[rows]).tolist() for node in homes[pair] if node is not None}
    left = ends - excluded
    return next(iter(left)) if excluded and len(left) == 1 else None


def _never_there(workspace: Workspace, device: Place) -> set[int]:
    """Nodes whose NIC was captured at the same time and shows nothing of what the device carries."""
    rows = workspace.at(device.number)
    units = distinct(workspace.sightings.unit[rows])
    if len(units) == 0:
        return set()
    return {
        nic.node
        for nic in workspace.places
        if nic.role is Role.NODE
        and nic.node is not None
        and not is_among(units, workspace.sightings.unit[workspace.at(nic.number)]).any()
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
    seen = distinct(workspace.pair).tolist()
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
