"""TCP from one address to another at a point: what the checks of TCP behaviour share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks.absence import SEGMENTS, limit_reached
from ipipdiag.checks.model import Missing, Reason, Severity, Subject, SubjectKind
from ipipdiag.checks.thresholds import Thresholds
from ipipdiag.kinds import TcpEvent
from ipipdiag.points.commands import capture_command
from ipipdiag.points.model import Role
from ipipdiag.protocols import BGP_PORT, TCP
from ipipdiag.trace.places import home_of

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.facts.tcp_health import TcpEvents
    from ipipdiag.points.model import Point

MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Pair:
    """What one address sends another by TCP at one point; sessions on TCP/179 are left to family 4."""

    point: Point
    source: int
    destination: int
    segments: int  # with payload
    payload: int  # bytes
    events: TcpEvents  # of this direction

    def count(self, *kinds: TcpEvent) -> int:
        """Packets of some kinds of event."""
        if not len(self.events):
            return 0
        return sum(packets for event, packets in self.events.rows("event", "packets") if event in kinds)

    def only(self, *kinds: TcpEvent) -> TcpEvents:
        """The events of some kinds."""
        chosen = [position for position, event in enumerate(self.events.event.tolist()) if event in kinds]
        return self.events.select(chosen)

    @property
    def again(self) -> int:
        """Segments sent again."""
        return self.count(TcpEvent.SENT_AGAIN, TcpEvent.SENT_AGAIN_UNSEEN)

    @property
    def share_again(self) -> float:
        """Bytes sent again, of all bytes sent."""
        rows = self.only(TcpEvent.SENT_AGAIN, TcpEvent.SENT_AGAIN_UNSEEN)
        return int(rows.bytes.sum()) / self.payload if self.payload else 0.0


@lru_cache(maxsize=1)
def tcp_pairs(points: tuple[Point, ...]) -> tuple[Pair, ...]:
    """The pairs of addresses of all points that tell their interfaces apart and hold all flows and segments.

    A flow that passes a point in several forms counts in that with most of it.
    """
    told_apart = [point for point in points if point.role is not Role.ANY or point.interface_index >= 0]
    return tuple(pair for point in told_apart if not limit_reached(point, SEGMENTS) for pair in _pairs_at(point))


def _pairs_at(point: Point) -> Iterator[Pair]:
    import numpy as np

    from ipipdiag.facts.groups import Groups

    flows = point.facts.flows
    is_bgp = (flows.source_port == BGP_PORT) | (flows.destination_port == BGP_PORT)
    rows = np.flatnonzero((flows.protocol == TCP) & ~is_bgp)
    source, destination, payload = flows.source[rows], flows.destination[rows], flows.payload_bytes[rows]
    directions = Groups.of([source, destination, flows.source_port[rows], flows.destination_port[rows]])
    # of each direction the form with most of it; where none has any, nothing was sent
    fullest = np.flatnonzero((payload == directions.largest(payload)[directions.codes]) & (payload > 0))
    fullest = fullest[np.unique(directions.codes[fullest], return_index=True)[1]]
    pairs = Groups.of([source, destination])
    counts, sizes = np.zeros((2, len(rows)), dtype=np.int64)
    counts[fullest], sizes[fullest] = flows.data_packets[rows][fullest], payload[fullest]
    ends = (column[pairs.first].tolist() for column in (source, destination))
    totals = (pairs.total(values).tolist() for values in (counts, sizes))
    events, none = _events_by_pair(point), point.facts.tcp_events.select([])
    for one, other, segments, size in zip(*ends, *totals, strict=True):
        of_pair = events.get((one, other))
        yield Pair(point, one, other, segments, size, point.facts.tcp_events.select(of_pair) if of_pair else none)


def _events_by_pair(point: Point) -> dict[tuple[int, int], list[int]]:
    rows: dict[tuple[int, int], list[int]] = defaultdict(list)
    table = point.facts.tcp_events
    for position, (source, destination, *ports) in enumerate(
        table.rows("source", "destination", "source_port", "destination_port")
    ):
        if BGP_PORT not in ports:
            rows[source, destination].append(position)
    return rows


def severity_between(cluster: Cluster, source: int, destination: int, grave: Severity) -> Severity:
    """``grave`` where both ends are of the cluster; what the rest of the world does is worth a notice."""
    return grave if cluster.is_ours(source) and cluster.is_ours(destination) else Severity.NOTICE


def pair_subject(cluster: Cluster, source: int, destination: int) -> Subject:
    """One address to another as the subject of a finding, with the nodes they are on."""
    nodes = dict.fromkeys(node for end in (source, destination) if (node := home_of(end, cluster)) is not None)
    texts = format_address(source), format_address(destination)
    return Subject(
        SubjectKind.FLOW, f"{texts[0]} to {texts[1]}", nodes=tuple(map(format_address, nodes)), addresses=texts
    )


def no_tcp(what: str) -> Missing:
    """Why nothing could be said of TCP."""
    command = capture_command(Role.TUNL0)
    return Missing(Reason.TOO_FEW_PACKETS, f"no TCP segment with payload was captured: {what} cannot be seen", command)


def is_sent_again(pair: Pair, thresholds: Thresholds) -> bool:
    """Whether enough of a pair's segments are sent again to be reported."""
    is_often = pair.again >= max(thresholds.retransmitted_segments, 1)
    return is_often and pair.share_again >= thresholds.retransmitted_share
