"""RSTs that answer a SYN: from the pod itself, or from a node in its name. Shared by the checks of both.

A node's RST begins with the node's own initial TTL, where the pod's has been forwarded once more: at the same point it
arrives with a TTL one above the pod's other answers; two above, if the opener's own node made it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ipipdiag.checks.absence import incomplete
from ipipdiag.checks.handshakes import Attempt, attempts
from ipipdiag.protocols import ICMP, TCP

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.points.model import Point

MOST_HOPS = 2  # by which a node on the way is nearer than the pod: its own node, and the opener's


class Author(Enum):
    """Who made the RSTs of a refused connection."""

    POD = "the end itself"
    NODE = "a node in its name"
    UNKNOWN = "nothing to compare with"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A connection that RST alone answers, at one point.

    ``ttl`` is that of the RSTs, ``usual`` that of other answers of the same end there (None: there are none).
    ``silent_link`` is a capture of the end's own link that ought to show the SYN, and does not.
    """

    attempt: Attempt
    ttl: int
    usual: int | None
    author: Author
    silent_link: Point | None = None


def refusals(points: Sequence[Point], cluster: Cluster) -> Iterator[Refusal]:
    """Every refused connection at every point, with who refuses it as far as that shows."""
    refused = {point: [attempt for attempt in attempts(point) if attempt.resets] for point in points}
    links: dict[int, list[Point]] = defaultdict(list)
    for point in points:
        for pod in point.pods if point.is_pod_link else ():
            links[pod].append(point)
    for point, group in refused.items():
        usual = _usual_ttls(point, group) if group else {}
        for attempt in group:
            yield _judge(attempt, usual.get(_key(attempt), set()), links[attempt.flow.destination], cluster)


def _key(attempt: Attempt) -> tuple[int, int]:
    """By what answers of one end at one point are alike: its address, and the form in which they come."""
    return attempt.flow.destination, int(attempt.point.facts.flows.tunnel[attempt.back[0]])


def _usual_ttls(point: Point, group: list[Attempt]) -> dict[tuple[int, int], set[int]]:
    """TTLs of what else each end answers at a point; ICMP errors are left out, for a node may have made them."""
    flows = point.facts.flows
    ends = {attempt.flow.destination for attempt in group}
    refused = {row for attempt in group for row in attempt.back}
    found: dict[tuple[int, int], set[int]] = defaultdict(set)
    for row, (source, tunnel, protocol, port, packets, resets, *ttls) in enumerate(
        flows.rows("source", "tunnel", "protocol", "source_port", "packets", "resets", "ttl_min", "ttl_max")
    ):
        is_error = protocol == ICMP and port < 0
        if source in ends and row not in refused and not is_error and packets > resets:
            found[source, tunnel].update(ttls)
    return found


def _judge(attempt: Attempt, usual: set[int], links: list[Point], cluster: Cluster) -> Refusal:
    flows = attempt.point.facts.flows
    ttl = max(int(flows.ttl_max[row]) for row in attempt.back)
    if attempt.point in links or any(_shows(link, attempt) for link in links):
        return Refusal(attempt, ttl, None, _at_own_link(attempt, links))
    silent = next((link for link in links if _ought_to_show(link, attempt)), None)
    if ttl in usual:
        return Refusal(attempt, ttl, ttl, Author.POD)
    nearest = max((other for other in usual if other < ttl), default=None)
    is_nearer = nearest is not None and ttl - nearest <= MOST_HOPS
    author = Author.NODE if (is_nearer or silent) and cluster.is_pod(attempt.flow.destination) else Author.UNKNOWN
    return Refusal(attempt, ttl, nearest, author, silent)


def _at_own_link(attempt: Attempt, links: list[Point]) -> Author:
    """Who refuses where the end's own link shows the SYN: by the side of the link that sends the RST."""
    point = attempt.point
    if point not in links:
        return Author.POD
    sent_by = {int(point.facts.flows.source_mac[row]) for row in attempt.back}
    return Author.UNKNOWN if sent_by & set(point.host_macs) else Author.POD


def _shows(link: Point, attempt: Attempt) -> bool:
    """Whether a point shows packets of a connection."""
    flows, flow = link.facts.flows, attempt.flow
    same = (flows.source == flow.source) & (flows.destination == flow.destination)
    same &= (flows.protocol == flow.protocol) & (flows.source_port == flow.source_port)
    return bool((same & (flows.destination_port == flow.destination_port)).any())


def _ought_to_show(link: Point, attempt: Attempt) -> bool:
    """Whether a capture of a link was running and whole when the SYN was sent, and holds TCP."""
    extent, flows = link.facts.extent, link.facts.flows
    if extent.first_ns is None or extent.last_ns is None or incomplete(link):
        return False
    return (
        extent.first_ns <= attempt.first_ns
        and attempt.last_ns <= extent.last_ns
        and bool((flows.protocol == TCP).any())
    )
