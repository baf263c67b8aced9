"""Files that one capture wrote one after the other are one point; splitting a capture into them changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from ipipdiag.capture import Limits
from ipipdiag.points.series import find_series
from ipipdiag.report.model import Report
from ipipdiag.run import RunOptions, analyze, read_captures
from tests.builders.captures import SLL, START_NS, Frame, pcap
from tests.builders.packets import arp, ethernet
from tests.capture.reading import read
from tests.checks.world import SECOND, at, from_a, pings, request, wrapped
from tests.facts.test_splitting import assert_equal
from tests.scenarios import folder

FRAMES = pings(10)


def write(path: Path, frames: Sequence[Frame], link_type: int = 1) -> str:
    path.write_bytes(pcap(frames, link_type, nano=True))
    return str(path)


def series_of(*names: str) -> list[tuple[str, ...]]:
    return find_series(names, Limits())


def steady(first: float, count: int = 30, frame: bytes | None = None) -> list[Frame]:
    return [at(first + position / 10, frame or from_a(wrapped(request(position)))) for position in range(count)]


def gateway_request(mac: str, pod: str) -> bytes:
    return ethernet(arp(1, mac, pod, 0, "169.254.1.1"), source=mac, destination="ff:ff:ff:ff:ff:ff")


class TestStayApart:
    def test_captures_of_one_time(self, tmp_path: Path) -> None:
        names = [write(tmp_path / name, FRAMES) for name in ("x.pcap", "x.pcap1")]
        assert series_of(*names) == [(names[0],), (names[1],)]

    def test_names_of_two_places_one_after_the_other(self, tmp_path: Path) -> None:
        names = [write(tmp_path / "node1.pcap", FRAMES[:4]), write(tmp_path / "node2.pcap", FRAMES[4:])]
        assert series_of(*names) == [(names[0],), (names[1],)]

    def test_another_link_type(self, tmp_path: Path) -> None:
        names = [write(tmp_path / "x.pcap", FRAMES[:4]), write(tmp_path / "x.pcap1", FRAMES[4:], SLL)]
        assert series_of(*names) == [(names[0],), (names[1],)]

    def test_a_file_is_missing_between_them(self, tmp_path: Path) -> None:
        names = [write(tmp_path / "x.pcap", FRAMES[:4]), write(tmp_path / "x.pcap2", FRAMES[6:])]
        assert series_of(*names) == [(names[0],), (names[1],)]

    def test_no_mac_is_common_to_both(self, tmp_path: Path) -> None:
        here = write(tmp_path / "x.pcap", steady(1))
        elsewhere = ethernet(wrapped(request()), source="02:11:00:00:00:51", destination="02:11:00:00:00:52")
        there = write(tmp_path / "x.pcap1", steady(10, frame=elsewhere))
        assert series_of(here, there) == [(here,), (there,)]

    def test_other_pods_ask_for_the_gateway(self, tmp_path: Path) -> None:
        macs = ("02:99:00:00:00:05", "02:99:00:00:00:06")
        one, other = (
            write(tmp_path / name, steady(first, 3, gateway_request(mac, "172.20.1.5")))
            for name, first, mac in zip(("x.pcap", "x.pcap1"), (1, 5), macs, strict=True)
        )
        assert series_of(one, other) == [(one,), (other,)]

    def test_a_human_pause_between_files_named_by_their_time(self, tmp_path: Path) -> None:
        one = write(tmp_path / "x-221320.pcap", steady(0))
        other = write(tmp_path / "x-221350.pcap", steady(30))
        assert series_of(one, other) == [(one,), (other,)]

    def test_a_name_whose_digits_are_not_the_time_of_the_frames(self, tmp_path: Path) -> None:
        one = write(tmp_path / "x-10.31.pcap", steady(0))
        other = write(tmp_path / "x-10.32.pcap", steady(3))
        assert series_of(one, other) == [(one,), (other,)]


class TestAreOne:
    def test_rotated_by_size(self, tmp_path: Path) -> None:
        cuts = (FRAMES[:3], FRAMES[3:9], FRAMES[9:])
        names = [write(tmp_path / f"x.pcap{number}", part) for number, part in zip(("", 1, 2), cuts, strict=True)]
        assert series_of(names[2], names[0], names[1]) == [tuple(names)]

    def test_a_ring_that_went_round(self, tmp_path: Path) -> None:
        cuts = (FRAMES[9:], FRAMES[:3], FRAMES[3:9])
        names = [write(tmp_path / f"x.pcap{number}", part) for number, part in enumerate(cuts)]
        assert series_of(*names) == [(names[1], names[2], names[0])]

    def test_rotated_by_time(self, tmp_path: Path) -> None:
        one = write(tmp_path / "x-20231114-231320.pcap", steady(0.4))  # local time, an hour ahead of UTC
        other = write(tmp_path / "x-20231114-231324.pcap", steady(4))
        assert series_of(one, other) == [(one, other)]

    def test_a_last_file_without_frames(self, tmp_path: Path) -> None:
        names = [write(tmp_path / "x.pcap", FRAMES), write(tmp_path / "x.pcap1", [])]
        assert series_of(*names) == [tuple(names)]

    def test_others_keep_their_place(self, tmp_path: Path) -> None:
        other = write(tmp_path / "other.pcap", FRAMES)
        names = [write(tmp_path / "x.pcap", FRAMES[:3]), write(tmp_path / "x.pcap1", FRAMES[3:])]
        assert series_of(other, *names) == [(other,), tuple(names)]


SPLIT = [
    ("07", "a-eth0.pcap"),
    ("09", "a-eth0.pcap"),
    ("10", "b-eth0.pcap"),
    ("10", "b-tunl0.pcap"),
    ("13", "a-eth0.pcap"),
    ("15", "a-cali817517c44ab.pcap"),
    ("20", "b-eth0.pcap"),
    ("01", "b-any.pcap"),
    ("01", "a-eth0.pcap"),
]


def split(path: Path, target: Path, thirds: tuple[float, float]) -> tuple[str, list[str]]:
    """A capture written as one file, and as three by tcpdump's names."""
    rows, summary = read(path)
    frames: list[Frame] = [(time_ns, data, wire) for _, time_ns, data, wire, _ in rows]
    link_type = summary.interfaces[0].link_type
    for name in ("whole", "parts"):
        (target / name).mkdir()
    one, two = (round(len(frames) * share) for share in thirds)
    parts = zip(("", "1", "2"), (frames[:one], frames[one:two], frames[two:]), strict=True)
    whole = write(target / "whole" / path.name, frames, link_type)
    return whole, [write(target / "parts" / f"{path.name}{number}", part, link_type) for number, part in parts]


