"""The drawings: what they show is what the report says, and nothing in them lies outside or on something else."""

from __future__ import annotations

from itertools import combinations

import pytest

from ipipdiag.report.drawing import SMALL, Box, Drawing, Label, Line, Mark, text_width
from ipipdiag.report.exhibits.model import Exhibits
from ipipdiag.report.model import Report
from ipipdiag.run import RunOptions, analyze
from tests.drawings import drawn, drawn_with_cluster
from tests.scenarios import SAMPLES, captures

ALL = sorted(path.name.split("-")[0] for path in SAMPLES.glob("[0-9]*") if path.name[:2] != "91")


def exhibits(report: Report) -> Exhibits:
    assert report.exhibits is not None
    return report.exhibits


def drawing_of(report: Report, name: str) -> Drawing:
    drawing: Drawing | None = getattr(exhibits(report), name).drawing
    assert drawing is not None
    return drawing


def texts(drawing: Drawing) -> list[str]:
    return [shape.text for shape in drawing.shapes if isinstance(shape, Label)]


def marks(drawing: Drawing, kind: str) -> list[Mark]:
    return [shape for shape in drawing.shapes if isinstance(shape, Mark) and shape.kind == kind]


def extent(label: Label) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a label as it is shown."""
    width = text_width(label.shown, label.size)
    left = label.x - {"start": 0, "middle": width / 2, "end": width}[label.anchor]
    return left, label.y - label.size * 0.75, left + width, label.y + label.size * 0.15


@pytest.mark.parametrize("with_cluster", [False, True], ids=["captures", "with cluster files"])
@pytest.mark.parametrize("number", ALL)
def test_everything_lies_within_its_drawing_and_no_words_overlap(number: str, with_cluster: bool) -> None:
    report = (drawn_with_cluster if with_cluster else drawn)(*captures(number))
    for name in ("topology", "ladder", "timeline"):
        drawing: Drawing | None = getattr(exhibits(report), name).drawing
        if drawing is None:
            continue
        for shape in drawing.shapes:
            if isinstance(shape, Box):
                corners = [(shape.x, shape.y), (shape.x + shape.width, shape.y + shape.height)]
            elif isinstance(shape, Line):
                corners = list(shape.points)
            elif isinstance(shape, Mark):
                corners = [(shape.x, shape.y)]
            else:
                left, top, right, bottom = extent(shape)
                corners = [(left, top), (right, bottom)]
            for x, y in corners:
                assert -2 <= x <= drawing.width + 2, (name, shape)
                assert -2 <= y <= drawing.height + 2, (name, shape)
        labels = [shape for shape in drawing.shapes if isinstance(shape, Label)]
        for one, other in combinations(labels, 2):
            here, there = extent(one), extent(other)
            apart = here[2] <= there[0] or there[2] <= here[0] or here[3] <= there[1] or there[3] <= here[1]
            assert apart, (name, one.shown, other.shown)


def test_loss_is_drawn_on_its_link() -> None:
    """07: the packets pass the switch's port to node-a, and are not at its port to master3."""
    drawing = drawing_of(drawn_with_cluster(*captures("07")), "topology")
    (lost,) = marks(drawing, "lost")
    seen = {mark.note: mark.x for mark in (*marks(drawing, "tunnel"), *marks(drawing, "absent"))}
    assert seen["9 packets at port in sw10-p-a.pcap"] < lost.x < seen["0 packets at port in sw10-p-b.pcap"]
    assert "f1 IPD6001: 9 lost" in texts(drawing)
    assert "The fault f1 IPD6001 is between node-a and master3." in drawing.description


@pytest.mark.parametrize(
    ("number", "kind", "where"),
    [("14", "pod-fault", "client-a"), ("23", "node-fault", "node-a"), ("06", "node-fault", "node-a")],
)
def test_a_fault_of_a_pod_or_a_node_is_drawn_there(number: str, kind: str, where: str) -> None:
    drawing = drawing_of(drawn_with_cluster(*captures(number)), "topology")
    assert len([shape for shape in drawing.shapes if isinstance(shape, Box) and shape.kind == kind]) == 1
    assert where in drawing.description.partition("The fault ")[2]


def test_a_healthy_cluster_bears_no_cross() -> None:
    for name in ("topology", "ladder"):
        assert not marks(drawing_of(drawn_with_cluster(*captures("01")), name), "lost")


