"""Flows: what is kept of a conversation's end."""

from __future__ import annotations

from ipipdiag.facts.flows import Flows, flow_rows, with_answers
from ipipdiag.facts.tally import LATE_FRAMES
from tests.builders.captures import decode_frames
from tests.builders.packets import ethernet, icmp_echo, ipv4
from tests.checks.world import reply, request


def flows_of(*packets: bytes) -> Flows:
    return with_answers(flow_rows(decode_frames([ethernet(packet) for packet in packets]).packets).aggregate())


def test_the_last_requests_are_kept_the_last_one_first() -> None:
    flows = flows_of(*(request(number) for number in range(1, 8)))
    assert flows.late_requests.tolist() == [[7, 6, 5, 4]]
    assert LATE_FRAMES == 4


def test_fewer_requests_leave_room() -> None:
    flows = flows_of(request(1), request(2))
    assert flows.late_requests.tolist() == [[2, 1, 0, 0]]
    assert (flows.last_answer_ns.tolist(), flows.last_answer_frame.tolist()) == ([-1], [0])


def test_the_last_answer_is_that_of_the_reverse_flow() -> None:
    flows = flows_of(request(1), reply(1), request(2), reply(2), request(3))
    assert flows.last_answer_frame.tolist() == [4, 5]
    assert flows.last_answer_ns.tolist() == flows.last_ns[::-1].tolist()
    assert flows.late_requests[0].tolist() == [5, 3, 1, 0]
    assert flows.late_requests[1].tolist() == [0, 0, 0, 0]


def test_an_address_that_asks_itself_answers_nothing() -> None:
    flows = flows_of(ipv4(icmp_echo(id=1, sequence=1), "172.20.0.1", "172.20.0.1", id=1))
    assert (flows.last_answer_ns.tolist(), flows.last_answer_frame.tolist()) == ([-1], [0])
