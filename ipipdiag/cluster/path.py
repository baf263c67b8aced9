"""The path Calico gives a packet, point by point: which header it bears there, which TTL, and why.

TTLs follow the kernel: each node takes one from the packet it forwards, the tunnel copies what is then left into the
outer header (tunl0 has ``ttl inherit``), and routers between the nodes take from the outer header alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from ipipdiag.addresses import format_address
from ipipdiag.cluster.endpoints import Endpoint, EndpointKind, endpoint_of
from ipipdiag.cluster.model import Cluster
from ipipdiag.cluster.rules import expected_form, subnet_of

INITIAL_TTL = 64  # of Linux; another system's packets begin higher, and lose as much on the way
IPIP_OVERHEAD = 20  # bytes of the outer header

Header = tuple[int, int, int]  # source, destination, TTL


@dataclass(frozen=True, slots=True)
class Stop:
    """The packet at one point: the headers it bears, the largest packet that fits (bytes), and what happens next.

    ``role`` is that of the capture point (pod, cali, tunl0, node), ``node`` the node it is on.
    """

    role: str
    place: str
    node: int | None
    inner: Header
    outer: Header | None
    mtu: int | None
    then: str | None


@dataclass(frozen=True, slots=True)
class ExpectedPath:
    """What Calico should do with a packet; ``wrapped`` is None where the form is not known, ``why`` says on what all
    rests. ``notes`` are what one should know beside it.
    """

    source: Endpoint
    destination: Endpoint
    wrapped: bool | None
    why: str
    stops: tuple[Stop, ...]
    notes: tuple[str, ...] = ()


def expected_path(cluster: Cluster, source: int, destination: int) -> ExpectedPath:
    """The path of a packet between any two addresses, as far as Calico decides it."""
    start, end = endpoint_of(cluster, source), endpoint_of(cluster, destination)
    if start.node is None:
        why = f"{start.text} is on no known node: Calico does not send its packets"
        return ExpectedPath(start, end, None, why, ())
    if end.kind is EndpointKind.SERVICE:
        return _to_service(cluster, start, end)
    if end.kind is EndpointKind.OUTSIDE:
        return _to_outside(cluster, start, end)
    if end.kind is EndpointKind.NODE:
        return _to_node(cluster, start, end)
    if end.node is None:
        where = f"{end.text} is {end.why}"
        note = "a node without a route to it sends the packet to its default gateway, bare; the block's owner drops it"
        return ExpectedPath(start, end, None, where, _leaving(cluster, start, end, "no route is known"), (note,))
    if end.node == start.node:
        return _within_node(cluster, start, end)
    return _between_nodes(cluster, start, end)


def _first(start: Endpoint) -> int:
    """The TTL with which the packet leaves its node: a pod's has been forwarded once, the node's own not."""
    return INITIAL_TTL - 1 if start.kind is EndpointKind.POD else INITIAL_TTL


def _from_pod(cluster: Cluster, start: Endpoint, end: Endpoint, route: str) -> tuple[Stop, ...]:
    """The points before the node's routing decision; none for the node's own packets."""
    if start.kind is not EndpointKind.POD:
        return ()
    header = (start.address, end.address, INITIAL_TTL)
    gateway = "default gateway 169.254.1.1, for which the host side answers ARP with ee:ee:ee:ee:ee:ee"
    name = start.name or format_address(start.address)
    return (
        Stop("pod", f"{name} eth0", start.node, header, None, cluster.tunnel_mtu, gateway),
        Stop("cali", f"{_node(cluster, start.node)} cali*", start.node, header, None, cluster.tunnel_mtu, route),
    )


def _to_pod(cluster: Cluster, end: Endpoint, header: Header) -> tuple[Stop, ...]:
    source, destination, ttl = header
    name = end.name or format_address(end.address)
    header = (source, destination, ttl)
    return (
        Stop("cali", f"{_node(cluster, end.node)} cali*", end.node, header, None, cluster.tunnel_mtu, None),
        Stop("pod", f"{name} eth0", end.node, header, None, cluster.tunnel_mtu, None),
    )


def _node(cluster: Cluster, node: int | None) -> str:
    known = cluster.nodes.get(node) if node is not None else None
    return known.name if known and known.name else format_address(node) if node is not None else "unknown node"


def _within_node(cluster: Cluster, start: Endpoint, end: Endpoint) -> ExpectedPath:
    if end.kind is EndpointKind.TUNNEL:
        stops = _from_pod(cluster, start, end, "an address of the node itself: delivered locally")
        return ExpectedPath(start, end, False, "the address is one of the pod's own node", stops)
    network = format_address(end.address)
    stops = _from_pod(cluster, start, end, f"route {network} dev cali* scope link: TTL falls by one")
    source = start.address
    ttl = _first(start)
    stops += _to_pod(cluster, end, (source, end.address, ttl))
    return ExpectedPath(
        start, end, False, f"both are on node {cluster.node_text(end.node or 0)}: never on tunl0 or the NIC", stops
    )


def _between_nodes(cluster: Cluster, start: Endpoint, end: Endpoint) -> ExpectedPath:
    here, there = start.node or 0, end.node or 0
    form = expected_form(cluster, here, there, end.address)
    route = _route_to(cluster, end)
    pool = cluster.pool_of(end.address)
    why = f"{form.why}; {end.why}"
    if form.wrapped is None:
        stops = _from_pod(cluster, start, end, f"route {route}: whether by tunl0 is not known")
        return ExpectedPath(start, end, None, why, stops)
    notes = [_reply(cluster, start, end)]
    if pool is not None and pool.is_disabled:
        notes.append(f"pool {pool.text} is disabled: no new address comes from it, its packets go as before")
    if form.wrapped:
        sender = _as_tunnel(cluster, start, notes) if start.kind is EndpointKind.NODE else start
        stops = _wrapped(cluster, sender, end, route)
    else:
        stops = _bare(cluster, start, end, route, notes)
    return ExpectedPath(start, end, form.wrapped, why, stops, tuple(note for note in notes if note))


def _as_tunnel(cluster: Cluster, start: Endpoint, notes: list[str]) -> Endpoint:
    """A node's own packets into the tunnel bear the address of its tunl0, which the kernel or Felix's rule chooses."""
    own = [address for address, node in cluster.tunnel_addresses.items() if node == start.address]
    if own:
        notes.append(f"the node's own packets into the tunnel leave with its tunl0 address {format_address(own[0])}")
        return replace(start, address=own[0])
    notes.append("the node's own packets into the tunnel leave with its tunl0 address, which is not known here")
    return start


def _wrapped(cluster: Cluster, start: Endpoint, end: Endpoint, route: IPv4Network) -> tuple[Stop, ...]:
    here, there, ttl = start.node or 0, end.node or 0, _first(start)
    inner, outer = (start.address, end.address, ttl), (here, there, ttl)
    mtu = cluster.tunnel_mtu
    network = mtu + IPIP_OVERHEAD if mtu else None
    source, destination = _node(cluster, here), _node(cluster, there)
    wrap = f"IP-in-IP header: {format_address(here)} > {format_address(there)}, protocol 4; TTL, DF and ECN as inside"
    fabric = "the node network; each router takes one from the outer TTL only"
    accepted = "accepted from known Calico hosts only, then the outer header is taken off"
    return (
        *_from_pod(
            cluster, start, end, f"route {route} via {format_address(there)} dev tunl0 onlink: TTL falls by one"
        ),
        Stop("tunl0", f"{source} tunl0", here, inner, None, mtu, wrap),
        Stop("node", f"{source} NIC", here, inner, outer, network, fabric),
        Stop("node", f"{destination} NIC", there, inner, outer, network, accepted),
        Stop("tunl0", f"{destination} tunl0", there, inner, None, mtu, "route of the pod dev cali*: TTL falls by one"),
        *_to_pod(cluster, end, (start.address, end.address, ttl - 1)),
    )


def _bare(cluster: Cluster, start: Endpoint, end: Endpoint, route: IPv4Network, notes: list[str]) -> tuple[Stop, ...]:
    here, there, ttl = start.node or 0, end.node or 0, _first(start)
    inner = (start.address, end.address, ttl)
    subnet = subnet_of(cluster, here)
    hop = f"via {format_address(there)}"
    if subnet is not None and IPv4Address(there) not in subnet:
        hop = "via the router of the node network"
        notes.append("the nodes are in different subnets: the routers between them must know the block")
    source, destination = _node(cluster, here), _node(cluster, there)
    return (
        *_from_pod(cluster, start, end, f"route {route} {hop}, by the NIC: TTL falls by one"),
        Stop("node", f"{source} NIC", here, inner, None, None, "the node network, without an outer header"),
        Stop("node", f"{destination} NIC", there, inner, None, None, "route of the pod dev cali*: TTL falls by one"),
        *_to_pod(cluster, end, (start.address, end.address, ttl - 1)),
    )


def _route_to(cluster: Cluster, end: Endpoint) -> IPv4Network:
    """The prefix by which other nodes reach an address: its block, or the address alone where it is borrowed."""
    block = cluster.block_route(end.address) or cluster.announced_route(end.address)
    if block is not None and block.node == end.node:
        return block.network
    return IPv4Network((end.address, 32))


def _reply(cluster: Cluster, start: Endpoint, end: Endpoint) -> str:
    """How the answer comes back: its form is chosen by the pool of the address it goes to."""
    if start.kind is not EndpointKind.POD or start.node is None or end.node is None:
        return ""
    back = expected_form(cluster, end.node, start.node, start.address)
    forms = {True: "wrapped", False: "bare", None: "in a form that is not known"}
    return f"the answer comes back {forms[back.wrapped]}: {back.why}"


def _leaving(
    cluster: Cluster, start: Endpoint, end: Endpoint, route: str, source: int | None = None
) -> tuple[Stop, ...]:
    """Out of the node's NIC without an outer header, by the default route."""
    inner = (start.address if source is None else source, end.address, _first(start))
    place = f"{_node(cluster, start.node)} NIC"
    return (
        *_from_pod(cluster, start, end, route),
        Stop("node", place, start.node, inner, None, None, f"towards {end.text}"),
    )


