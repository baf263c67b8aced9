"""Thresholds: each can be set from the command line, and decides."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from ipipdiag.checks.thresholds import Thresholds, meaning_of, percent, threshold_names
from ipipdiag.cli.main import main
from ipipdiag.run import RunOptions, analyze
from tests.builders.captures import pcap
from tests.checks.test_ipd8003 import lossy


def codes(path: Path, thresholds: Thresholds) -> set[str]:
    return {entry.finding.code for entry in analyze(RunOptions((str(path),), thresholds=thresholds)).findings}


def test_a_threshold_decides(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap(sorted(lossy(5, 40)), nano=True))
    assert "IPD8003" not in codes(path, Thresholds())
    assert "IPD8003" in codes(path, Thresholds(retransmitted_segments=5))
    assert "IPD8003" not in codes(path, Thresholds(retransmitted_segments=5, retransmitted_share=0.5))


def test_every_threshold_has_a_meaning_and_a_default_that_the_help_can_tell() -> None:
    for name, threshold in zip(threshold_names(), fields(Thresholds), strict=True):
        assert meaning_of(name).endswith(f"(default {threshold.default:g})")
        assert replace(Thresholds(), **{threshold.name: 7.0}) != Thresholds()


@pytest.mark.parametrize("text", ["lost-share", "lost-share=much", "lost-share=-1", "lost-share=inf", "loss=1"])
def test_what_is_no_threshold_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "x.pcap", "--threshold", text]) == 2
    assert "lost-share" in " ".join(capsys.readouterr().err.split())


def test_shares_are_shown_as_percentages() -> None:
    assert (percent(0.02), percent(0.005)) == ("2 %", "0.5 %")
