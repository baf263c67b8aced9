"""Tables that are full: what there is room for is told as ever, and what was left out is said."""

from __future__ import annotations

import random
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from ipipdiag.facts import collect
from ipipdiag.facts.collect import CaptureFacts, PointCollector, PointFacts
from ipipdiag.facts.flows import Flows, flow_rows
from ipipdiag.facts.fragment_pieces import FragmentPieces, incomplete_packets
from ipipdiag.facts.shares import PointKey
from ipipdiag.facts.tally import TallyBuilder
from ipipdiag.report.left_out import WORDS
from ipipdiag.run import RunOptions, analyze
from tests.builders.captures import START_NS, CaptureInterface, Frame, decode_frames, pcap, pcapng
from tests.builders.packets import ethernet, ipv4, udp


def packet(number: int) -> bytes:
    """A UDP packet of a flow of its own."""
    return ethernet(ipv4(udp(source_port=1_000 + number), "172.20.1.5", "172.20.9.7", 17))


def errors_of(path: Path) -> list[str]:
    return [error.error for error in analyze(RunOptions((str(path),))).errors]


def test_interfaces_beyond_the_limit_are_counted_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("facts.shares", "facts.collect", "report.left_out"):
        monkeypatch.setattr(f"ipipdiag.{module}.POINT_LIMIT", 3)
    frames: list[Frame] = [(START_NS + number, packet(number), len(packet(number)), number % 5) for number in range(50)]
    (tmp_path / "many.pcapng").write_bytes(pcapng(frames, [CaptureInterface()] * 6))
    assert errors_of(tmp_path / "many.pcapng") == [
        "limit reached: it has more than 3 interfaces, and so many are looked at; 20 frames of others are in no table"
    ]
    report = analyze(RunOptions((str(tmp_path / "many.pcapng"),)))
    assert [point.frames for point in report.points] == [10, 10, 10]


def test_interfaces_without_frames_take_no_room_from_those_that_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("facts.shares", "facts.collect", "report.left_out"):
        monkeypatch.setattr(f"ipipdiag.{module}.POINT_LIMIT", 3)
    (tmp_path / "idle.pcapng").write_bytes(pcapng([(START_NS, packet(0), len(packet(0)), 5)], [CaptureInterface()] * 6))
    report = analyze(RunOptions((str(tmp_path / "idle.pcapng"),)))
    assert [(point.interface, point.frames) for point in report.points] == [(5, 1), (0, 0), (1, 0)]


def test_flows_beyond_the_limit_are_counted_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "many.pcap").write_bytes(pcap([packet(number % 20) for number in range(40)]))
    assert errors_of(tmp_path / "many.pcap") == []
    monkeypatch.setattr(collect, "ROW_LIMIT", 15)
    (said,) = errors_of(tmp_path / "many.pcap")
    assert "left out are 10 packets of later flows" in said


@pytest.mark.parametrize("size", [1, 3, 7, 40])
def test_a_full_tally_is_the_same_whatever_the_batches(size: int) -> None:
    dice = random.Random(3)
    packets = decode_frames([packet(dice.randrange(30)) for _ in range(200)]).packets
    at_once = TallyBuilder(Flows, 12)
    at_once.add(flow_rows(packets))
    builder = TallyBuilder(Flows, 12)
    for start in range(0, len(packets), size):
        builder.add(flow_rows(packets.select(slice(start, start + size))))
    kept, expected = builder.finish(), at_once.finish()
    assert builder.left_out == at_once.left_out > 0
    for name, column in kept.columns().items():
        assert np.array_equal(column, getattr(expected, name)), name


def test_every_table_with_a_limit_counts_towards_what_is_left_out() -> None:
    collector = PointCollector(PointKey(0, -1), with_packet_keys=False)
    builders = [value for value in vars(collector).values() if isinstance(value, TallyBuilder)]
    assert len(builders) >= 9
    for number, builder in enumerate(builders):
        builder.left_out = 1 << number
    left_out = collector.finish().left_out
    assert sum(left_out.values()) == (1 << len(builders)) - 1
    assert set(left_out) <= {column.name for column in fields(PointFacts)}
    assert set(left_out) <= set(WORDS)


def test_a_capture_within_its_limits_says_nothing(tmp_path: Path) -> None:
    assert CaptureFacts((), ()).unplaced == 0
    (tmp_path / "few.pcapng").write_bytes(pcapng([packet(0)], [CaptureInterface()] * 6))
    assert errors_of(tmp_path / "few.pcapng") == []


def pieces(rows: list[tuple[int, int, bool]]) -> FragmentPieces:
    """Fragments of one packet: offset, length, and whether more come."""
    count = len(rows)
    offset, length, has_more = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    same = np.zeros(count, dtype=np.int64)
    number = np.arange(1, count + 1, dtype=np.int64)
    return FragmentPieces(number, number, same, same, same, same, offset, length, has_more)


def test_first_fragments_without_end_take_no_more_time_each() -> None:
    """A quadratic reassembly would look at this many pieces two hundred million times."""
    rows = [(0, 8, True), *((8 * (number * 7 % 8_000), 8, True) for number in range(10_000))]
    rows += [(0, 8 + number % 50, True) for number in range(10_000)]
    assert len(incomplete_packets(pieces(rows))) > 10_000


def test_pieces_in_any_order_are_whole_where_their_bytes_are_all_there() -> None:
    dice = random.Random(5)
    for _ in range(300):
        rows = [(8 * dice.randrange(1, 6), 8 * dice.randrange(1, 4), dice.random() < 0.7) for _ in range(6)]
        rows.insert(dice.randrange(len(rows)), (0, 8, True))
        covered = {byte for offset, length, _ in rows for byte in range(offset, offset + length)}
        ends = [offset + length for offset, length, has_more in rows if not has_more]
        is_whole = bool(ends) and covered >= set(range(max(ends)))
        assert (incomplete_packets(pieces(rows)) == ()) is is_whole, rows
