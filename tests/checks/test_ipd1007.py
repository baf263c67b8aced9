"""IPD1007 PodArpOnUnderlay."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Reason, Severity, Status
from tests.builders.packets import arp, ethernet
from tests.checks.world import MAC_NODE_B, NODE_A, NODE_B, POD_A, POD_B, Examination, at, bgp, gateway_arp, pings


def asks(target: str, sender: str = NODE_B) -> tuple[int, bytes]:
    return at(9, ethernet(arp(1, MAC_NODE_B, sender, 0, target), source=MAC_NODE_B, destination="ff:ff:ff:ff:ff:ff"))


def test_arp_between_nodes_passes(examine: Examination) -> None:
    assert examine([*bgp(), *pings(), asks(NODE_A)]).status is Status.PASS


def test_tunnel_address_as_sender_is_normal(examine: Examination) -> None:
    assert examine([*bgp(), *pings(), asks(NODE_A, sender="172.20.9.1")]).status is Status.PASS


@pytest.mark.parametrize("mode", ["CrossSubnet", "Never"])
def test_modes_without_tunnel_are_not_judged(examine: Examination, mode: str) -> None:
    assert not examine([*bgp(), asks(POD_A)], mode=mode).findings


def test_pod_behind_the_tunnel_asked_for_is_an_error(examine: Examination) -> None:
    finding = examine([*bgp(), *pings(), asks(POD_B)]).finding
    assert finding.severity is Severity.ERROR
    assert POD_B in finding.title


def test_other_points_cannot_show_it(examine: Examination) -> None:
    assert examine(gateway_arp()).reason is Reason.WRONG_POINT
