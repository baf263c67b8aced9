"""What lives between two places on the way of a packet: what could have dropped or delayed it there."""

from __future__ import annotations

from ipipdiag.cluster.model import Cluster
from ipipdiag.trace.model import Route
from ipipdiag.trace.places import Station

_POD, _CALI, _TUNNEL, _NIC = Station.SOURCE_POD, Station.SOURCE_CALI, Station.SOURCE_TUNNEL, Station.SOURCE_NIC
_FAR_NIC, _FAR_TUNNEL, _FAR_CALI, _FAR_POD = (
    Station.DESTINATION_NIC, Station.DESTINATION_TUNNEL, Station.DESTINATION_CALI, Station.DESTINATION_POD,
)  # fmt: skip
_LINK = "the pod's veth"
_AT_SOURCE = (
    (_POD, _CALI, _LINK),
    (_CALI, _TUNNEL, "the pod's egress policy and the routes"),
    (_TUNNEL, _NIC, "the kernel's tunnel, which wraps packets, and output rules"),
)
_AT_DESTINATION = (
    (_FAR_NIC, _FAR_TUNNEL, "cali-INPUT, which takes protocol 4 of known nodes alone, and the kernel's tunnel"),
    (_FAR_TUNNEL, _FAR_CALI, "reverse path filtering, the pod's ingress policy, its route and ARP for it"),
    (_FAR_CALI, _FAR_POD, _LINK),
)
_BARE = {
    (_TUNNEL, _NIC): "output rules",
    (_FAR_NIC, _FAR_TUNNEL): "",
}
_NETWORK = "the network between nodes {0} and {1}: firewalls, security groups, switches, routers"


def what_lives_between(start: Station, end: Station, route: Route, cluster: Cluster) -> str:
    """What is passed from one station to another, as a phrase."""
    if route.source_node is not None and route.source_node == route.destination_node and start < _NIC < end:
        return f"on node {cluster.node_text(route.source_node)}: both pods' policies and the route to the pod"
    parts = [
        _side(_AT_SOURCE, start, end, route, cluster, route.source_node),
        _network(start, end, route, cluster),
        _side(_AT_DESTINATION, start, end, route, cluster, route.destination_node),
    ]
    return "; ".join(part for part in parts if part) or "nothing but the capture itself"


def _side(
    segments: tuple[tuple[Station, Station, str], ...],
    start: Station,
    end: Station,
    route: Route,
    cluster: Cluster,
    node: int | None,
) -> str:
    """What is passed on one node."""
    passed = []
    for first, last, text in segments:
        if start <= first and last <= end:
            passed.append(text if route.is_wrapped is not False else _BARE.get((first, last), text))
    passed = [text for text in passed if text]
    if not passed:
        return ""
    where = f"on node {cluster.node_text(node)}: " if node is not None else "on the node: "
    return where + ", ".join(passed)


def _network(start: Station, end: Station, route: Route, cluster: Cluster) -> str:
    if not (start < _FAR_NIC and end > _NIC):
        return ""
    names = [
        cluster.node_text(node) if node is not None else "unknown"
        for node in (route.source_node, route.destination_node)
    ]
    text = _NETWORK.format(*names) if None not in (route.source_node, route.destination_node) else (
        "the network behind the node: firewalls, security groups, switches, routers"
    )  # fmt: skip
    return text + (" (IP-in-IP is protocol 4, not a TCP or UDP port)" if route.is_wrapped else "")
