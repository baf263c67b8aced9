"""IPD1008 PeerArpUnanswered."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.builders.packets import arp, ethernet
from tests.checks.files_world import collected
from tests.checks.world import (
    MAC_NODE_A,
    MAC_NODE_B,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    ROUTER,
    Examination,
    at,
    bgp,
    gateway_arp,
    request,
)


def asks(*times: float, sender: str = NODE_A, mac: str = MAC_NODE_A, target: str = NODE_B) -> list[tuple[int, bytes]]:
    frame = ethernet(arp(1, mac, sender, 0, target), source=mac, destination="ff:ff:ff:ff:ff:ff")
    return [at(time, frame) for time in times]


def third(time: float) -> tuple[int, bytes]:
    """Traffic of the capturing node with somebody else, so that its own MAC is known and time goes on."""
    return at(time, ethernet(request(int(time), NODE_A, ROUTER, ttl=64), source=MAC_NODE_A, destination=MAC_ROUTER))


OTHERS = [third(time) for time in range(1, 40)]
SESSION = bgp(until=3)


def test_answered_request_passes(examine: Examination) -> None:
    back = arp(2, MAC_NODE_B, NODE_B, MAC_NODE_A, NODE_A)
    answer = at(10.001, ethernet(back, source=MAC_NODE_B, destination=MAC_NODE_A))
    assert examine([*SESSION, *asks(10), answer, *OTHERS]).status is Status.PASS


def test_requests_of_others_are_not_judged(examine: Examination) -> None:
    asked = asks(10, 11, 12, 13, sender=ROUTER, mac=MAC_ROUTER)
    assert not examine([*SESSION, *asked, *OTHERS]).findings


def test_peer_that_still_speaks_is_alive(examine: Examination) -> None:
    assert not examine([*bgp(until=30), *asks(10, 11.1, 12.2), *OTHERS]).findings


def test_three_tries_without_answer_are_critical(examine: Examination) -> None:
    finding = examine([*SESSION, *asks(10, 11.1, 12.2), *OTHERS]).finding
    assert finding.severity is Severity.CRITICAL
    assert NODE_A in finding.title and NODE_B in finding.title


def test_other_points_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT


def test_neighbour_table_that_failed_is_cited(examine: Examination) -> None:
    table = {"nodes/alpha/neigh.txt": f"? ({NODE_B}) at <incomplete> on eth0\n"}
    finding = examine([*SESSION, *asks(10, 11.1, 12.2), *OTHERS], files=collected(more=table)).finding
    assert "neighbour table says incomplete (config: nodes/alpha/neigh.txt line 1)" in finding.observed
