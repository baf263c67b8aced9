"""The frames that findings cite: what deviates in them is marked, what does not is not, and no payload is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ipipdiag.redaction.redactor import Redactor
from ipipdiag.report.exhibits.frames import read_again, show_frames
from ipipdiag.report.exhibits.model import FrameExhibit
from ipipdiag.report.formats import render
from ipipdiag.report.model import Report
from ipipdiag.report.presentation import Presentation
from ipipdiag.run import RunOptions, analyze
from tests.builders.captures import START_NS, pcap
from tests.builders.packets import ethernet, ip, ipip, ipv4, tcp
from tests.drawings import drawn, drawn_with_cluster
from tests.scenarios import HEALTHY, captures, folder

SECRET = b"correct horse battery"
NODE_A, NODE_B = "192.0.2.1", "192.0.2.2"


def frames(report: Report) -> tuple[FrameExhibit, ...]:
    assert report.exhibits is not None
    return show_frames(report.exhibits.frames)


@pytest.mark.parametrize("number", HEALTHY)
def test_nothing_deviates_in_frames_of_healthy_clusters(number: str) -> None:
    for frame in frames(drawn_with_cluster(*captures(number))):
        assert not frame.deviations, frame.summary


def test_an_outer_header_that_is_missing_is_drawn() -> None:
    (bare,) = [frame for frame in frames(drawn_with_cluster(*captures("20"))) if frame.deviations]
    assert bare.deviations == ("the outer header is missing",)
    absent, present = bare.cards
    assert absent.is_absent
    assert "ipipMode Always" in absent.why
    assert {cell.name: cell.value for row in absent.rows for cell in row}["destination"] == "10.50.10.33"
    assert not present.is_absent
    assert bare.is_open


def test_an_outer_address_that_is_not_the_clusters_deviates() -> None:
    cited = [frame for frame in frames(drawn_with_cluster(*captures("09"))) if frame.finding == "f1"]
    assert {frame.deviations for frame in cited} == {("destination of the Outer IPv4 header",)}
    (cell,) = [cell for cell in cited[0].cards[0].remarks if cell.mark == "deviates"]
    assert (cell.value, cell.note.partition(":")[0]) == ("10.50.20.35", "10.50.10.33")
    octets = [octet for part in cited[0].parts for _, line in part.lines for octet in line if octet.deviates]
    assert [octet.digits for octet in octets] == ["0a", "32", "14", "23"]


def test_without_cluster_files_nothing_is_expected_of_outer_addresses() -> None:
    assert not any(frame.deviations for frame in frames(drawn(captures("09")[0])))


@pytest.mark.parametrize("number", ["07", "13", "14", "20"])
def test_headers_are_drawn_in_rows_of_32_bits(number: str) -> None:
    for frame in frames(drawn_with_cluster(*captures(number))):
        for card in frame.cards:
            assert all(sum(cell.bits for cell in row) == 32 for row in card.rows)
            named = [cell.name for row in card.rows for cell in row if cell.name]
            assert len(named) == len(set(named))


def test_no_byte_of_a_payload_is_shown(tmp_path: Path) -> None:
    """A finding that cites frames with payload: outer source and destination that are no node's."""
    packets = [
        ethernet(ipip(ipv4(tcp(SECRET, flags="PA", sequence=n), "172.20.0.1", "172.20.4.1", id=n), NODE_A, NODE_B))
        for n in range(1, 40)
    ]
    path = tmp_path / "capture.pcap"
    path.write_bytes(pcap([(START_NS + n * 100_000_000, packet) for n, packet in enumerate(packets)]))
    report = analyze(RunOptions((str(path),), with_exhibits=True))
    assert frames(report)
    page = render("html", report, Presentation()).decode()
    shown = "".join(octet.digits for frame in frames(report) for part in frame.parts for _, line in part.lines
                    for octet in line)  # fmt: skip
    assert SECRET[:4].hex() not in shown
    assert SECRET.decode() not in page
    assert SECRET.hex() not in page.replace(" ", "")


@pytest.mark.parametrize("number", ["09", "20"])
def test_redacted_frames_hold_no_address_of_the_original_and_deviate_as_they_did(number: str) -> None:
    report = drawn_with_cluster(*captures(number))
    redactor = Redactor(b"k" * 32)
    redactor.learn(report.secrets)
    redacted = redactor.within(report)
    truth = json.loads((folder(number) / "truth.json").read_text())
    addresses = [told["ip"] for told in (*truth["nodes"].values(), *truth["pods"].values())]
    for before, after in zip(frames(report), frames(redacted), strict=True):
        assert before.deviations == after.deviations
        shown = bytes.fromhex("".join(octet.digits for part in after.parts for _, line in part.lines for octet in line))
        assert not [address for address in addresses if ip(address) in shown]
    page = render("html", redacted, Presentation()).decode()
    assert not [address for address in addresses if address in page]
    assert not [name for pod in truth["pods"] if (name := pod.partition(".")[2]) in page]


def test_a_file_that_is_gone_is_said() -> None:
    inputs = drawn(*captures("14")).inputs
    records, notes = read_again({(entry.id, 1) for entry in inputs}, inputs)
    assert len(records) == len(inputs)
    assert notes == []
    gone = (replace(inputs[0], name="gone.pcap"),)
    records, notes = read_again({(gone[0].id, 1)}, gone)
    assert records == {}
    assert notes == ["gone.pcap: no such file; its frames are not shown"]


def test_standard_input_is_read_once() -> None:
    inputs = (replace(drawn(*captures("14")).inputs[0], name="standard input"),)
    _, notes = read_again({(inputs[0].id, 1)}, inputs)
    assert notes == ["standard input: cannot be read a second time; its frames are not shown"]


def test_a_frame_that_the_file_no_longer_has_is_said() -> None:
    inputs = drawn(*captures("14")).inputs
    _, (note,) = read_again({(inputs[0].id, 100_000)}, inputs)
    assert note.endswith("has changed since it was analysed; 1 frame cannot be shown")