def _to_outside(cluster: Cluster, start: Endpoint, end: Endpoint) -> ExpectedPath:
    if start.kind is not EndpointKind.POD:
        why = f"{end.text} is outside the pools: the node's own packets go by its ordinary routes"
        return ExpectedPath(start, end, False, why, _leaving(cluster, start, end, "the node's ordinary routes"))
    translated, why = _outgoing(cluster, start)
    source = start.node if translated else start.address
    what = f"the source becomes {format_address(start.node or 0)}" if translated else "the source stays the pod's"
    route = f"default route; {what}: TTL falls by one"
    notes = () if translated is not None else ("natOutgoing of the pool is not known: the source may be the node's",)
    whole = f"{end.text} is outside the pools: never wrapped; {why}"
    return ExpectedPath(start, end, False, whole, _leaving(cluster, start, end, route, source), notes)


def _outgoing(cluster: Cluster, start: Endpoint) -> tuple[bool | None, str]:
    pool = cluster.pool_of(start.address)
    if pool is None or pool.nat_outgoing is None:
        return None, "whether the source is translated is not known"
    says = "true" if pool.nat_outgoing else "false"
    return pool.nat_outgoing, f"pool {pool.text} has natOutgoing {says} ({pool.source})"


def _to_node(cluster: Cluster, start: Endpoint, end: Endpoint) -> ExpectedPath:
    if start.node == end.address:
        stops = _from_pod(cluster, start, end, "the pod's own node: delivered locally, if policy lets it")
        return ExpectedPath(start, end, False, "the destination is the pod's own node", stops)
    if start.kind is not EndpointKind.POD:
        return ExpectedPath(
            start,
            end,
            False,
            "between nodes: not Calico's",
            _leaving(cluster, start, end, "the node's ordinary routes"),
        )
    translated, why = _outgoing(cluster, start)
    source = start.node if translated else start.address
    what = f"the source becomes {format_address(start.node or 0)}" if translated else "the source stays the pod's"
    whole = f"a node's address is in no pool: never wrapped; {why}"
    route = f"the node network's route; {what}: TTL falls by one"
    return ExpectedPath(start, end, False, whole, _leaving(cluster, start, end, route, source))


