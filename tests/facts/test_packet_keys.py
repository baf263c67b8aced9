"""Packet keys of several points: one fraction of the flows for all, and no more than there is room for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ipipdiag.capture import Limits
from ipipdiag.facts import collect
from ipipdiag.facts.packet_keys import PacketKeysFold, chosen_flows, fit
from ipipdiag.run import read_captures
from tests.builders.captures import decode_frames, pcap
from tests.builders.packets import ethernet, ipv4, udp


def packet(number: int, *, is_back: bool = False) -> bytes:
    """A UDP packet of a conversation of its own, one of its two directions."""
    ports = (53_000 + number, 8_000)
    ends = ("172.20.1.5", "172.20.9.7")
    if is_back:
        ports, ends = ports[::-1], ends[::-1]
    return ethernet(ipv4(udp(source_port=ports[0], destination_port=ports[1]), *ends, 17, id=number + 1))


def fold_of(numbers: range, *, is_back: bool = False) -> PacketKeysFold:
    fold = PacketKeysFold()
    fold.step(decode_frames([packet(number, is_back=is_back) for number in numbers]).packets)
    return fold


def test_what_fits_is_kept() -> None:
    folds = [fold_of(range(50)), fold_of(range(50))]
    fit(folds, 100)
    assert [(fold.kept, fold.halvings) for fold in folds] == [(50, 0), (50, 0)]


def test_points_shrink_together_and_to_the_same_conversations() -> None:
    there, back, few = fold_of(range(200)), fold_of(range(200), is_back=True), fold_of(range(3))
    fit([there, back, few], 120)
    assert there.kept + back.kept + few.kept <= 120
    assert there.kept == back.kept > 0
    assert there.halvings == back.halvings == few.halvings > 0
    for fold in (there, back, few):
        assert chosen_flows(fold.finish().flow, there.halvings).all()


def test_what_comes_later_is_of_the_same_fraction() -> None:
    at_once, in_parts = fold_of(range(300)), PacketKeysFold()
    fit([at_once], 60)
    for start in range(0, 300, 30):
        in_parts.step(decode_frames([packet(number) for number in range(start, start + 30)]).packets)
        fit([in_parts], 60)
    assert at_once.halvings == in_parts.halvings > 0
    assert np.array_equal(at_once.finish().flow, in_parts.finish().flow)


def test_captures_of_a_run_share_the_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for position in range(4):
        path = tmp_path / f"x{position}.pcap"
        path.write_bytes(pcap([packet(number) for number in range(position, position + 100)]))
        names.append(str(path))
    monkeypatch.setattr(collect, "KEYS_LIMIT", 200)
    captures, _ = read_captures(names, Limits())
    kept = [len(capture.points[0].packet_keys) for capture in captures]
    assert sum(kept) <= 200
    assert min(kept) > 0
