"""What packets imply about services: which address is translated to which, and in which mode kube-proxy seems to run.

A service shows where a pod asks one address and, from the same port at the same time, its packets go on to another; or
where another address than the one asked answers the pod.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ipipdiag.addresses import format_address
from ipipdiag.cluster.model import Cluster, Service
from ipipdiag.points.model import Point, Role
from ipipdiag.protocols import SCTP, TCP, UDP

PORT_UNREACHABLE = (3, 3)
SAME_TIME_NS = 2_000_000_000  # between two looks at one flow; clocks of two nodes differ by less
ANSWER_NS = 5_000_000_000  # after its request; then a resolver has given up
NODE_TTL = 64  # at a pod's link: the node itself answers
IPVS = "ipvs"
_ENDS = ("source", "destination", "source_port", "destination_port")


@dataclass(frozen=True, slots=True)
class ForeignAnswer:
    """What a pod asked of one address, and another answered. Positions are of rows of the point's flows.

    ``refusal`` says what shows that the pod takes it for no answer: "reset", "port unreachable", or "" where the
    transaction id of DNS alone ties the two together. ``own_answers`` are packets from the address that was asked.
    """

    point: Point
    protocol: int
    client: int
    client_port: int
    asked: int
    asked_port: int
    answering: int
    answering_port: int
    packets: int
    own_answers: int
    first_ns: int
    last_ns: int
    refusal: str
    asked_position: int
    answer_position: int


@dataclass(frozen=True, slots=True)
class _Row:
    """A flow of TCP, UDP or SCTP, and its position among the flows of its point."""

    position: int
    source: int
    destination: int
    protocol: int
    source_port: int
    destination_port: int
    packets: int
    answers: int
    syns: int
    syn_acks: int
    resets: int
    data_packets: int
    first_ns: int
    last_ns: int


def with_services(points: Sequence[Point], cluster: Cluster) -> Cluster:
    """The cluster with the services that packets imply beside those that were told."""
    found: dict[int, Service] = {}
    for service, protocol, port, endpoint, why in (*_translated(points), *_answered_by_others(points)):
        if service in cluster.services or service in cluster.nodes or cluster.is_pod(service):
            continue
        old = found.get(service, Service("", frozenset(), (), f"inferred: {why}"))
        endpoints = tuple(dict.fromkeys((*old.endpoints, endpoint)))
        found[service] = replace(old, ports=old.ports | {(protocol, port)}, endpoints=endpoints)
    cluster = replace(cluster, services=cluster.services | found)
    if cluster.kube_proxy_mode is not None:
        return cluster
    answering = next(_services_that_answer_ping(points, cluster), None)
    if answering is None:
        return cluster
    why = f"inferred: service address {format_address(answering)} answers ping with TTL {NODE_TTL}"
    return replace(cluster, kube_proxy_mode=IPVS, kube_proxy_source=why)


def _translated(points: Sequence[Point]) -> Iterator[tuple[int, int, int, int, str]]:
    """Requests that have one destination at the pod's link and another one further on."""
    pods = [pod for point in points if point.is_pod_link for pod in point.pods]
    beyond: dict[tuple[int, int, int], list[_Row]] = defaultdict(list)
    for point in points:
        if pods and point.role in (Role.TUNL0, Role.NODE):
            for row in _rows(point, np.isin(point.facts.flows.source, pods)):
                beyond[row.source, row.protocol, row.source_port].append(row)
    for point in points:
        for row in _sent_by_pod(point):
            onward = beyond.get((row.source, row.protocol, row.source_port), [])
            same = [far for far in onward if abs(far.first_ns - row.first_ns) <= SAME_TIME_NS]
            if same and not any(far.destination == row.destination for far in onward):
                far = same[0]
                asked, becomes = format_address(row.destination), format_address(far.destination)
                why = f"packets of {format_address(row.source)} to {asked} go on to {becomes}"
                yield row.destination, row.protocol, row.destination_port, far.destination, why


def _answered_by_others(points: Sequence[Point]) -> Iterator[tuple[int, int, int, int, str]]:
    for point in points:
        for answer in foreign_answers(point):
            asked, answers = format_address(answer.asked), format_address(answer.answering)
            why = f"{format_address(answer.client)} asked {asked}, and {answers} answered"
            yield answer.asked, answer.protocol, answer.asked_port, answer.answering, why


def _services_that_answer_ping(points: Sequence[Point], cluster: Cluster) -> Iterator[int]:
    """Service addresses whose echo replies reach a pod with the TTL of its own node."""
    for point in points:
        flows = point.facts.flows
        replies = (flows.echo_replies > 0) & (flows.ttl_max == NODE_TTL) & (flows.answers > 0)
        for source in flows.source[replies].tolist() if point.is_pod_link else ():
            if cluster.service_source(source) is not None:
                yield source


