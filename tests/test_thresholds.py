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
from tests.scenarios import captures, folder


def codes(path: Path, thresholds: Thresholds) -> set[str]:
    return {entry.finding.code for entry in analyze(RunOptions((str(path),), thresholds=thresholds)).findings}


def test_a_threshold_decides(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap(sorted(lossy(5, 40)), nano=True))
    assert "IPD8003" not in codes(path, Thresholds())
    assert "IPD8003" in codes(path, Thresholds(retransmitted_segments=5))
    assert "IPD8003" not in codes(path, Thresholds(retransmitted_segments=5, retransmitted_share=0.5))


@pytest.mark.parametrize(
    ("number", "code", "silent", "loud"),
    [
        ("06", "IPD3006", {"unanswered_requests": 1000}, {"unanswered_requests": 4}),
        ("43", "IPD7002", {"unanswered_requests": 1000}, {"unanswered_requests": 4}),
        ("07", "IPD6001", {"unanswered_requests": 1000}, {"unanswered_requests": 5}),
        ("17", "IPD6004", {"unanswered_requests": 1000}, {"unanswered_requests": 5}),
        ("46", "IPD6009", {"unanswered_requests": 1000}, {"unanswered_requests": 4}),
        ("52", "IPD8002", {"slow_ms": 500}, {"slow_ms": 20}),
        ("52", "IPD8002", {"slow_times": 1e9}, {"slow_times": 2}),
        ("52", "IPD8002", {"slow_packets": 1e6}, {"slow_packets": 4}),
    ],
)
def test_figures_of_each_family_decide(
    number: str, code: str, silent: dict[str, float], loud: dict[str, float]
) -> None:
    """A finding names the figure that decided it."""
    paths = tuple(str(path) for path in captures(number))
    ((_, figure),) = loud.items()
    assert code not in {
        entry.finding.code
        for entry in analyze(RunOptions(paths, only=(code, "IPD0010"), thresholds=Thresholds(**silent))).findings
    }
    report = analyze(RunOptions(paths, only=(code, "IPD0010"), thresholds=Thresholds(**loud)))
    (finding, *_) = [entry.finding for entry in report.findings if entry.finding.code == code]
    assert (code == "IPD8002" and "slow_packets" in loud) or f"{figure:g}" in finding.expected


@pytest.mark.parametrize(("number", "code"), [("50", "IPD3004"), ("06", "IPD3006"), ("43", "IPD7002")])
def test_the_figure_decides_with_cluster_files_as_well(number: str, code: str) -> None:
    paths, files = tuple(map(str, captures(number))), (str(folder(number) / "calico-diagnostics"),)

    def expected(figure: float) -> list[str]:
        thresholds = Thresholds(unanswered_requests=figure)
        report = analyze(RunOptions(paths, cluster_files=files, only=(code,), thresholds=thresholds))
        return [entry.finding.expected for entry in report.findings if entry.finding.code == code]

    assert expected(1000) == []
    assert "from 4 unanswered requests on" in expected(4)[0]


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
