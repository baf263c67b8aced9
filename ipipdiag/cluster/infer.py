"""What packets imply about the cluster, where nobody told: nodes, pods, what lives behind which node, the tunnel MTU.

Everything found here says what it was inferred from. A fabric point shows no node of its own, and an outer source says
who owns a pod only at the packet's first hop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from itertools import chain

import numpy as np
import numpy.typing as npt

from ipipdiag.addresses import GATEWAY, format_address
from ipipdiag.cluster.model import Cluster, Node, NodeEvidence, Route
from ipipdiag.cluster.services import with_services
from ipipdiag.facts.flows import Flows
from ipipdiag.facts.groups import Groups
from ipipdiag.kinds import Tunnel
from ipipdiag.points.model import Point, Role
from ipipdiag.protocols import (
    BGP_PORT,
    FIRST_HOP_TTLS,
    FRAGMENTATION_NEEDED,
    ICMP,
    INITIAL_TTLS,
    IPIP_PROTOCOL,
    SHORTEST_BLOCK,
    UNREACHABLE,
)
from ipipdiag.table import distinct

UNDERLAY_ROLES = (Role.NODE, Role.ANY, Role.UNKNOWN)
OUTER_HEADER = 20  # bytes, that tunl0 puts before a packet
TCP_IP_HEADERS = 40  # IPv4 and TCP header without options: MSS = MTU - 40


def build_cluster(points: Sequence[Point], told: Cluster) -> Cluster:
    """What is told of the cluster, completed by what the points' packets imply."""
    underlay = [point for point in points if point.role in UNDERLAY_ROLES]
    cluster = replace(told, nodes=_nodes(underlay, told))
    cluster = replace(cluster, tunnel_addresses=_tunnel_addresses(underlay) | told.tunnel_addresses)
    cluster = replace(cluster, announced=_announced(points, cluster))
    seen_behind = _seen_behind(underlay, cluster)
    cluster = replace(cluster, seen_behind=seen_behind, wrapped=_wrapped(underlay))
    cluster = replace(cluster, pods=_pods(points, cluster))
    cluster = with_services(points, cluster)
    if cluster.tunnel_mtu is not None:
        return cluster
    mtus = _tunnel_mtus(points, cluster)
    if not mtus:
        return cluster
    mtu, source = next(iter(mtus.values()))
    return replace(cluster, tunnel_mtu=mtu, tunnel_mtu_source=source, tunnel_mtus=mtus)


def _nodes(points: Sequence[Point], told: Cluster) -> dict[int, Node]:
    nodes = dict(told.nodes)

    def add(addresses: Iterable[int], evidence: NodeEvidence, source: str) -> None:
        for address in sorted(set(addresses)):
            if address not in nodes or nodes[address].evidence < evidence:
                nodes[address] = Node(address, None, None, evidence, f"inferred: {source}")

    for point in points:
        flows = point.facts.flows
        add(_bgp_speakers(flows), NodeEvidence.SPEAKS_BGP, "speaks BGP (TCP/179)")
        wrapped = flows.select(flows.tunnel == Tunnel.IPIP)
        sources, destinations = set(wrapped.outer_source.tolist()), set(wrapped.outer_destination.tolist())
        add(sources & destinations, NodeEvidence.OUTER_BOTH_WAYS, "source and destination of tunnel packets")
        if point.own_mac is not None:
            add(_carriers(point), NodeEvidence.CARRIES_PODS, "answers ARP and sends packets of a pod")
        add(sources ^ destinations, NodeEvidence.OUTER_ONE_WAY, "outer address in one direction only")
    return nodes


def _bgp_speakers(flows: Flows) -> set[int]:
    """Addresses that open, accept or use a session on TCP/179; not those that only refuse one."""
    at_bgp = (flows.source_port == BGP_PORT) | (flows.destination_port == BGP_PORT)
    bgp = flows.select(at_bgp & (flows.protocol == 6) & (flows.tunnel == Tunnel.NONE))
    speaking = (bgp.syns + bgp.syn_acks + bgp.data_packets) > 0
    return set(bgp.source[speaking].tolist())


