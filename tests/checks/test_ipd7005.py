"""IPD7005 ReplyNotTranslatedBack."""

from __future__ import annotations

from ipipdiag.checks.model import Component, Confidence, Reason, Severity, Status
from tests.builders.packets import dns_answer, ipv4, udp
from tests.checks.service_world import (
    BACKEND,
    FILES,
    NAME,
    SERVICE,
    ask,
    link,
    refusal,
    segment,
    told,
    told_through_tunnel,
    tunnel,
)
from tests.checks.world import POD_A, Examination, Timed, at, from_pod, to_pod

PORTS = (42000, 80)
BACK = (80, 42000)


def connect(time: float, answering: str, *, reset: bool = True, port: int = 42000) -> list[Timed]:
    """A SYN to the service, its SYN-ACK from an address, and what the pod makes of that."""
    return [
        segment(time, "S", POD_A, SERVICE, (port, 80)),
        segment(time + 0.001, "SA", answering, POD_A, (80, port)),
        segment(time + 0.0011, "R" if reset else "A", POD_A, answering, (port, 80)),
    ]


def question(port: int) -> bytes:
    return from_pod(ipv4(udp(b"question", port, 5353), POD_A, SERVICE, ttl=64, id=5))


def datagram(source: str, port: int, payload: bytes = b"answer", service_port: int = 5353) -> bytes:
    return ipv4(udp(payload, service_port, port), source, POD_A, ttl=62, id=77)


def test_reply_from_the_address_that_was_asked_passes(examine: Examination) -> None:
    assert examine(link(*connect(1, SERVICE, reset=False), ask(3), told(3.001))).status is Status.PASS


def test_refusal_of_a_stray_segment_is_no_reply(examine: Examination) -> None:
    """Backscatter: a SYN-ACK for a port from which the pod asked nobody."""
    stray = [segment(5, "SA", BACKEND, POD_A, (80, 43000)), segment(5.001, "R", POD_A, BACKEND, (43000, 80))]
    assert not examine(link(*connect(1, SERVICE, reset=False), *stray)).findings


def test_connection_to_the_backend_itself_is_its_own(examine: Examination) -> None:
    own = [segment(2, "S", POD_A, BACKEND, PORTS), segment(2.001, "SA", BACKEND, POD_A, BACK)]
    asked = segment(1, "S", POD_A, SERVICE, PORTS)
    assert not examine(link(asked, *own, segment(2.002, "R", POD_A, BACKEND, PORTS))).findings


def test_late_data_of_an_old_connection_is_no_reply(examine: Examination) -> None:
    """The port is used again for another connection, and the old peer has not heard of its end."""
    late = [segment(2, "PA", BACKEND, POD_A, (9000, 42000), b"x"), segment(2.001, "R", POD_A, BACKEND, (42000, 9000))]
    assert not examine(link(*connect(1, SERVICE, reset=False), *late)).findings


def test_many_peers_of_one_udp_port_are_no_replies(examine: Examination) -> None:
    asked = at(1, question(44000))
    stray = at(1.01, to_pod(datagram(BACKEND, 44000)))
    assert not examine(link(asked, stray, ask(3), told(3.001))).findings


def test_backends_address_is_right_beyond_the_pods_link(examine: Examination) -> None:
    assert examine(tunnel(told_through_tunnel(1.001)), files=FILES).reason is Reason.WRONG_POINT


def test_syn_ack_from_another_address_that_is_reset(examine: Examination) -> None:
    finding = examine(link(*connect(1, BACKEND), *connect(3, BACKEND, port=42001)), files=FILES).finding
    assert (finding.severity, finding.confidence) == (Severity.CRITICAL, Confidence.CONFIRMED)
    assert f"asks service default/dns ({SERVICE}) and gets its answers from {BACKEND}" in finding.title
    assert "RST" in finding.observed
    assert finding.count == 2
    assert finding.component is Component.KUBE_PROXY


def test_without_files_the_reply_shows_the_service(examine: Examination) -> None:
    finding = examine(link(*connect(1, BACKEND))).finding
    assert f"asks service {SERVICE}" in finding.title
    assert f"none from {SERVICE}" in finding.observed


def test_data_that_falls_out_of_an_open_connection(examine: Examination) -> None:
    opened = connect(1, SERVICE, reset=False)
    lost = [segment(2, "PA", BACKEND, POD_A, BACK, b"late"), segment(2.001, "R", POD_A, BACKEND, PORTS)]
    finding = examine(link(*opened, *lost)).finding
    assert finding.severity is Severity.ERROR


def test_dns_answer_with_the_same_id_from_another_address(examine: Examination) -> None:
    frames = [frame for n in range(3) for frame in (ask(1 + n, id=n), told(1.001 + n, id=n, server=BACKEND))]
    finding = examine(link(*frames)).finding
    assert finding.severity is Severity.CRITICAL
    assert "repeat the transaction id" in finding.observed


def test_datagram_that_the_pod_refuses(examine: Examination) -> None:
    answer = datagram(BACKEND, 41000, dns_answer(NAME, id=1), 53)
    finding = examine(link(ask(1), at(1.001, to_pod(answer)), refusal(1.0011, answer, BACKEND))).finding
    assert "ICMP port unreachable" in finding.observed


def test_other_datagram_that_the_pod_refuses(examine: Examination) -> None:
    answer = datagram(BACKEND, 44000)
    frames = [at(1, question(44000)), at(1.01, to_pod(answer)), refusal(1.0101, answer, BACKEND)]
    assert examine(link(*frames)).finding.confidence is Confidence.CONFIRMED


def test_link_without_conversations_says_nothing(examine: Examination) -> None:
    assert examine(link()).reason is Reason.TOO_FEW_PACKETS
