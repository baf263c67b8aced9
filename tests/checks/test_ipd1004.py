"""IPD1004 GatewayArpSlow."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.world import Examination, bgp, gateway_arp, gateway_asked


def test_fast_answers_pass(examine: Examination) -> None:
    assert examine([*gateway_arp(1), *gateway_arp(30), *gateway_arp(60)]).status is Status.PASS


def test_one_slow_answer_among_fast_ones_passes(examine: Examination) -> None:
    assert examine([*gateway_arp(1), *gateway_arp(30, delay=0.7), *gateway_arp(60)]).status is Status.PASS


def test_delays_of_proxy_delay_are_a_warning(examine: Examination) -> None:
    slow = [*gateway_arp(1, delay=0.4), *gateway_arp(30, delay=0.05), *gateway_arp(60, delay=0.79)]
    finding = examine(slow).finding
    assert finding.severity is Severity.WARNING
    assert "400.0 ms" in finding.observed
    assert "20 ms" in finding.expected  # the threshold stands where it decides


def test_late_first_answer_is_a_warning(examine: Examination) -> None:
    assert "first reply" in examine([*gateway_asked([1, 2, 3]), *gateway_arp(4)]).finding.observed


def test_without_an_answer_it_is_not_judged(examine: Examination) -> None:
    assert examine(bgp()).reason is Reason.WRONG_POINT