def _carriers(point: Point) -> set[int]:
    """Addresses by which machines on the node network answer ARP, whose MAC also sends packets of a pod, unwrapped."""
    arp, flows = point.facts.arp_messages, point.facts.flows
    first_hop = flows.select((flows.tunnel == Tunnel.NONE) & np.isin(flows.ttl_max, FIRST_HOP_TTLS))
    answered = {
        int(mac): int(sender)
        for mac, sender in zip(arp.sender_mac[arp.operation == 2], arp.sender[arp.operation == 2], strict=True)
    }
    announced = {int(address) for route in (point.facts.bgp_routes,) for address in route.next_hop}
    return {answered[mac] for mac in set(first_hop.source_mac.tolist()) & set(answered) if answered[mac] in announced}


def _tunnel_addresses(points: Sequence[Point]) -> dict[int, int]:
    """Inner sources with an initial TTL: the node's own packets, which leave with the address of its tunl0.

    RSTs alone do not tell: a REJECT rule on the node sends them in the pod's name.
    """
    found: dict[int, int] = {}
    for point in points:
        flows = point.facts.flows
        local = (flows.tunnel == Tunnel.IPIP) & np.isin(flows.ttl_max, INITIAL_TTLS) & (flows.packets > flows.resets)
        for source, node in zip(flows.source[local].tolist(), flows.outer_source[local].tolist(), strict=True):
            found.setdefault(source, node)
    return found


@dataclass(slots=True)
class _Announcement:
    """A prefix from a next hop: who announced it first, when it was announced, and which UPDATE did so last."""

    speaker: int
    first_ns: int
    last_ns: int
    latest: int


def _announced(points: Sequence[Point], cluster: Cluster) -> tuple[Route, ...]:
    """Blocks from BGP UPDATEs, one route a prefix and next hop; a withdrawal by the same speaker ends it."""
    announcements: dict[tuple[int, int, int], _Announcement] = {}
    withdrawals: dict[tuple[int, int, int], tuple[int, int]] = {}  # the last of each prefix and speaker, and when
    rows = chain.from_iterable(
        point.facts.bgp_routes.rows("time_ns", "speaker", "prefix", "prefix_length", "next_hop", "withdrawn")
        for point in points
    )
    for position, (time_ns, speaker, prefix, length, next_hop, withdrawn) in enumerate(rows):
        if length < SHORTEST_BLOCK:
            continue
        if withdrawn:
            withdrawals[prefix, length, speaker] = position, time_ns
        elif cluster.is_node(next_hop):
            new = _Announcement(speaker, time_ns, time_ns, position)
            known = announcements.setdefault((prefix, length, next_hop), new)
            known.first_ns, known.last_ns, known.latest = min(known.first_ns, time_ns), time_ns, position
    routes = []
    for (prefix, length, next_hop), known in announcements.items():
        position, time_ns = withdrawals.get((prefix, length, known.speaker), (-1, 0))
        withdrawn_ns = time_ns if position > known.latest else None
        network, source = (
            IPv4Network((prefix, length)),
            f"inferred: announced by BGP from {format_address(known.speaker)}",
        )
        routes.append(Route(network, next_hop, known.first_ns, known.last_ns, source, withdrawn_ns))
    return tuple(routes)


def _seen_behind(points: Sequence[Point], cluster: Cluster) -> dict[int, tuple[Route, ...]]:
    """Behind which node each pod is, from the outer source of its packets where they have been forwarded only once.

    A packet that comes by again (a loop, a detour) has a lower TTL and another outer source: of each 5-tuple only the
    rows with its highest TTL count.
    """
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    for point in points:
        flows = point.facts.flows
        flows = flows.select((flows.tunnel == Tunnel.IPIP) & _is_highest_ttl(flows))
        flows = flows.select(np.isin(flows.ttl_max, FIRST_HOP_TTLS) & ~_is_icmp_error(flows))
        for source, node, first, last in zip(
            flows.source.tolist(),
            flows.outer_source.tolist(),
            flows.first_ns.tolist(),
            flows.last_ns.tolist(),
            strict=True,
        ):
            if source in cluster.tunnel_addresses or source in cluster.nodes:
                continue
            old = spans.get((source, node), (first, last))
            spans[source, node] = (min(old[0], first), max(old[1], last))
    routes: dict[int, tuple[Route, ...]] = defaultdict(tuple)
    for (source, node), (first, last) in sorted(spans.items()):
        why = f"inferred: its packets leave with outer source {format_address(node)}"
        routes[source] += (Route(IPv4Network((source, 32)), node, first, last, why),)
    return dict(routes)


