"""IPD1005 ArpBeyondGateway."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Reason, Severity, Status
from tests.builders.packets import arp, ethernet
from tests.checks.world import HOST_MAC, NODE_A, POD_A, POD_MAC, Examination, at, bgp, gateway_arp


def asks(target: str, sender: str = POD_A) -> tuple[int, bytes]:
    return at(2, ethernet(arp(1, POD_MAC, sender, 0, target), source=POD_MAC, destination="ff:ff:ff:ff:ff:ff"))


@pytest.mark.parametrize("extra", [asks(POD_A), asks(POD_A, "0.0.0.0")], ids=["announcement", "probe"])
def test_gateway_alone_passes(examine: Examination, extra: tuple[int, bytes]) -> None:
    assert examine([*gateway_arp(), extra]).status is Status.PASS


def test_host_asking_for_the_pod_is_not_the_pod(examine: Examination) -> None:
    host = ethernet(arp(1, HOST_MAC, NODE_A, 0, POD_A), source=HOST_MAC, destination="ff:ff:ff:ff:ff:ff")
    assert examine([*gateway_arp(), at(2, host)]).status is Status.PASS


def test_other_target_is_a_warning(examine: Examination) -> None:
    finding = examine([*gateway_arp(), asks("172.20.1.1")]).finding
    assert finding.severity is Severity.WARNING
    assert "172.20.1.1" in finding.observed


def test_other_points_cannot_show_it(examine: Examination) -> None:
    assert examine(bgp()).reason is Reason.WRONG_POINT
