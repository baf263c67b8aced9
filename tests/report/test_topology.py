"""BGP sessions as a sentence and a drawing: stars, matrices, and too many speakers to draw."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from ipipdiag.report.formats import render
from ipipdiag.report.model import BgpReport
from ipipdiag.report.presentation import Presentation
from ipipdiag.run import RunOptions, analyze
from tests.builders.captures import pcap
from tests.builders.packets import bgp_keepalive, bgp_notification, bgp_update, ethernet, ipv4, tcp
from tests.checks.bgp_world import Talk
from tests.checks.world import BLOCK_B, NODE_A, NODE_B, Timed, at, pings
from tests.scenarios import folder


def session(low: str, high: str, *, ends: bool = False) -> list[Timed]:
    """Keepalives both ways, the larger address dialling; perhaps a NOTIFICATION at the end."""
    port = 20_000 + int(low.rpartition(".")[2]) * 100 + int(high.rpartition(".")[2])
    frames = []
    for position, (source, destination) in enumerate(((high, low), (low, high), (high, low), (low, high))):
        message = bgp_notification(6, 2) if ends and position == 3 else bgp_keepalive()
        ports = (port, 179) if source == high else (179, port)
        segment = tcp(message, *ports, "PA", sequence=1000 + 19 * (position // 2))
        frames.append(at(1 + port / 100_000 + position, ethernet(ipv4(segment, source, destination, ttl=64, id=port))))
    return frames


def address(number: int) -> str:
    return f"192.0.2.{number}"


def drawn(folder: Path, frames: list[Timed]) -> BgpReport | None:
    path = folder / "x.pcap"
    path.write_bytes(pcap(sorted(frames), nano=True))
    return analyze(RunOptions((str(path),))).bgp


def mesh(count: int, **ended: bool) -> list[Timed]:
    return [
        frame
        for low, high in combinations(range(11, 11 + count), 2)
        for frame in session(address(low), address(high), ends=f"s{low}_{high}" in ended)
    ]


def test_nothing_is_drawn_without_bgp(tmp_path: Path) -> None:
    assert drawn(tmp_path, pings()) is None


def test_one_session(tmp_path: Path) -> None:
    bgp = drawn(tmp_path, session(NODE_A, NODE_B))
    assert bgp is not None
    assert bgp.summary == "1 session among 2 speakers, 1 up."
    assert bgp.drawing[0] == f"{NODE_A} ─── ● {NODE_B}"


def test_star_of_the_capturing_node(tmp_path: Path) -> None:
    frames = [frame for number in (12, 13, 14) for frame in session(NODE_A, address(number), ends=number == 13)]
    bgp = drawn(tmp_path, frames)
    assert bgp is not None
    assert bgp.summary.startswith(f"All 3 sessions seen are of {NODE_A}, 2 of them up")
    assert bgp.drawing[:3] == (
        "192.0.2.11 ─┬─ ● 192.0.2.12",
        "            ├─ ✕ 192.0.2.13",
        "            └─ ● 192.0.2.14",
    )


def test_full_mesh(tmp_path: Path) -> None:
    bgp = drawn(tmp_path, mesh(4))
    assert bgp is not None
    assert bgp.summary.startswith("A full mesh of 4 speakers")
    assert bgp.drawing[:5] == (
        "              1  2  3  4",
        "1 192.0.2.11     ●  ●  ●",
        "2 192.0.2.12  ●     ●  ●",
        "3 192.0.2.13  ●  ●     ●",
        "4 192.0.2.14  ●  ●  ●",
    )


def test_mesh_with_a_session_down_and_one_not_seen(tmp_path: Path) -> None:
    frames = [*session(address(11), address(12)), *session(address(12), address(13), ends=True)]
    bgp = drawn(tmp_path, [*frames, *session(address(13), address(14))])
    assert bgp is not None
    assert bgp.summary == "3 sessions among 4 speakers, 2 up; a full mesh would have 6."
    assert bgp.drawing[1:5] == (
        "1 192.0.2.11     ●  ·  ·",
        "2 192.0.2.12  ●     ✕  ·",
        "3 192.0.2.13  ·  ✕     ●",
        "4 192.0.2.14  ·  ·  ●",
    )


def test_reflector_is_named(tmp_path: Path) -> None:
    talk = Talk().establish(1).say(2, NODE_B, bgp_update([BLOCK_B], "192.0.2.77", reflected_by="192.0.2.12"))
    bgp = drawn(tmp_path, talk.keep(4, 20).frames)
    assert bgp is not None
    assert bgp.summary.startswith(f"Route reflectors: {NODE_B}")


def test_many_speakers_are_counted_and_what_is_down_is_named(tmp_path: Path) -> None:
    bgp = drawn(tmp_path, mesh(10, s11_15=True))
    assert bgp is not None
    assert bgp.summary == "45 sessions among 10 speakers, 44 up."
    assert bgp.drawing == ("✕ 192.0.2.11 – 192.0.2.15",)


@pytest.mark.parametrize("number", ["01", "20"])
def test_drawings_fit_the_page(number: str) -> None:
    diagnostics = folder(number) / "calico-diagnostics"
    report = analyze(RunOptions((str(folder(number) / "a-eth0.pcap"),), cluster_files=(str(diagnostics),)))
    assert report.bgp is not None and report.bgp.drawing
    text = render("text", report, Presentation()).decode()
    assert "BGP AS CAPTURED" in text
    assert all(len(line) <= 95 for line in report.bgp.drawing)
