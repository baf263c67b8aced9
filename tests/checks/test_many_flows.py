"""What is looked up in columns, for there may be a hundred thousand flows, against the plain definition row by row."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from ipipdiag.checks.answered_beside import AnsweredBeside
from ipipdiag.checks.forwarding import FiveTuple
from ipipdiag.checks.handshakes import Attempt, attempts, outer_pair
from ipipdiag.checks.rules.ipd3001_wrong_block_owner import _Silence
from ipipdiag.checks.rules.ipd6007_handshake_unanswered import _answered
from ipipdiag.kinds import Tunnel
from ipipdiag.points.model import Point, Role
from ipipdiag.protocols import BGP_PORT, TCP
from tests.builders.packets import ipv4, tcp
from tests.builders.points import points_of
from tests.checks.world import NODE_A, NODE_B, ROUTER, Timed, at, from_a, wrapped

PODS = ("10.244.65.2", "10.244.65.3", "10.244.23.2")
NODES = (NODE_A, NODE_B, ROUTER)
PORTS = (80, 81, BGP_PORT)
FLAGS = ("S", "S", "S", "SA", "RA", "A")


def jumble(seed: int, count: int = 40) -> list[Timed]:
    """TCP packets of all kinds between a few addresses and ports, wrapped between a few nodes, or bare."""
    random = np.random.default_rng(seed)

    def one_of(values: tuple[str, ...]) -> str:
        return values[random.integers(len(values))]

    frames = []
    for number in range(count):
        ports = (PORTS[random.integers(3)], PORTS[random.integers(3)])
        segment = tcp(b"", *ports, flags=one_of(FLAGS), sequence=number)
        packet = ipv4(segment, one_of(PODS), one_of(PODS), ttl=int(random.integers(62, 65)), id=number + 1)
        outer = wrapped(packet, one_of(NODES), one_of(NODES)) if random.integers(3) else packet
        frames.append(at(float(random.integers(1, 20)) + number / 1_000, from_a(outer)))
    return frames


@pytest.fixture(params=range(20))
def points(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Point, ...]:
    return points_of(tmp_path, jumble(request.param), jumble(request.param + 100), role=Role.NODE)


def rows_of(point: Point) -> dict[FiveTuple, list[int]]:
    found: dict[FiveTuple, list[int]] = defaultdict(list)
    for row, flow in enumerate(point.facts.flows.rows(*FiveTuple._fields)):
        found[FiveTuple._make(flow)].append(row)
    return found


def every_flow(points: tuple[Point, ...]) -> list[Attempt]:
    """All TCP flows, as if they were silent."""
    return [
        Attempt(point, flow, 1, 0, int(point.facts.flows.first_ns[rows[0]]), 0, tuple(rows), ())
        for point in points
        for flow, rows in rows_of(point).items()
    ]


def test_attempts_are_flows_of_syns_alone_that_nothing_but_resets_answers(points: tuple[Point, ...]) -> None:
    for point in points:
        rows, flows = rows_of(point), point.facts.flows
        expected = {}
        for flow, sent in rows.items():
            back = rows.get(flow.reverse, [])
            is_silent = (flows.packets[sent] == flows.syns[sent]).all() and flows.syns[sent].any()
            if is_silent and (flows.packets[back] == flows.resets[back]).all() and BGP_PORT not in flow[3:]:
                first_ns, last_ns = flows.first_request_ns[sent].min(), flows.last_request_ns[sent].max()
                expected[flow] = (tuple(sent), tuple(back), flows.resets[back].max(initial=0), first_ns, last_ns)
        found = attempts(point)
        assert [one.flow for one in found] == sorted(expected)
        assert {one.flow: (one.sent, one.back, one.resets, one.first_ns, one.last_ns) for one in found} == expected


def test_silent_connections_are_answered_where_any_point_shows_it(points: tuple[Point, ...]) -> None:
    silent = every_flow(points)
    expected = set()
    for flow in {attempt.flow for attempt in silent}:
        for point in points:
            rows, flows = rows_of(point), point.facts.flows
            sent = rows.get(flow, [])
            if flow.reverse in rows or (flows.packets[sent] > flows.syns[sent]).any():
                expected.add(flow)
    assert _answered(points, silent) == expected


def test_other_answers_are_the_first_row_that_asks_the_port(points: tuple[Point, ...]) -> None:
    beside = AnsweredBeside.at(points)
    for attempt in every_flow(points):
        flows, flow = attempt.point.facts.flows, attempt.flow
        others = (flows.syn_acks > 0) & (flows.destination == flow.source) & (flows.source != flow.destination)
        others &= flows.destination_port == flow.source_port
        first = next(iter(flows.select(others).rows("source", "source_port")), None)
        assert beside.other_answer(attempt) == first


def test_way_is_open_where_another_address_answers_in_time(points: tuple[Point, ...]) -> None:
    beside = AnsweredBeside.at(points)
    for attempt in every_flow(points):
        flows, flow, pair = attempt.point.facts.flows, attempt.flow, outer_pair(attempt)
        is_open = False
        if pair is not None:
            same = (flows.outer_source == pair[0]) & (flows.outer_destination == pair[1])
            same &= (flows.tunnel == Tunnel.IPIP) & (flows.source == flow.source)
            same &= (flows.destination != flow.destination) & (flows.answers > 0)
            is_open = bool((same & (flows.last_answer_ns >= attempt.first_ns)).any())
        assert beside.is_way_open(attempt) == is_open


def test_waits_are_those_of_later_connections_to_the_same_port(points: tuple[Point, ...]) -> None:
    beside = AnsweredBeside.at(points)
    for attempt in every_flow(points):
        expected = []
        for flows in (point.facts.flows for point in points):
            same = (flows.source == attempt.flow.source) & (flows.destination == attempt.flow.destination)
            same &= (flows.destination_port == attempt.flow.destination_port) & (flows.protocol == TCP)
            same &= (flows.syns > 0) & (flows.packets > flows.syns) & (flows.first_request_ns > attempt.last_ns)
            expected += (flows.first_request_ns[same] - attempt.last_ns).tolist()
        assert list(beside.waits_ns([attempt])) == expected


def test_pods_are_missing_where_their_node_is_heard_and_does_not_answer(points: tuple[Point, ...]) -> None:
    for point in points:
        table, end_ns = point.facts.flows, point.facts.extent.last_ns or 0
        wrapped_rows = table.select(table.tunnel == Tunnel.IPIP)
        silence = _Silence(point, wrapped_rows)
        for position in range(len(wrapped_rows)):
            row = wrapped_rows.select([position])
            sends = (table.outer_source == row.outer_destination) & (table.tunnel == Tunnel.IPIP)
            alike = (wrapped_rows.destination == row.destination) & (
                wrapped_rows.outer_destination == row.outer_destination
            )
            asked = wrapped_rows.select(alike)
            expected = (
                (table.last_ns[sends] > row.first_ns).any()
                and asked.requests.sum() >= 3
                and not asked.answers.any()
                and end_ns - asked.last_request_ns.max() >= 1_000_000_000
            )
            assert silence.shows_missing(position) == expected
