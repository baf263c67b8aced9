"""The generator of large captures makes what it says: a benchmark of nonsense measures nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ipipdiag.checks.model import Severity
from ipipdiag.run import RunOptions, analyze
from tests.capture.reading import read
from tests.trace.sample_traces import trace_of

GENERATOR = Path(__file__).parent / "generate.py"


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generated") / "small.pcap"
    command = [sys.executable, str(GENERATOR), str(path), "--frames", "20000", "--flows", "300"]
    subprocess.run(command, check=True)
    return path


def test_two_fifths_are_tunnel_packets_and_nothing_is_wrong(capture: Path) -> None:
    report = analyze(RunOptions((str(capture),)))
    assert report.inputs[0].frames == 20_000
    assert sum(tunnel.packets for tunnel in report.tunnels) == 8_000
    grave = [entry.finding.title for entry in report.findings if entry.finding.severity is not Severity.NOTICE]
    assert grave == []


def test_same_seed_gives_the_same_bytes(capture: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.pcap"
    command = [sys.executable, str(GENERATOR), str(again), "--frames", "20000", "--flows", "300"]
    subprocess.run(command, check=True)
    assert again.read_bytes() == capture.read_bytes()


def test_pcapng_holds_the_same_frames(capture: Path, tmp_path: Path) -> None:
    again = tmp_path / "small.pcapng"
    command = [sys.executable, str(GENERATOR), str(again), "--frames", "20000", "--flows", "300"]
    subprocess.run(command, check=True)
    rows, summary = read(again)
    assert rows == read(capture)[0]
    assert (summary.format, summary.damages) == ("pcapng", ())


@pytest.mark.needs_tshark
def test_every_header_checksum_is_right(capture: Path) -> None:
    command = ["tshark", "-r", str(capture), "-o", "ip.check_checksum:TRUE", "-Y", "ip.checksum.status == 0"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""


def test_every_packet_that_both_nics_saw_is_matched(tmp_path: Path) -> None:
    one, other = tmp_path / "one.pcap", tmp_path / "other.pcap"
    command = [sys.executable, str(GENERATOR), str(one), "--frames", "20000", "--flows", "300", "--peer", str(other)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    hops = [hop for route in trace_of([one, other]).routes for hop in route.hops]
    missing, arps = int(told.split()[0]), 160
    assert missing > 0
    assert sum(hop.sent for hop in hops) == 20_000 - arps
    assert sum(hop.seen for hop in hops) == 20_000 - arps - missing
    assert sum(hop.lost + hop.missed for hop in hops) == missing
