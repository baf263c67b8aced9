"""IPD1003 AddressConflict."""

from __future__ import annotations

from ipipdiag.checks.model import Severity, Status
from tests.builders.packets import arp, ethernet
from tests.checks.world import MAC_NODE_A, MAC_NODE_B, MAC_ROUTER, NODE_A, NODE_B, Examination, at, gateway_arp, pings


def answers(*who: tuple[float, str], address: str = NODE_B) -> list[tuple[int, bytes]]:
    return [
        at(time, ethernet(arp(2, mac, address, MAC_NODE_A, NODE_A), source=mac, destination=MAC_NODE_A))
        for time, mac in who
    ]


def test_one_mac_passes(examine: Examination) -> None:
    assert examine(answers((1, MAC_NODE_B), (30, MAC_NODE_B))).status is Status.PASS


def test_failover_is_no_conflict(examine: Examination) -> None:
    moved = answers((1, MAC_NODE_B), (5, MAC_NODE_B), (20, MAC_ROUTER), (30, MAC_ROUTER))
    assert examine(moved).status is Status.PASS


def test_gateway_of_two_links_is_no_conflict(examine: Examination) -> None:
    assert not examine(gateway_arp(), gateway_arp(mac="4a:1f:6c:01:02:03")).findings


def test_machine_that_answers_for_many_is_a_proxy(examine: Examination) -> None:
    proxy = [frame for n in range(4) for frame in answers((n, MAC_ROUTER), address=f"192.0.2.{50 + n}")]
    real = answers((0.1, MAC_NODE_B), address="192.0.2.50")
    assert examine([*proxy, *real]).status is Status.PASS


def test_two_answers_to_one_request_are_a_conflict(examine: Examination) -> None:
    finding = examine(answers((1, MAC_NODE_B), (1.001, MAC_ROUTER))).finding
    assert finding.severity is Severity.ERROR
    assert NODE_B in finding.title


def test_macs_that_take_turns_are_a_conflict(examine: Examination) -> None:
    assert examine(answers((1, MAC_NODE_B), (20, MAC_ROUTER), (40, MAC_NODE_B))).findings


def test_without_replies_nothing_is_judged(examine: Examination) -> None:
    assert examine(pings()).status is Status.NOT_CHECKED
