"""The picture in the terminal: the place where packets end comes first, and nothing is wider than the page."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from ipipdiag.report.presentation import Presentation
from ipipdiag.report.trace import build as trace_build
from ipipdiag.report.trace import text
from ipipdiag.report.trace.model import TraceReport
from ipipdiag.run import RunOptions, TraceOptions, trace
from ipipdiag.trace import build, hops
from ipipdiag.trace.query import EndOption, FrameOption
from tests.scenarios import captures, folder

SHOWN = (
    ("07", TraceOptions()),
    ("17", TraceOptions()),
    ("25", TraceOptions(EndOption("10.244.166.179"), EndOption("10.244.136.13"))),
    ("10", TraceOptions(frame=FrameOption("pod-a1-eth0.pcap", 3))),
    ("01", TraceOptions(frame=FrameOption("b-tunl0.pcap", 17))),
    ("58", TraceOptions()),
)


def report_of(number: str, asked: TraceOptions, monkeypatch: pytest.MonkeyPatch) -> TraceReport:
    monkeypatch.chdir(folder(number))
    return trace(RunOptions(tuple(path.name for path in captures(number))), asked)


def lines_of(report: TraceReport, width: int = 100) -> list[str]:
    return text.render(report, Presentation(width)).decode().splitlines()


@pytest.mark.parametrize(
    ("number", "here"),
    [
        ("07", "leave node 10.50.10.34 and never reach node 10.50.10.33"),
        ("09", "never to NIC of node 10.50.10.33"),
        ("10", "go round in a circle"),
        ("17", "lost between tunl0 of node 10.50.10.33 and the quiet cali interface"),
        ("25", "between NIC of node 10.50.10.34 and NIC of node 10.50.10.33"),
        ("28c", "lost between tunl0 of node 10.50.10.33 and the quiet cali interface"),
    ],
)
def test_where_it_dies_stands_in_the_first_three_lines(number: str, here: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = " ".join(lines_of(report_of(number, TraceOptions(), monkeypatch))[:3])
    assert here in first


def test_homes_of_a_pod_that_moved_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = lines_of(report_of("58", TraceOptions(), monkeypatch), 140)
    for node in ("192.168.77.12", "192.168.78.22"):
        assert any(f"172.29.12.54 on 192.168.77.11 → 172.29.3.170 on {node}" in line for line in lines)
    assert any(line.startswith("  172.29.3.165 → 172.29.57.233") for line in lines)  # neither of them moved


@pytest.mark.parametrize("width", [100, 80])
@pytest.mark.parametrize(
    ("number", "asked"), SHOWN, ids=[f"{number}-{position}" for position, (number, _) in enumerate(SHOWN)]
)
def test_no_line_is_wider_than_the_page(
    number: str, asked: TraceOptions, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = lines_of(report_of(number, asked, monkeypatch), width)
    assert max(cell_len(line) for line in lines) <= width
    assert not any(line.endswith(" ") for line in lines)


def test_colour_is_there_only_where_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    report = report_of("07", TraceOptions(), monkeypatch)
    assert b"\x1b[" not in text.render(report, Presentation())
    assert b"\x1b[" in text.render(report, Presentation(colour=True))


def test_text_from_outside_is_made_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    report = report_of("07", TraceOptions(), monkeypatch)
    hostile = "eth0\x1b[2J\n[bold]"
    places = tuple(replace(place, label=hostile) for place in report.places)
    routes = tuple(
        replace(route, source_name=hostile, stops=tuple(replace(stop, label=hostile) for stop in route.stops))
        for route in report.routes
    )
    written = text.render(replace(report, places=places, routes=routes), Presentation()).decode()
    assert "\x1b" not in written
    assert r"eth0\x1b[2J\x0a[bold]" in written


def test_flows_and_forms_that_are_left_out_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hops, "FLOWS_SHOWN", 1)
    monkeypatch.setattr(build, "MOST_FORMS", 0)
    report = report_of("07", TraceOptions(), monkeypatch)
    (loses,) = [hop for route in report.routes if route.id in report.drawn for hop in route.hops if hop.flows]
    assert (len(loses.flows), loses.more_flows) == (1, 1)
    lines = lines_of(report)
    assert "  │    and 1 more flow" in lines
    assert "  │    1 more form with fewer packets left out" in lines


def test_routes_that_are_left_out_are_counted_and_change_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = report_of("25", TraceOptions(), monkeypatch)
    monkeypatch.setattr(trace_build, "MOST_TOLD", 1)
    cut = report_of("25", TraceOptions(), monkeypatch)
    assert (len(cut.routes) + cut.more_routes, whole.more_routes) == (len(whole.routes), 0)
    assert cut.more_routes > 0
    assert (cut.answer, cut.drawn) == (whole.answer, whole.drawn)
    assert set(cut.drawn) <= {route.id for route in cut.routes}
    monkeypatch.setattr(text, "_MOST_ROUTES", 1)
    assert lines_of(cut)[-30:] == lines_of(whole)[-30:]


def test_every_count_of_the_picture_is_that_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    report = report_of("25", TraceOptions(), monkeypatch)
    (drawn,) = [route for route in report.routes if route.id in report.drawn]
    lines = lines_of(report)
    shown = [line for line in lines if line.startswith("  ● ")]
    assert [int(line.split(" packets")[0].split()[-1]) for line in shown] == [stop.packets for stop in drawn.stops]
