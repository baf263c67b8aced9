"""The topology as a drawing: the two nodes the run is about on either side, what passes between them as lanes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ipipdiag.addresses import format_address
from ipipdiag.report.drawing import LARGE, NORMAL, SMALL, Box, Drawing, Label, Line, Mark, Shape, text_width
from ipipdiag.report.exhibits.lanes import Lane, Sight
from ipipdiag.report.exhibits.topology import NodeBox, Topology
from ipipdiag.report.units import format_count

WIDTH = 960
NODE_WIDTH = 270
GAP = WIDTH - 2 * NODE_WIDTH
PADDING = 12
HEAD = 52  # of a node: name, address
POD, DEVICE = 42, 26  # heights
LANE = 70
OTHER_WIDTH = 225


def draw_topology(topology: Topology) -> Drawing:
    """Shapes of the whole drawing."""
    height = max(max(_height(node) for node in topology.pair), _lanes_height(topology.lanes) + 24)
    shapes: list[Shape] = []
    lefts = (0, WIDTH - NODE_WIDTH)
    for node, left in zip(topology.pair, lefts, strict=False):
        shapes += _node(node, left, 0, NODE_WIDTH, height, topology.fault)
    if len(topology.pair) > 1:
        shapes += _between(topology, height)
    if topology.others:
        shapes += _others(topology, height)
        height += 40 + max(_other_height(node) for node in topology.others)
    return Drawing(
        "Topology: nodes, pods, and what passes between them", describe(topology), WIDTH, height, tuple(shapes)
    )


def describe(topology: Topology) -> str:
    """The drawing in words."""
    parts = [f"{node.name} with {format_count(len(node.pods) + node.more_pods, 'pod')}" for node in topology.pair]
    said = ["Nodes: " + ", ".join([*parts, *(node.name for node in topology.others)]) + "."]
    for lane in topology.lanes:
        said.append(f"{_title(topology, lane)}: {', '.join(_sight_text(sight) for sight in lane.sights)}.")
    if topology.fault:
        at = [node.name for node in topology.pair if node.is_fault]
        pods = [pod.name for node in topology.pair for pod in node.pods if pod.is_fault]
        where = f"between {' and '.join(node.name for node in topology.pair)}" if topology.is_on_link else ""
        where = where or f"at {' and '.join(at + pods)}" if at or pods or where else "somewhere else"
        said.append(f"The fault {topology.fault} is {where}.")
    return " ".join(said)


def _sight_text(sight: Sight) -> str:
    lost = f" ({sight.lost:,} lost before it)" if sight.lost else ""
    return f"{sight.packets:,} at {sight.place.lead.id}{lost}"


def _height(node: NodeBox) -> float:
    pods = len(node.pods) * (POD + 6) + (18 if node.more_pods else 0)
    return HEAD + pods + len(node.devices) * (DEVICE + 4) + PADDING


def _lanes_height(lanes: Sequence[Lane]) -> float:
    return len(lanes) * LANE


def _node(node: NodeBox, left: float, top: float, width: float, height: float, fault: str) -> Iterator[Shape]:
    yield Box(left, top, width, height, "node-fault" if node.is_fault else "node")
    room = width - 2 * PADDING
    x = left + PADDING
    yield Label(x, top + 22, node.name, "strong", LARGE, room=room)
    where = f"{node.address_text} · {node.subnet}" if node.subnet else node.address_text
    yield Label(x, top + 40, where, "quiet", SMALL, room=room)
    if node.is_fault:
        yield Mark(left + width - 18, top + 17, "lost", f"{fault} is here")
        yield Label(left + width - 34, top + 22, fault, "fault", NORMAL, "end")
    y = top + HEAD
    for pod in node.pods:
        yield Box(x, y, room, POD, "pod-fault" if pod.is_fault else "pod")
        chips = sum(_chip_width(point) + 4 for point in pod.points)
        yield Label(x + 8, y + 17, pod.name, "strong", room=room - 16 - (chips if pod.points else 0))
        yield Label(x + 8, y + 33, pod.address, "quiet", SMALL, room=room - 16)
        yield from _chips(pod.points, x + room - 6, y + 6)
        if pod.is_fault:
            yield Mark(x + room - 14, y + 31, "lost", f"{fault} is here")
            yield Label(x + room - 28, y + 36, fault, "fault", SMALL, "end")
        y += POD + 6
    if node.more_pods:
        yield Label(x + 8, y + 12, f"and {format_count(node.more_pods, 'more pod')}", "quiet", SMALL)
    y = top + height - PADDING - len(node.devices) * (DEVICE + 4) + 4
    for text, points in node.devices:
        yield Box(x, y, room, DEVICE, "pod")
        yield Label(x + 8, y + 17, text, "plain", SMALL, room=room - 90)
        yield from _chips(points, x + room - 6, y + 4)
        y += DEVICE + 4


def _chip_width(point: str) -> float:
    return text_width(point, SMALL) + 10


def _chips(points: Sequence[str], right: float, top: float) -> Iterator[Shape]:
    """Numbers of capture points, drawn leftwards."""
    for point in reversed(points[:4]):
        width = _chip_width(point)
        yield Box(right - width, top, width, 18, "chip")
        yield Label(right - width / 2, top + 13, point, "plain", SMALL, "middle")
        right -= width + 4


def _between(topology: Topology, height: float) -> Iterator[Shape]:
    left, right = NODE_WIDTH, WIDTH - NODE_WIDTH
    top = (height - _lanes_height(topology.lanes)) / 2
    marked = _lane_with_fault(topology)
    if not topology.lanes:
        y = height / 2
        yield Line(((left, y), (right, y)), "unknown")
        yield Label((left + right) / 2, y - 10, "no packet was followed between them", "quiet", SMALL, "middle")
        if topology.is_on_link:
            yield Mark((left + right) / 2, y, "lost", topology.fault)
            yield Label((left + right) / 2, y + 24, topology.fault, "fault", NORMAL, "middle")
        return
    for position, lane in enumerate(topology.lanes):
        yield from _lane(topology, lane, top + position * LANE + 42, topology.fault if position == marked else "")


def _lane_with_fault(topology: Topology) -> int | None:
    """Which lane bears the mark of a fault on the link: the first that lost something, else the first."""
    if not topology.is_on_link:
        return None
    concerned = [
        position for position, lane in enumerate(topology.lanes) if lane.is_pods is not topology.is_about_nodes
    ]
    losing = [position for position in concerned if topology.lanes[position].lost]
    return next(iter([*losing, *concerned]), 0)


def _title(topology: Topology, lane: Lane) -> str:
    names = {node.address: node.name for node in topology.pair}
    ends = f"{names.get(lane.source, format_address(lane.source))} to {names.get(lane.destination, '')}"
    if not lane.is_pods:
        return f"The nodes themselves (BGP, …), {ends}"
    form = "in IP-in-IP and bare" if lane.wrapped and lane.bare else "in IP-in-IP" if lane.wrapped else "bare"
    return f"Pods {form}, {ends}"


def _lane(topology: Topology, lane: Lane, y: float, fault: str) -> Iterator[Shape]:
    """One direction: a line from the source's side to the destination's, a mark at each place with its count."""
    left, right = float(NODE_WIDTH), float(WIDTH - NODE_WIDTH)
    is_rightward = lane.source == topology.pair[0].address
    start, end = (left, right) if is_rightward else (right, left)
    yield Label((left + right) / 2, y - 28, _title(topology, lane), "plain", SMALL, "middle", room=GAP - 16)
    places = _positions(lane, start, end)
    yield from _way(lane, start, end, places, y)
    if lane.routers or topology.has_router:
        yield from _router(lane, _room_for_router([start, *places, end]), y)
    before = start
    for sight, x in zip(lane.sights, places, strict=True):
        mark = "absent" if not sight.packets else "tunnel" if lane.wrapped else "seen"
        yield Mark(x, y, mark, f"{format_count(sight.packets, 'packet')} at {sight.place.label}")
        anchor = "start" if x <= left + 20 else "end" if x >= right - 20 else "middle"
        text = f"{sight.place.lead.id}: {sight.packets:,}"
        yield Label(x + {"start": -4, "end": 4, "middle": 0}[anchor], y + 21, text, "plain", SMALL, anchor)
        if sight.lost:
            middle = (before + x) / 2
            yield Mark(middle, y, "lost", f"{format_count(sight.lost, 'packet')} lost")
            text = f"{fault}: {sight.lost:,} lost" if fault else f"{sight.lost:,} lost"
            yield Label(middle, y - 12, text, "fault", SMALL, "middle")
        before = x
    if fault and not lane.lost:
        yield Mark((left + right) / 2, y, "lost", fault)
        yield Label((left + right) / 2, y - 12, fault, "fault", SMALL, "middle")


def _way(lane: Lane, start: float, end: float, places: Sequence[float], y: float) -> Iterator[Shape]:
    """The line of a lane: as the packets are where they were seen, dotted where none is left, dashed where nobody
    looked.
    """
    kind = "tunnel" if lane.wrapped else "bare"
    at = start
    before = kind if lane.sights[0].place.node == lane.source else "unknown"
    for sight, x in zip(lane.sights, places, strict=True):
        before = before if sight.packets else "gone"
        yield from _stretch(at, x, y, before)
        at, before = x, kind if sight.packets else "gone"
    if before != "gone" and lane.sights[-1].place.node != lane.destination:
        before = "unknown"
    yield from _stretch(at, end, y, before, has_arrow=before != "gone")


def _positions(lane: Lane, start: float, end: float) -> list[float]:
    """Where the places of a lane lie: the NICs at the sides, what lies between them evenly."""
    sign = 1 if end > start else -1
    count = len(lane.sights)
    near, far = start + sign * 10, end - sign * 14
    is_first_near = lane.sights[0].place.node == lane.source
    is_last_far = lane.sights[-1].place.node == lane.destination
    if count == 1:
        return [near if is_first_near else far if is_last_far else (start + end) / 2]
    low = near if is_first_near else near + (far - near) / (count + 1)
    high = far if is_last_far else far - (far - near) / (count + 1)
    return [low + (high - low) * position / (count - 1) for position in range(count)]


def _stretch(start: float, end: float, y: float, kind: str, *, has_arrow: bool = False) -> Iterator[Shape]:
    if start == end:
        return
    short = end - (6 if end > start else -6) if has_arrow and kind == "tunnel" else end
    yield Line(((start, y), (short, y)), kind)
    if kind == "tunnel":
        yield Line(((start, y), (short, y)), "core")
        if has_arrow:
            yield Line(((short, y), (end, y)), "core", has_arrow=True)
    elif has_arrow:
        yield Line(((start, y), (end, y)), kind, has_arrow=True)


def _room_for_router(xs: Sequence[float]) -> float:
    """Where a router is drawn: in the longest stretch, off its middle, where a cross may be."""
    start, end = max(pairwise(xs), key=lambda stretch: abs(stretch[1] - stretch[0]))
    return start + 0.27 * (end - start)


def _router(lane: Lane, x: float, y: float) -> Iterator[Shape]:
    text = format_count(lane.routers, "router") if lane.routers else "router"
    width = text_width(text, SMALL) + 14
    yield Box(x - width / 2, y - 10, width, 20, "chip")
    yield Label(x, y + 4, text, "plain", SMALL, "middle")


def _other_height(node: NodeBox) -> float:
    return 50 + (18 if node.pods else 0) + 18


def _others(topology: Topology, top: float) -> Iterator[Shape]:
    """The other nodes in a row below, hung on the node network."""
    height = max(_other_height(node) for node in topology.others)
    y = top + 18
    yield Line(((40, y), (WIDTH - 40, y)), "axis")
    text = "node network"
    if topology.more_nodes:
        text += f"; {format_count(topology.more_nodes, 'more node')} not drawn"
    for x in (NODE_WIDTH / 2, WIDTH - NODE_WIDTH / 2)[: len(topology.pair)]:
        yield Line(((x, top), (x, y)), "axis")
    step = WIDTH / len(topology.others)
    for position, node in enumerate(topology.others):
        left = step * position + (step - OTHER_WIDTH) / 2
        yield Line(((left + OTHER_WIDTH / 2, y), (left + OTHER_WIDTH / 2, y + 20)), "axis")
        yield Box(left, y + 20, OTHER_WIDTH, height, "node-fault" if node.is_fault else "node")
        room = OTHER_WIDTH - 2 * PADDING
        yield Label(left + PADDING, y + 41, node.name, "strong", room=room)
        where = f"{node.address_text} · {node.subnet}" if node.subnet else node.address_text
        yield Label(left + PADDING, y + 57, where, "quiet", SMALL, room=room)
        if node.pods:
            count = len(node.pods) + node.more_pods
            yield Label(left + PADDING, y + 75, format_count(count, "pod"), "quiet", SMALL, room=room)
        points = tuple(point for _, numbers in node.devices for point in numbers)
        points += tuple(point for pod in node.pods for point in pod.points)
        yield from _chips(points, left + OTHER_WIDTH - PADDING, y + height - 4)
    width = text_width(text, SMALL) + 16
    yield Box(NODE_WIDTH + 16, y - 9, width, 18, "tick")
    yield Label(NODE_WIDTH + 16 + width / 2, y + 4, text, "quiet", SMALL, "middle")