def shown(report: Report) -> dict[str, Any]:
    """All of a report but where its frames lie."""
    parts = asdict(report)
    del parts["secrets"]  # names of the files
    parts["inputs"] = [entry["interfaces"] for entry in parts["inputs"][:1]]
    parts["checks"] = [check for check in parts["checks"] if check["code"] != "IPD0002"]  # it examines files
    for point in parts["points"]:
        del point["inputs"]
    for finding in parts["findings"]:
        evidence = finding["finding"]["evidence"]
        finding["finding"]["evidence"] = sorted({
            entry["display_filter"] for entry in evidence if "frame.number" not in entry["display_filter"]
        })  # fmt: skip
    for tunnel in parts["tunnels"]:
        del tunnel["input"], tunnel["first_frame"]
    parts["flows"] = [replace(flow, input="", first_frame=0) for flow in report.flows]
    return parts


@pytest.mark.parametrize("thirds", [(0.3, 0.7), (0.5, 0.6)])
@pytest.mark.parametrize(("number", "name"), SPLIT)
def test_splitting_changes_no_fact_and_no_report(
    number: str, name: str, thirds: tuple[float, float], tmp_path: Path
) -> None:
    whole, parts = split(folder(number) / name, tmp_path, thirds)
    (facts,), _ = read_captures([whole], Limits())
    (folded,), _ = read_captures(reversed(parts), Limits())
    assert len(folded.files) == 3
    assert_equal(facts, type(folded)(facts.files, folded.points))
    one, other = (analyze(RunOptions(tuple(names))) for names in ((whole,), parts))
    assert str(shown(other)).replace("/parts/", "/whole/") == str(shown(one))


def test_evidence_names_the_file_and_its_own_frame_numbers(tmp_path: Path) -> None:
    path = folder("10") / "b-eth0.pcap"
    whole, parts = split(path, tmp_path, (0.3, 0.7))
    rows = {str(name): read(Path(name))[0] for name in (whole, *parts)}
    one, other = (analyze(RunOptions(tuple(names))) for names in ((whole,), parts))
    names = {entry.id: entry.name for entry in other.inputs}

    def frames(report: Report, inputs: dict[str, str]) -> list[set[bytes]]:
        return [
            {
                rows[inputs[evidence.input]][number - 1][2]
                for evidence in entry.finding.evidence
                for number in evidence.frames
            }
            for entry in report.findings
        ]

    assert frames(other, names) == frames(one, {"c1": whole})
    assert {evidence.input for entry in other.findings for evidence in entry.finding.evidence} > {"c1"}
    for entry in other.findings:
        for evidence in entry.finding.evidence:
            if "frame.number" in evidence.display_filter:
                assert evidence.display_filter == f"frame.number in {{{', '.join(map(str, evidence.frames))}}}"
    for tunnel in other.tunnels:
        number, time_ns, *_ = rows[names[tunnel.input]][tunnel.first_frame - 1]
        assert number == tunnel.first_frame
        assert time_ns >= START_NS or time_ns > 0


def test_damage_is_said_of_its_file(tmp_path: Path) -> None:
    first = write(tmp_path / "x.pcap", FRAMES[:4])
    second = write(tmp_path / "x.pcap1", FRAMES[4:])
    Path(second).write_bytes(Path(second).read_bytes()[:-5])
    report = analyze(RunOptions((first, second)))
    (entry,) = [one for one in report.findings if one.finding.code == "IPD0002"]
    assert entry.finding.subject.text == second
    assert [(one.input, one.frames) for one in entry.finding.evidence] == [("c2", (len(FRAMES) - 5,))]
    assert [point.inputs for point in report.points] == [("c1", "c2")]


def test_a_reply_in_the_next_file_answers(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.pcap", FRAMES)
    (facts,), _ = read_captures([whole], Limits())
    assert (facts.points[0].flows.answers > 0).all()
    names = [
        write(tmp_path / "x.pcap", [frame for frame in FRAMES if frame[0] < START_NS + 5 * SECOND]),
        write(tmp_path / "x.pcap1", [frame for frame in FRAMES if frame[0] >= START_NS + 5 * SECOND]),
    ]
    (folded,), _ = read_captures(names, Limits())
    assert len(folded.points) == 1
    assert folded.points[0].flows.answers.tolist() == facts.points[0].flows.answers.tolist()
