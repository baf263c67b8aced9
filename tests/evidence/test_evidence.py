"""The evidence file: the cited frames, exactly as they were, each with what is said of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ipipdiag.evidence.select import CONTEXT, select_frames
from ipipdiag.evidence.write import write_evidence
from ipipdiag.inspection.read import read_frames
from ipipdiag.redaction.redactor import Redactor
from ipipdiag.report.model import Report
from tests.scenarios import captures, report_on, report_with_cluster


def sources_of(report: Report) -> dict[str, str]:
    return {entry.id: entry.name for entry in report.inputs}


def written(report: Report, tmp_path: Path, redactor: Redactor | None = None) -> Path:
    content, problems = write_evidence(report, sources_of(report), redactor.frame if redactor else None)
    assert problems == []
    path = tmp_path / "evidence.pcapng"
    path.write_bytes(content)
    return path


def fields(path: Path, *names: str) -> list[list[str]]:
    command = ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=\x1f"]
    for name in names:
        command += ["-e", name]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split("\x1f") for line in lines]


def test_cited_frames_have_a_comment_and_those_around_them_none() -> None:
    report = report_on(*captures("07"))
    cited = {
        (evidence.input, number)
        for entry in report.findings
        for evidence in entry.finding.evidence
        for number in evidence.frames
    }
    chosen = {
        (name, number): texts for name, frames in select_frames(report).items() for number, texts in frames.items()
    }
    assert {place for place, texts in chosen.items() if texts} == cited
    for name, number in chosen.keys() - cited:
        assert any((name, number + step) in cited for step in range(-CONTEXT, CONTEXT + 1))


def test_frames_are_byte_for_byte_and_to_the_nanosecond_the_originals(tmp_path: Path) -> None:
    report = report_on(*captures("01"), *captures("07"))
    path = written(report, tmp_path)
    originals = [
        (record.time_ns, record.data, record.wire_length)
        for name, frames in select_frames(report).items()
        for record in read_frames(sources_of(report)[name], frames)
    ]
    copies = read_frames(str(path), range(1, len(originals) + 1))
    assert len(originals) > 20
    assert sorted((copy.time_ns, copy.data, copy.wire_length) for copy in copies) == sorted(originals)
    assert [copy.time_ns for copy in copies] == sorted(copy.time_ns for copy in copies)


@pytest.mark.needs_tshark
def test_tshark_reads_comments_and_the_names_of_points(tmp_path: Path) -> None:
    report = report_with_cluster(*captures("07"))
    rows = fields(written(report, tmp_path), "frame.comment", "frame.interface_name", "frame.time_epoch")
    lead = report.findings[0].finding
    commented = [comment for comment, _, _ in rows if comment]
    assert any(lead.code in text and lead.expected in text and "a-eth0.pcap frame " in text for text in commented)
    assert "p2 node of node-a" in {name for _, name, _ in rows}


@pytest.mark.needs_tshark
@pytest.mark.parametrize("number", ["01", "07", "13", "17", "22", "29"])
def test_redacted_evidence_tells_no_address_and_no_payload(number: str, tmp_path: Path) -> None:
    report = report_on(*captures(number))
    redactor = Redactor(bytes(range(32)))
    path = written(report, tmp_path, redactor)
    names = ("ip.addr", "eth.addr", "arp.src.proto_ipv4", "arp.dst.proto_ipv4", "arp.src.hw_mac", "sll.src.eth")
    original = tmp_path / "plain.pcapng"
    original.write_bytes(write_evidence(report, sources_of(report))[0])
    told = {value for row in fields(original, *names) for cell in row for value in cell.split(",") if value}
    left = {value for row in fields(path, *names) for cell in row for value in cell.split(",") if value}
    stays = {"169.254.1.1", "ee:ee:ee:ee:ee:ee", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"}
    assert told & left <= stays | {value for value in told if value.startswith(("01:00:5e", "33:33:00"))}
    assert fields(path, "data.data", "http.request.uri", "dns.qry.name") == [["", "", ""]] * len(
        fields(path, "frame.number")
    )


def test_input_that_is_gone_is_said(tmp_path: Path) -> None:
    report = report_on(*captures("07"))
    sources = sources_of(report) | {"c2": str(tmp_path / "gone.pcap"), "c1": "standard input"}
    content, problems = write_evidence(report, sources)
    assert content
    assert any("gone.pcap: no such file" in line for line in problems)
