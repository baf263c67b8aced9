"""IPD6006 ReversePathDrop."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.two_points import Ways, echo
from tests.checks.world import NODE_A, POD_A, POD_B, Examination, at, from_b


def one_way_bare(*, reaches_pod: bool) -> Ways:
    """Requests go by the tunnel, replies come back bare; they reach the pod or not."""
    ways = Ways()
    for sequence in range(1, 6):
        ways.send(1 + sequence, echo(sequence))
        reply = echo(sequence, request=False, source=POD_B, destination=POD_A)
        for place in ("nic_b", "nic_a"):
            ways.frames[place].append(at(1.01 + sequence + (place == "nic_a") * 0.0001, from_b(reply(63))))
        if reaches_pod:
            for place in ("cali_a", "pod_a"):
                frame = Ways._framed(place, reply(62), back=True)
                ways.frames[place].append(at(1.011 + sequence + (place == "pod_a") * 0.0001, frame))
    return ways


def test_both_ways_wrapped_passes(examine: Examination) -> None:
    ways = Ways()
    ways.ping(5)
    assert examine(*ways.captures("nic_a", "cali_a")).status is Status.PASS


def test_bare_replies_that_pass_are_not_dropped(examine: Examination) -> None:
    assert not examine(*one_way_bare(reaches_pod=True).captures("nic_a", "cali_a")).findings


def test_nic_alone_is_not_enough(examine: Examination) -> None:
    assert examine(*one_way_bare(reaches_pod=False).captures("nic_a")).reason is Reason.SINGLE_POINT


def test_bare_replies_that_end_at_the_node_are_an_error(examine: Examination) -> None:
    finding = examine(*one_way_bare(reaches_pod=False).captures("nic_a", "cali_a")).finding
    assert finding.severity is Severity.ERROR
    assert f"come in bare at node {NODE_A}" in finding.title
    assert finding.count == 5
