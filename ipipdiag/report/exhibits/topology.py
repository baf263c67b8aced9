"""Which nodes and pods the drawing of the topology shows, what passes between them, and where the fault is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ipipdiag.addresses import format_address, parse_address
from ipipdiag.checks.model import Component, Finding, SubjectKind
from ipipdiag.cluster.model import Cluster
from ipipdiag.cluster.rules import expected_form, subnet_of
from ipipdiag.kinds import Tunnel
from ipipdiag.points.model import Point, Role
from ipipdiag.report.exhibits.lanes import Lane, lanes_between
from ipipdiag.report.model import Report
from ipipdiag.report.wording import root_of
from ipipdiag.trace.model import Trace
from ipipdiag.trace.places import Place

MOST_PODS = 4  # a node
MOST_OTHERS = 4  # nodes beside the two that the drawing is about
ON_THE_LINK = (Component.NODE_NETWORK,)
AT_THE_POD = (Component.POD, Component.CNI)


@dataclass(frozen=True, slots=True)
class PodBox:
    """A pod on a node; ``points`` are the numbers of the capture points at its link."""

    name: str
    address: str
    points: tuple[str, ...]
    is_fault: bool


@dataclass(frozen=True, slots=True)
class NodeBox:
    """A node as it is drawn; ``devices`` are tunl0 and NIC with what is known of them and their capture points."""

    address: int
    name: str
    address_text: str
    subnet: str
    pods: tuple[PodBox, ...]
    more_pods: int
    devices: tuple[tuple[str, tuple[str, ...]], ...]
    is_fault: bool


@dataclass(frozen=True, slots=True)
class Topology:
    """``pair`` are the nodes the run is about, one or two; ``lanes`` what passes between them. ``fault`` is the finding
    that leads, as ``f1 IPD6001``; ``is_on_link`` where it lies between the two.
    """

    pair: tuple[NodeBox, ...]
    others: tuple[NodeBox, ...]
    more_nodes: int
    lanes: tuple[Lane, ...]
    rule: str  # what Calico's rule says of packets from the first node to the second
    has_router: bool
    fault: str
    is_on_link: bool
    is_about_nodes: bool  # the fault is one of the nodes' own traffic (BGP)


def find_topology(report: Report, points: Sequence[Point], cluster: Cluster, trace: Trace) -> Topology | None:
    """What the drawing shows; None where no node and no pod is known."""
    root = root_of(report)
    nodes = _nodes(root, points, cluster, trace)
    if not nodes:
        return None
    pair = nodes[: 2 if len(nodes) > 1 else 1]
    fault = _fault(root, pair)
    lanes = lanes_between(trace, cluster, *pair) if len(pair) > 1 else []
    pods = _pods(root, points, cluster)
    subnets = [subnet_of(cluster, node) for node in pair]
    boxes = [_box(node, pods.get(node, []), root, fault, trace, cluster) for node in nodes]
    return Topology(
        pair=tuple(boxes[: len(pair)]),
        others=tuple(boxes[len(pair) : len(pair) + MOST_OTHERS]),
        more_nodes=max(len(boxes) - len(pair) - MOST_OTHERS, 0),
        lanes=tuple(lanes),
        rule=_rule(cluster, pair, pods),
        has_router=len(subnets) > 1 and None not in subnets and subnets[0] != subnets[1],
        fault=f"{report.verdict.finding} {root.code}" if root is not None and fault != "" else "",
        is_on_link=fault == "link",
        is_about_nodes=root is not None and root.subject.kind is SubjectKind.SESSION,
    )


def _nodes(root: Finding | None, points: Sequence[Point], cluster: Cluster, trace: Trace) -> list[int]:
    """The nodes of the run, those first that the finding that leads names, then those that most is captured of."""
    named = [address for address in integers(root.subject.nodes) if cluster.is_node(address)] if root else []
    if root is not None:
        routes = [owner for address in integers(root.subject.addresses) if (owner := cluster.owner_of(address))]
        named += [route.node for route in routes]
    busy: dict[int, int] = {}
    for point in points:
        flows = point.facts.flows.select(point.facts.flows.tunnel == Tunnel.IPIP)
        for source, destination, packets in flows.rows("outer_source", "outer_destination", "packets"):
            for node in (source, destination):
                busy[node] = busy.get(node, 0) + packets
    captured = [place.node for place in trace.places if place.node is not None]
    by_traffic = sorted(busy, key=lambda node: (-busy[node], node))
    known = sorted(cluster.nodes, key=lambda node: (-cluster.nodes[node].evidence, node))
    both = [node for node in by_traffic if node in captured]
    ordered = [*named, *both, *captured, *by_traffic, *known]
    if cluster.told_nodes:
        return [node for node in dict.fromkeys(ordered) if cluster.is_told_node(node)]
    return [node for node in dict.fromkeys(ordered) if cluster.is_node(node) or node in captured]


def _fault(root: Finding | None, pair: Sequence[int]) -> str:
    """Where the fault is drawn: "link", "pod", "node" (the first of the finding), or nowhere."""
    if root is None or root.subject.kind in (SubjectKind.POINT, SubjectKind.CAPTURE):
        return ""
    if root.component in AT_THE_POD or root.subject.kind is SubjectKind.POD:
        return "pod"
    is_between = root.subject.kind in (SubjectKind.NODE_PAIR, SubjectKind.SESSION, SubjectKind.FLOW, SubjectKind.LINK)
    if len(pair) > 1 and is_between and root.component in ON_THE_LINK:
        return "link"
    return "node"


def _pods(root: Finding | None, points: Sequence[Point], cluster: Cluster) -> dict[int, list[int]]:
    """Pods by their node: those of the finding, those with a capture point, then the others, by address."""
    named = integers(root.subject.addresses) if root else []
    linked = [pod for point in points if point.is_pod_link for pod in point.pods]
    known = sorted({*cluster.placed, *cluster.seen_behind, *cluster.pods})
    pods: dict[int, list[int]] = {}
    for address in dict.fromkeys([*named, *linked, *known]):
        owner = cluster.owner_of(address)
        if owner is not None and cluster.is_pod(address):
            pods.setdefault(owner.node, []).append(address)
    return pods


def _box(node: int, pods: Sequence[int], root: Finding | None, fault: str, trace: Trace, cluster: Cluster) -> NodeBox:
    known = cluster.nodes.get(node)
    subnet = subnet_of(cluster, node)
    named = integers(root.subject.addresses) if root else []
    first_named = next((address for address in named if cluster.is_pod(address)), None)
    own = [place for place in trace.places if place.node == node]
    tunnel_address = next((address for address, owner in cluster.tunnel_addresses.items() if owner == node), None)
    devices = []
    for role, text in ((Role.TUNL0, "tunl0"), (Role.VXLAN, "vxlan.calico"), (Role.NODE, "NIC")):
        numbers = _numbers(place for place in own if place.role is role)
        if role is Role.VXLAN and not numbers:
            continue
        address = {Role.TUNL0: tunnel_address, Role.NODE: node}.get(role)
        devices.append((f"{text}  {format_address(address)}" if address is not None else text, numbers))
    at_fault = integers(root.subject.nodes) if root else []
    return NodeBox(
        address=node,
        name=known.name if known and known.name else format_address(node),
        address_text=format_address(node) if known and known.name else "node",
        subnet=str(subnet) if subnet is not None else "",
        pods=tuple(
            PodBox(
                cluster.pod_names.get(pod, "pod"),
                format_address(pod),
                _numbers(place for place in trace.places if pod in place.pods),
                fault == "pod" and pod == first_named,
            )
            for pod in pods[:MOST_PODS]
        ),
        more_pods=max(len(pods) - MOST_PODS, 0),
        devices=tuple(devices),
        is_fault=fault == "node" and bool(at_fault) and at_fault[0] == node,
    )


def _numbers(places: Iterable[Place]) -> tuple[str, ...]:
    return tuple(point.id for place in places for point in place.points)


def _rule(cluster: Cluster, pair: Sequence[int], pods: dict[int, list[int]]) -> str:
    if len(pair) < 2 or not pods.get(pair[1]):
        return ""
    form = expected_form(cluster, pair[0], pair[1], pods[pair[1]][0])
    words = {True: "in IP-in-IP", False: "without an outer header"}
    if form.wrapped is None:
        return ""
    return f"Calico's rule for pods of these nodes: {words[form.wrapped]}, since {form.why}"


def integers(texts: Iterable[str]) -> list[int]:
    """The addresses among some texts; a subject may name other things."""
    found = []
    for text in texts:
        try:
            found.append(parse_address(text))
        except ValueError:
            continue  # a name, not an address
    return found
