"""IPD0002 DamagedFile."""

from __future__ import annotations

from ipipdiag.checks.model import Status
from tests.builders.captures import pcap
from tests.checks.world import Examination, bgp


def test_whole_file_passes(examine: Examination) -> None:
    assert examine(bgp()).status is Status.PASS


def test_cut_file_says_what_was_lost_and_read(examine: Examination) -> None:
    answer = examine(pcap(bgp())[:-5])
    assert answer.status is Status.FAIL
    assert "bytes lost" in answer.finding.observed
    assert f"{len(bgp()) - 1} frames read" in answer.finding.observed
    assert answer.finding.evidence[0].frames == (len(bgp()) - 1,)


def test_what_is_cut_off_was_cut_where_the_file_ends(examine: Examination) -> None:
    finding = examine(pcap(bgp())[:-5]).finding
    assert finding.first_ns == finding.last_ns
    assert finding.evidence[0].display_filter == f"frame.number == {len(bgp()) - 1}"
