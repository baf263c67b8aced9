"""What was seen to work beside a fault: the contrast that narrows it down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ipipdiag.addresses import format_address, parse_address
from ipipdiag.checks.model import Finding, SubjectKind
from ipipdiag.facts.flows import Flows
from ipipdiag.kinds import Tunnel
from ipipdiag.points.model import Point
from ipipdiag.protocols import BGP_PORT, ICMP, TCP


def seen_to_work(finding: Finding, points: Sequence[Point]) -> str | None:
    """One sentence part about something near the finding's subject that worked; None where nothing was seen to.

    A finding about a capture has no contrast: what the capture shows is judged by the others.
    """
    if finding.worked:
        return finding.worked[0]
    if finding.subject.kind in (SubjectKind.CAPTURE, SubjectKind.POINT):
        return None
    nodes, pods = _integers(finding.subject.nodes), _integers(finding.subject.addresses)
    about_bgp = finding.subject.kind is SubjectKind.SESSION
    for find in (_other_tunnels, _other_pods) if about_bgp else (_other_tunnels, _bgp, _other_pods):
        for point in points:
            flows = point.facts.flows
            if finding.first_ns is not None and finding.last_ns is not None:  # before and after it is no contrast
                flows = flows.select((flows.last_ns >= finding.first_ns) & (flows.first_ns <= finding.last_ns))
            if sentence := next(find(flows, nodes, pods), None):
                return sentence
    return None


def _integers(texts: Sequence[str]) -> list[int]:
    found = []
    for text in texts:
        try:
            found.append(parse_address(text))
        except ValueError:
            continue  # a name, not an address
    return found


def _among(column: npt.NDArray[np.int64], values: list[int]) -> npt.NDArray[np.bool_]:
    return np.isin(column, np.array(values, dtype=np.int64))


def _other_tunnels(flows: Flows, nodes: list[int], pods: list[int]) -> Iterator[str]:
    """Pods of the same nodes that are answered through the tunnel."""
    works = (flows.tunnel == Tunnel.IPIP) & (flows.requests > 0) & (flows.answers > 0)
    works &= _among(flows.outer_source, nodes) | _among(flows.outer_destination, nodes)
    for source, destination in flows.select(works).rows("source", "destination"):
        yield f"{format_address(source)} to {format_address(destination)} is answered through the tunnel"


def _bgp(flows: Flows, nodes: list[int], pods: list[int]) -> Iterator[str]:
    """BGP between the finding's nodes; where it names one node, that node's with another: it is up and reached."""
    bgp = (flows.tunnel == Tunnel.NONE) & (flows.protocol == TCP) & (flows.answers > 0) & (flows.data_packets > 0)
    bgp &= (flows.source_port == BGP_PORT) | (flows.destination_port == BGP_PORT)
    of_source, of_destination = _among(flows.source, nodes), _among(flows.destination, nodes)
    bgp &= (of_source | of_destination) if len(nodes) == 1 else (of_source & of_destination)
    for source, destination in flows.select(bgp).rows("source", "destination"):
        yield f"BGP between {format_address(source)} and {format_address(destination)} works"


def _other_pods(flows: Flows, nodes: list[int], pods: list[int]) -> Iterator[str]:
    """Conversations of one of the finding's pods with somebody else, or without its addresses; not those of BGP."""
    works = (flows.requests > 0) & (flows.answers > 0)
    works &= (flows.source_port != BGP_PORT) & (flows.destination_port != BGP_PORT)
    apart = works & ~_among(flows.source, nodes + pods) & ~_among(flows.destination, nodes + pods)
    near = works & (_among(flows.source, pods) ^ _among(flows.destination, pods))
    for chosen in (near, apart):
        for row in flows.select(chosen).rows("source", "destination", "protocol", "destination_port"):
            yield _conversation(*row)


def _conversation(source: int, destination: int, protocol: int, port: int) -> str:
    """What is answered between whom."""
    ends = f"from {format_address(source)} to {format_address(destination)}"
    if protocol == ICMP:
        return f"ping {ends} is answered"
    return f"{'TCP' if protocol == TCP else 'DNS'} {ends} port {port} is answered"