def foreign_answers(point: Point) -> Iterator[ForeignAnswer]:
    """At a pod's link: answers to a request of the pod that come from another address than the one it asked."""
    if not point.is_pod_link or not point.pods:
        return
    sent: dict[tuple[int, int, int], list[_Row]] = defaultdict(list)
    for row in _sent_by_pod(point):
        sent[row.source, row.protocol, row.source_port].append(row)
    to_pod = np.isin(point.facts.flows.destination, point.pods) & ~np.isin(point.facts.flows.source, point.pods)
    for stray in _rows(point, to_pod & _may_be_stray(point)):
        asked_rows = sent.get((stray.destination, stray.protocol, stray.destination_port), [])
        end = (stray.source, stray.source_port)
        back = [row for row in asked_rows if (row.destination, row.destination_port) == end]
        for asked in asked_rows:
            if asked.destination == stray.source or not asked.first_ns <= stray.first_ns <= asked.last_ns + ANSWER_NS:
                continue
            refusal = _refusal(point, asked, stray, back)
            if refusal is not None:
                yield _foreign_answer(point, asked, stray, refusal)


def _may_be_stray(point: Point) -> npt.NDArray[np.bool_]:
    """Which flows may be refused answers: datagrams that get none back, and TCP of which only resets come back."""
    flows = point.facts.flows
    refusing = flows.select((flows.protocol == TCP) & (flows.resets == flows.packets))
    ends = set(refusing.rows("destination", "source", "destination_port", "source_port"))
    own = zip(*(getattr(flows, name).tolist() for name in _ENDS), strict=True) if ends else ()
    is_reset = np.array([row in ends for row in own], dtype=np.bool_) if ends else np.zeros(len(flows), dtype=np.bool_)
    datagrams = (flows.protocol == UDP) & (flows.answers == 0)
    may_be: npt.NDArray[np.bool_] = datagrams | ((flows.protocol == TCP) & is_reset)
    return may_be


def _refusal(point: Point, asked: _Row, stray: _Row, back: list[_Row]) -> str | None:
    """What makes a stray packet an answer to the request of that port; None where nothing does."""
    if stray.protocol == TCP:
        only_resets = bool(back) and all(row.packets == row.resets for row in back)
        opens = stray.syn_acks > 0 and asked.syns > 0 and asked.answers == 0
        goes_on = stray.data_packets > 0 and not stray.syns and asked.answers > 0
        goes_on &= stray.source_port == asked.destination_port  # an old connection of a port that is used again has not
        return "reset" if only_resets and (opens or goes_on) else None
    if stray.protocol != UDP or back:
        return None
    refused = _is_refused(point, stray)
    if _has_same_question(point, asked, stray):
        return "port unreachable" if refused else ""
    return "port unreachable" if refused and asked.answers == 0 else None


def _is_refused(point: Point, stray: _Row) -> bool:
    """Whether the pod answers a datagram with ICMP port unreachable."""
    reports = point.facts.icmp_reports
    kind, code = PORT_UNREACHABLE
    about = (reports.type == kind) & (reports.code == code) & (reports.reporter == stray.destination)
    about &= (reports.quoted_source == stray.source) & (reports.quoted_destination == stray.destination)
    return bool((about & (reports.quoted_destination_port == stray.destination_port)).any())


def _has_same_question(point: Point, asked: _Row, stray: _Row) -> bool:
    """Whether the answer repeats transaction id and question of a DNS query that was sent to the other address."""
    exchanges = point.facts.dns_exchanges
    own = (exchanges.client == asked.source) & (exchanges.client_port == asked.source_port)
    queries = exchanges.select(own & (exchanges.server == asked.destination) & (exchanges.queries > 0))
    answers = exchanges.select(own & (exchanges.server == stray.source) & (exchanges.answers > 0))
    asked_for = set(queries.rows("id", "question", "question_type"))
    return bool(asked_for & set(answers.rows("id", "question", "question_type")))


def _foreign_answer(point: Point, asked: _Row, stray: _Row, refusal: str) -> ForeignAnswer:
    return ForeignAnswer(
        point=point,
        protocol=stray.protocol,
        client=asked.source,
        client_port=asked.source_port,
        asked=asked.destination,
        asked_port=asked.destination_port,
        answering=stray.source,
        answering_port=stray.source_port,
        packets=stray.packets,
        own_answers=asked.answers,
        first_ns=stray.first_ns,
        last_ns=stray.last_ns,
        refusal=refusal,
        asked_position=asked.position,
        answer_position=stray.position,
    )


def _sent_by_pod(point: Point) -> Iterator[_Row]:
    """What a pod sends, at its own link."""
    if point.is_pod_link and point.pods:
        yield from _rows(point, np.isin(point.facts.flows.source, point.pods))


def _rows(point: Point, wanted: npt.NDArray[np.bool_]) -> Iterator[_Row]:
    flows = point.facts.flows
    chosen = np.flatnonzero(wanted & np.isin(flows.protocol, (TCP, UDP, SCTP)) & (flows.source_port >= 0))
    names = [name for name in _Row.__dataclass_fields__ if name != "position"]
    for position, values in zip(chosen.tolist(), flows.select(chosen).rows(*names), strict=True):
        yield _Row(position, *values)
