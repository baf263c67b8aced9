"""``--from``, ``--to`` and ``--host``: which frames are looked at, their numbers, and what is said of the rest."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ipipdiag.addresses import parse_address
from ipipdiag.capture import open_capture
from ipipdiag.cluster.endpoints import UnknownNameError
from ipipdiag.decode import decode
from ipipdiag.facts.selection import Selection
from ipipdiag.report.model import Report, State
from ipipdiag.run import RunOptions, analyze
from tests.scenarios import captures, folder, report_on

POD = "10.244.166.179"


def chosen(path: Path, selection: Selection) -> list[int]:
    """Numbers of the chosen frames."""
    numbers: list[int] = []
    with open_capture(path) as capture:
        for batch in capture.batches():
            decoded = decode(batch, capture.interfaces)
            numbers += decoded.packets.number[selection.rows(decoded)].tolist()
    return numbers


def times(path: Path) -> list[int]:
    with open_capture(path) as capture:
        return [time for batch in capture.batches() for time in batch.frames.time_ns.tolist()]


def run(path: Path, **options: object) -> Report:
    return analyze(replace(RunOptions((str(path),)), **options))  # type: ignore[arg-type]


def test_no_bound_is_everything() -> None:
    path = folder("07") / "a-eth0.pcap"
    assert Selection().is_everything
    assert chosen(path, Selection()) == list(range(1, len(times(path)) + 1))


def test_both_ends_of_a_span_belong_to_it() -> None:
    path = folder("07") / "a-eth0.pcap"
    stamps = times(path)
    numbers = chosen(path, Selection(stamps[9], stamps[19]))
    assert numbers == [number for number, time in enumerate(stamps, start=1) if stamps[9] <= time <= stamps[19]]
    assert {10, 20} <= set(numbers)


@pytest.mark.needs_tshark
@pytest.mark.parametrize("name", ["a-eth0.pcap", "a-cali817517c44ab.pcap", "a-tunl0.pcap"])
def test_a_host_is_what_tshark_takes_for_it(name: str) -> None:
    """ip.addr and arp.*_ipv4 see every header, and those that ICMP errors quote."""
    path = folder("10" if name == "a-eth0.pcap" else "07") / name
    text = f"ip.addr == {POD} || arp.src.proto_ipv4 == {POD} || arp.dst.proto_ipv4 == {POD}"
    assert chosen(path, Selection(hosts=frozenset({parse_address(POD)}))) == tshark_numbers(path, text)


def tshark_numbers(path: Path, display_filter: str) -> list[int]:
    command = ["tshark", "-n", "-r", str(path), "-Y", display_filter, "-o", "ip.defragment:FALSE"]
    done = subprocess.run([*command, "-T", "fields", "-e", "frame.number"], capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


def test_later_fragments_go_with_the_first() -> None:
    path = folder("13") / "a-eth0.pcap"
    fragmented = chosen(path, Selection(hosts=frozenset({parse_address(POD)})))
    with open_capture(path) as capture:
        (batch,) = capture.batches()
        packets = decode(batch, capture.interfaces).packets
    later = packets.number[packets.outer_fragment_offset > 0]
    assert len(later)
    assert np.isin(later, fragmented).all()


def test_evidence_keeps_the_numbers_of_the_file() -> None:
    path = folder("07") / "a-eth0.pcap"
    whole = run(path)
    stamps = times(path)
    part = run(path, from_ns=stamps[29])
    numbers = {number for entry in part.findings for evidence in entry.finding.evidence for number in evidence.frames}
    assert numbers
    assert min(numbers) >= 30
    assert part.verdict.code == whole.verdict.code
    assert part.inputs == whole.inputs
    assert part.points[0].frames < whole.points[0].frames


def test_a_pod_can_be_named_as_the_cluster_files_name_it() -> None:
    path = folder("09") / "a-eth0.pcap"
    files = (str(path.parent / "calico-diagnostics"),)
    by_name = run(path, cluster_files=files, hosts=("client-a",))
    assert by_name.flows[:] == run(path, cluster_files=files, hosts=(POD,)).flows[:]
    assert {POD} <= {flow.src for flow in by_name.flows}
    assert all(POD in (flow.src, flow.dst) for flow in by_name.flows)
    with pytest.raises(UnknownNameError, match="nobody"):
        run(path, cluster_files=files, hosts=("nobody",))


def test_a_span_without_packets_is_said_not_taken_for_an_empty_capture() -> None:
    report = run(folder("07") / "a-eth0.pcap", to_ns=1)
    assert report.verdict.state is State.NOT_ENOUGH_EVIDENCE
    titles = " ".join(entry.finding.title for entry in report.findings)
    assert "no packet of the chosen time and hosts" in titles
    assert "recorded no packet" not in titles


def test_a_quiet_verdict_says_what_it_leaves_out() -> None:
    path = folder("01") / "a-eth0.pcap"
    whole, part = run(path), run(path, hosts=(POD,))
    left_out = whole.points[0].frames - part.points[0].frames
    assert left_out > 0
    assert f", {left_out} frames of other times or hosts left out: " in part.verdict.headline
    assert "left out" not in whole.verdict.headline


@pytest.mark.parametrize("number", ["01", "02", "03", "24"])
def test_a_part_of_a_healthy_recording_is_healthy(number: str) -> None:
    paths = captures(number)
    first = min(time for entry in report_on(*paths).inputs if (time := entry.first_ns) is not None)
    last = max(time for entry in report_on(*paths).inputs if (time := entry.last_ns) is not None)
    middle = (first + last) // 2
    for options in ({"from_ns": middle}, {"to_ns": middle}, {"hosts": (POD,)}, {"hosts": ("10.50.10.34",)}):
        report = analyze(replace(RunOptions(tuple(map(str, paths))), **options))  # type: ignore[arg-type]
        assert report.verdict.state is not State.FAULT_FOUND, (options, report.verdict.headline)