def _to_service(cluster: Cluster, start: Endpoint, end: Endpoint) -> ExpectedPath:
    """Through kube-proxy on the sender's own node to a backend; the path goes on to the first that is known."""
    service = cluster.services[end.address]
    translate = "kube-proxy on this node replaces the service address by that of one backend"
    if not service.endpoints:
        stops = _from_pod(cluster, start, end, f"{translate}; which there are is not known")
        why = f"{end.text} is a service: its address never leaves the pod's node"
        return ExpectedPath(start, end, None, why, stops)
    onward = expected_path(cluster, start.address, service.endpoints[0])
    kept = len(_from_pod(cluster, start, end, ""))
    first = _from_pod(
        cluster, start, end, f"{translate}, {format_address(service.endpoints[0])}; " + _next(onward, kept)
    )
    backends = ", ".join(_named(cluster, address) for address in service.endpoints)
    why = f"{end.text} is a service: its address never leaves the pod's node; then {onward.why}"
    notes = (f"backends: {backends}; the path of the first is drawn", *onward.notes)
    return ExpectedPath(start, end, onward.wrapped, why, (*first, *onward.stops[kept:]), notes)


def _next(onward: ExpectedPath, kept: int) -> str:
    return (onward.stops[kept - 1].then or "") if kept and len(onward.stops) >= kept else ""


def _named(cluster: Cluster, address: int) -> str:
    name = cluster.name_of(address)
    return f"{name} ({format_address(address)})" if name else format_address(address)