def test_one_capture_draws_what_passed_there_and_nothing_beyond() -> None:
    """07: node-a's NIC alone; what arrives at the other node was not captured."""
    drawing = drawing_of(drawn(next(path for path in captures("07") if path.name == "a-eth0.pcap")), "topology")
    assert [mark.note for mark in marks(drawing, "tunnel")] == ["9 packets at NIC of node 10.50.10.34"]
    assert not marks(drawing, "absent")
    assert {shape.kind for shape in drawing.shapes if isinstance(shape, Line) and shape.has_arrow} == {
        "unknown",
        "bare",
    }


def test_a_loop_between_two_nodes_is_drawn_though_no_packet_ends_there() -> None:
    """10: master3 and node-c send the packets of node-a's pod to each other."""
    drawing = drawing_of(drawn_with_cluster(*captures("10")), "topology")
    assert "Pods in IP-in-IP, master3 to node-c" in texts(drawing)
    assert "Pods in IP-in-IP, node-c to master3" in texts(drawing)


def test_only_nodes_of_the_files_are_nodes() -> None:
    assert "172.17.0.1" not in texts(drawing_of(drawn_with_cluster(*captures("23")), "topology"))


def test_the_ladder_ends_where_packets_are_lost() -> None:
    report = drawn_with_cluster(*captures("07"))
    drawing = drawing_of(report, "ladder")
    assert len(marks(drawing, "lost")) == 7
    assert len({mark.x for mark in marks(drawing, "lost")}) == 1
    assert "7 of 7 lost between port in sw10-p-a.pcap and port in sw10-p-b.pcap" in drawing.description
    assert texts(drawing).count("SYN 34030 → 80") == 3
    assert "echo request 1" in texts(drawing)


def test_the_ladder_draws_the_lost_with_what_is_around_them() -> None:
    """25: of 222 packets ten are lost between the NICs."""
    drawing = drawing_of(drawn_with_cluster(*captures("25")), "ladder")
    assert 0 < len(marks(drawing, "lost")) <= 8
    assert any(text.endswith("packets not drawn") for text in texts(drawing))
    assert "✕ 10 lost" in texts(drawing)


def test_the_request_comes_before_its_answer() -> None:
    drawing = drawing_of(drawn_with_cluster(*captures("01")), "ladder")
    said = [text for text in texts(drawing) if text.startswith("echo")]
    assert said[:2] == ["echo request 1", "echo reply 1"]


def test_one_point_alone_has_no_ladder_and_says_why() -> None:
    figure = exhibits(drawn(captures("14")[0])).ladder
    assert figure.drawing is None
    assert "only a second point" in figure.notes[0]


def test_the_timeline_counts_what_the_trace_and_the_captures_count() -> None:
    report = drawn_with_cluster(*captures("25"))
    drawing = drawing_of(report, "timeline")
    frames = {point.id: point.frames for point in report.points}
    assert f"Packets at p2, NIC of node node-a: {frames['p2']:,} in all" in drawing.description
    assert "Packets lost between capture points: 10 in all" in drawing.description
    assert "Time to the answer" in drawing.description


def test_bgp_events_share_the_axis() -> None:
    report = drawn_with_cluster(*captures("20"))
    figure = exhibits(report).timeline
    assert figure.drawing is not None
    events = marks(figure.drawing, "event")
    assert [event.x for event in events] == sorted(event.x for event in events)
    assert any("NOTIFICATION 4/0" in note for note in figure.notes)
    assert sum(note[0].isdigit() for note in figure.notes) == len(events)


def test_nothing_is_drawn_of_nothing() -> None:
    empty = exhibits(analyze(RunOptions((), cluster_files=(str(captures("01")[0].parent / "calico-diagnostics"),),
                                        with_exhibits=True)))  # fmt: skip
    assert empty.ladder.drawing is None
    assert empty.timeline.drawing is None
    assert empty.frames == ()


def test_exhibits_are_made_only_where_they_are_asked_for() -> None:
    report = analyze(RunOptions((str(captures("14")[0]),)))
    assert report.exhibits is None


def test_a_label_that_does_not_fit_keeps_both_ends_of_its_name() -> None:
    label = Label(0, 0, "a-namespace-of-some-length/a-pod-of-some-length-77b9c", size=SMALL, room=120)
    assert text_width(label.shown, SMALL) <= 120
    assert label.shown.startswith("a-names")
    assert label.shown.endswith("77b9c")
