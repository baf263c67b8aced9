"""IPD0003 SnapLengthTooShort."""

from __future__ import annotations

import pytest

from ipipdiag.checks.model import Severity, Status
from tests.builders.captures import pcap
from tests.builders.packets import ethernet, vlan
from tests.checks.world import Examination, bgp, pings


def cut(length: int) -> bytes:
    frames = [(time, frame[:length], len(frame)) for time, frame in [*bgp(), *pings()]]
    return pcap(sorted(frames))


@pytest.mark.parametrize("length", [98, 114, 160])
def test_whole_headers_pass_though_payload_is_cut(examine: Examination, length: int) -> None:
    assert examine(cut(length)).status is Status.PASS


@pytest.mark.parametrize(("length", "lost"), [(40, "IP headers"), (57, "ports"), (20, "IP headers")])
def test_cut_headers_say_what_that_costs(examine: Examination, length: int, lost: str) -> None:
    finding = examine(cut(length)).finding
    assert finding.severity is Severity.WARNING
    assert lost in finding.observed
    assert "at least 114 bytes" in finding.expected


def test_vlan_tags_need_four_bytes_more(examine: Examination) -> None:
    frames = [(time, ethernet(vlan(frame[14:], 7))[:50], 200) for time, frame in pings()]
    assert "at least 118 bytes" in examine(pcap(frames)).finding.expected