def _is_highest_ttl(flows: Flows) -> npt.NDArray[np.bool_]:
    of_flow = Groups.of([flows.source, flows.destination, flows.protocol, flows.source_port, flows.destination_port])
    is_highest: npt.NDArray[np.bool_] = flows.ttl_max == of_flow.largest(flows.ttl_max)[of_flow.codes]
    return is_highest


def _is_icmp_error(flows: Flows) -> npt.NDArray[np.bool_]:
    is_error: npt.NDArray[np.bool_] = (flows.protocol == ICMP) & (flows.source_port < 0)
    return is_error


def _wrapped(points: Sequence[Point]) -> dict[tuple[int, int], frozenset[int]]:
    """Which inner destinations each pair of outer addresses carries."""
    found: dict[tuple[int, int], set[int]] = defaultdict(set)
    for point in points:
        flows = point.facts.flows.select(point.facts.flows.tunnel == Tunnel.IPIP)
        for source, destination, inner in flows.rows("outer_source", "outer_destination", "destination"):
            found[source, destination].add(inner)
    return {pair: frozenset(inner) for pair, inner in found.items()}


def _pods(points: Sequence[Point], cluster: Cluster) -> dict[int, str]:
    pods: dict[int, str] = {}
    for point in points:
        if point.is_pod_link or point.role is Role.ANY:
            arp = point.facts.arp_messages
            for address in arp.sender[(arp.operation == 1) & (arp.target == GATEWAY) & (arp.sender > 0)].tolist():
                pods.setdefault(address, "asked for 169.254.1.1")
    for point in points:
        if point.role not in UNDERLAY_ROLES and point.role is not Role.FABRIC:
            continue
        flows = point.facts.flows
        flows = flows.select((flows.tunnel == Tunnel.IPIP) & ~_is_icmp_error(flows))
        for address in distinct(np.concatenate([flows.source, flows.destination])).tolist():
            if address not in cluster.nodes and address not in cluster.tunnel_addresses:
                pods.setdefault(address, "seen inside IP-in-IP")
    return pods


def _tunnel_mtus(points: Sequence[Point], cluster: Cluster) -> dict[int, tuple[int, str]]:
    """The tunnel MTU as each pod's own node reports it to that pod, and as each node's own SYNs through tunl0 imply it.

    What a router's "fragmentation needed" about an outer packet explains is the MTU of one path, not the tunnel's.
    """
    found: dict[int, tuple[int, str]] = {}
    of_paths = {mtu - OUTER_HEADER for point in points for mtu in _outer_path_mtus(point)}
    for point in points:
        reports = point.facts.icmp_reports
        own = (reports.type == UNREACHABLE) & (reports.code == FRAGMENTATION_NEEDED) & (reports.next_hop_mtu > 0)
        own &= np.isin(reports.ttl, INITIAL_TTLS) & np.isin(reports.receiver, np.array(point.pods, dtype=np.int64))
        told = reports.select(own if point.is_pod_link else np.zeros(len(reports), dtype=np.bool_))
        for pod, reporter, mtu in told.rows("receiver", "reporter", "next_hop_mtu"):
            if mtu not in of_paths and (pod not in found or mtu < found[pod][0]):
                found[pod] = mtu, f"inferred: ICMP fragmentation needed from {format_address(reporter)}"
    for point in points:
        flows = point.facts.flows
        local = np.isin(flows.source, np.array(list(cluster.tunnel_addresses), dtype=np.int64)) & (flows.mss_max > 0)
        for source, mss in flows.select(local).rows("source", "mss_max"):
            node, mtu = cluster.tunnel_addresses[source], mss + TCP_IP_HEADERS
            if node not in found or mtu > found[node][0]:
                found[node] = mtu, f"inferred: MSS of SYNs sent by tunl0 {format_address(source)}"
    return found


def _outer_path_mtus(point: Point) -> list[int]:
    """What routers say that outer packets may have at most."""
    reports = point.facts.icmp_reports
    about = (reports.type == UNREACHABLE) & (reports.code == FRAGMENTATION_NEEDED) & (reports.next_hop_mtu > 0)
    mtus: list[int] = reports.next_hop_mtu[about & (reports.quoted_outer_protocol == IPIP_PROTOCOL)].tolist()
    return mtus
