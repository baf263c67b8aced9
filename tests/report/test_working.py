"""The contrast: what was seen to work beside a fault, and where none is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ipipdiag.checks.model import Finding, Subject, SubjectKind
from ipipdiag.report.working import seen_to_work
from tests.builders.packets import ethernet, ipv4, tcp, udp
from tests.builders.points import points_of
from tests.checks.world import (
    NODE_A,
    NODE_B,
    OTHER_POD_B,
    POD_A,
    POD_B,
    SECOND,
    Timed,
    at,
    bgp,
    from_a,
    from_b,
    pings,
    reply,
    request,
)
from tests.report.example_report import blocked_finding

OTHER_POD_A = "172.20.1.6"


def about(kind: SubjectKind, *, nodes: tuple[str, ...] = (), addresses: tuple[str, ...] = ()) -> Finding:
    start, end = at(0, b"")[0], at(60, b"")[0]
    subject = Subject(kind, "subject", nodes, addresses)
    return replace(blocked_finding(), subject=subject, worked=(), first_ns=start, last_ns=end)


def bare(packet: bytes, back: bytes, time: float = 1) -> list[Timed]:
    return [at(time, from_a(packet)), at(time + 0.01, from_b(back))]


def connection(port: int) -> list[Timed]:
    opening = ipv4(tcp(b"", 40000, port, "S"), OTHER_POD_A, OTHER_POD_B, ttl=63)
    accepted = ipv4(tcp(b"", port, 40000, "SA"), OTHER_POD_B, OTHER_POD_A, ttl=63)
    return bare(opening, accepted)


def test_what_the_check_saw_work_comes_first(tmp_path: Path) -> None:
    finding = replace(about(SubjectKind.POD), worked=("the pod's ARP is answered",))
    assert seen_to_work(finding, points_of(tmp_path, pings())) == "the pod's ARP is answered"


@pytest.mark.parametrize("kind", [SubjectKind.CAPTURE, SubjectKind.POINT])
def test_a_finding_about_a_capture_has_no_contrast(tmp_path: Path, kind: SubjectKind) -> None:
    assert seen_to_work(about(kind), points_of(tmp_path, [*bgp(), *pings()])) is None


def test_bgp_of_other_nodes_is_no_contrast_to_a_pod(tmp_path: Path) -> None:
    finding = about(SubjectKind.POD, nodes=("192.0.2.77",), addresses=(POD_B,))
    assert seen_to_work(finding, points_of(tmp_path, bgp())) is None


def test_bgp_of_the_same_nodes_is_one(tmp_path: Path) -> None:
    finding = about(SubjectKind.NODE_PAIR, nodes=(NODE_A, NODE_B))
    assert seen_to_work(finding, points_of(tmp_path, bgp())) == f"BGP between {NODE_A} and {NODE_B} works"


def test_bgp_of_the_one_node_shows_that_it_is_reached(tmp_path: Path) -> None:
    finding = about(SubjectKind.POD, nodes=(NODE_B,), addresses=(POD_B,))
    assert seen_to_work(finding, points_of(tmp_path, bgp())) == f"BGP between {NODE_A} and {NODE_B} works"


def test_bgp_says_nothing_of_a_bgp_session(tmp_path: Path) -> None:
    finding = about(SubjectKind.SESSION, nodes=(NODE_A, NODE_B))
    assert seen_to_work(finding, points_of(tmp_path, bgp())) is None


def test_another_pod_through_the_same_tunnel(tmp_path: Path) -> None:
    finding = about(SubjectKind.FLOW, nodes=(NODE_A,), addresses=(POD_B,))
    contrast = seen_to_work(finding, points_of(tmp_path, pings(destination=OTHER_POD_B)))
    assert contrast == f"{POD_A} to {OTHER_POD_B} is answered through the tunnel"


def test_the_conversation_is_named_by_its_kind(tmp_path: Path) -> None:
    finding = about(SubjectKind.POD, addresses=(POD_B,))
    said = {
        seen_to_work(finding, points_of(tmp_path, frames))
        for frames in (
            bare(request(1, OTHER_POD_A, OTHER_POD_B), reply(1, OTHER_POD_B, OTHER_POD_A)),
            connection(8080),
            bare(
                ipv4(udp(b"query", 40000, 53), OTHER_POD_A, OTHER_POD_B, ttl=63),
                ipv4(udp(b"answer", 53, 40000), OTHER_POD_B, OTHER_POD_A, ttl=63),
            ),
        )
    }
    ends = f"from {OTHER_POD_A} to {OTHER_POD_B}"
    assert said == {
        f"ping {ends} is answered",
        f"TCP {ends} port 8080 is answered",
        f"DNS {ends} port 53 is answered",
    }


def test_what_worked_at_another_time_is_no_contrast(tmp_path: Path) -> None:
    points = points_of(tmp_path, [*pings(destination=OTHER_POD_B), at(60, ethernet(request(9)))])
    finding = about(SubjectKind.FLOW, nodes=(NODE_A,), addresses=(POD_B,))
    assert finding.last_ns is not None
    late = replace(finding, first_ns=finding.last_ns - 20 * SECOND)
    assert seen_to_work(late, points) is None
