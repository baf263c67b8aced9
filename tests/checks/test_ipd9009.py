"""IPD9009 DropCounters."""

from __future__ import annotations

from ipipdiag.checks.model import Reason, Severity, Status
from tests.checks.files_world import (
    collected,
)
from tests.checks.world import (
    Examination,
    pings,
)


def rules(packets: int) -> str:
    return (
        f'[{packets}:756] -A cali-INPUT -p ipencap -m comment --comment "Drop IPIP packets from non-Calico hosts" '
        f"-j DROP\n[5:1] -A cali-INPUT -j ACCEPT\nTcpExtIPReversePathFilter {packets // 2}\n"
    )


def test_counters_at_zero_pass(examine: Examination) -> None:
    files = collected(more={"nodes/alpha/state.txt": rules(0)})
    assert examine(pings(), files=files).status is Status.PASS


def test_counters_above_zero_are_a_notice(examine: Examination) -> None:
    finding = examine(pings(), files=collected(more={"nodes/alpha/state.txt": rules(9)})).finding
    assert finding.severity is Severity.NOTICE
    assert "9 packets dropped by Calico's rule" in finding.observed
    assert "4 packets dropped by the reverse path filter" in finding.observed


def test_without_counters_it_is_not_judged(examine: Examination) -> None:
    assert examine(pings(), files=collected()).reason is Reason.NO_CONFIG
