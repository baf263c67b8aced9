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
from ipipdiag.checks.forwarding import FiveTuple
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


@dataclass(frozen=True, slots=True)
class _OwnLinks:
    """The captured links of one end: ``shown`` are the TCP flows to it that any of them shows, ``whole`` the links that
    hold TCP and lack nothing.
    """

    points: frozenset[Point] = frozenset()
    shown: frozenset[FiveTuple] = frozenset()
    whole: tuple[Point, ...] = ()


_NO_LINKS = _OwnLinks()


def refusals(points: Sequence[Point], cluster: Cluster) -> Iterator[Refusal]:
    """Every refused connection at every point, with who refuses it as far as that shows."""
    refused = {point: [attempt for attempt in attempts(point) if attempt.resets] for point in points}
    links = _own_links(points, {attempt.flow.destination for group in refused.values() for attempt in group})
    for point, group in refused.items():
        usual = _usual_ttls(point, group) if group else {}
        for attempt in group:
            own_links = links.get(attempt.flow.destination, _NO_LINKS)
            yield _judge(attempt, usual.get(_key(attempt), set()), own_links, cluster)


def _own_links(points: Sequence[Point], ends: set[int]) -> dict[int, _OwnLinks]:
    """The captured links of some ends, for those of which there are any."""
    import numpy as np

    links: dict[int, list[Point]] = defaultdict(list)
    shown: dict[int, set[FiveTuple]] = defaultdict(set)
    for point in points:
        own = ends.intersection(point.pods) if point.is_pod_link else None
        if not own:
            continue
        for end in own:
            links[end].append(point)
        flows = point.facts.flows
        to_own = (flows.protocol == TCP) & np.isin(flows.destination, list(own))
        for flow in map(FiveTuple._make, flows.select(to_own).rows(*FiveTuple._fields)):
            shown[flow.destination].add(flow)
    return {
        end: _OwnLinks(frozenset(group), frozenset(shown[end]), tuple(filter(_is_whole, group)))
        for end, group in links.items()
    }


def _is_whole(link: Point) -> bool:
    """Whether a capture of a link holds TCP, and lacks nothing that passed while it ran."""
    extent, flows = link.facts.extent, link.facts.flows
    is_timed = extent.first_ns is not None and extent.last_ns is not None
    return is_timed and not incomplete(link) and bool((flows.protocol == TCP).any())


def _key(attempt: Attempt) -> tuple[int, int]:
    """By what answers of one end at one point are alike: its address, and the form in which they come."""
    return attempt.flow.destination, int(attempt.point.facts.flows.tunnel[attempt.back[0]])


def _usual_ttls(point: Point, group: list[Attempt]) -> dict[tuple[int, int], set[int]]:
    """TTLs of what else each end answers at a point; ICMP errors are left out, for a node may have made them."""
    import numpy as np

    flows = point.facts.flows
    is_error = (flows.protocol == ICMP) & (flows.source_port < 0)
    is_other = np.isin(flows.source, [attempt.flow.destination for attempt in group])
    is_other &= ~is_error & (flows.packets > flows.resets)
    is_other[[row for attempt in group for row in attempt.back]] = False
    found: dict[tuple[int, int], set[int]] = defaultdict(set)
    for source, tunnel, *ttls in flows.select(is_other).rows("source", "tunnel", "ttl_min", "ttl_max"):
        found[source, tunnel].update(ttls)
    return found


def _judge(attempt: Attempt, usual: set[int], links: _OwnLinks, cluster: Cluster) -> Refusal:
    flows = attempt.point.facts.flows
    ttl = max(int(flows.ttl_max[row]) for row in attempt.back)
    if attempt.point in links.points or attempt.flow in links.shown:
        return Refusal(attempt, ttl, None, _at_own_link(attempt, links))
    silent = next((link for link in links.whole if _ran_meanwhile(link, attempt)), None)
    if ttl in usual:
        return Refusal(attempt, ttl, ttl, Author.POD)
    nearest = max((other for other in usual if other < ttl), default=None)
    is_nearer = nearest is not None and ttl - nearest <= MOST_HOPS
    author = Author.NODE if (is_nearer or silent) and cluster.is_pod(attempt.flow.destination) else Author.UNKNOWN
    return Refusal(attempt, ttl, nearest, author, silent)


def _at_own_link(attempt: Attempt, links: _OwnLinks) -> Author:
    """Who refuses where the end's own link shows the SYN: by the side of the link that sends the RST."""
    point = attempt.point
    if point not in links.points:
        return Author.POD
    sent_by = {int(point.facts.flows.source_mac[row]) for row in attempt.back}
    return Author.UNKNOWN if sent_by & set(point.host_macs) else Author.POD


def _ran_meanwhile(link: Point, attempt: Attempt) -> bool:
    """Whether a link was being captured from the first SYN of a connection to its last."""
    first_ns, last_ns = link.facts.extent.first_ns, link.facts.extent.last_ns
    return first_ns is not None and last_ns is not None and first_ns <= attempt.first_ns and attempt.last_ns <= last_ns
