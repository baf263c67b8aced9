"""Builds the exhibits of a finished report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ipipdiag.cluster.model import Cluster
from ipipdiag.facts.collect import CaptureFacts
from ipipdiag.points.model import Point
from ipipdiag.report.exhibits.frames import Frame, Records, cited_frames, headers_of, keep_headers, read_again
from ipipdiag.report.exhibits.ladder import Ladder, find_ladder
from ipipdiag.report.exhibits.ladder_drawing import draw_ladder
from ipipdiag.report.exhibits.model import Exhibits, Figure
from ipipdiag.report.exhibits.timeline import find_timeline
from ipipdiag.report.exhibits.timeline_drawing import draw_timeline, event_lines
from ipipdiag.report.exhibits.topology import find_topology
from ipipdiag.report.exhibits.topology_drawing import draw_topology
from ipipdiag.report.exhibits.words import packet_words
from ipipdiag.report.files import Files
from ipipdiag.report.flow_rows import FlowRows
from ipipdiag.report.model import Report
from ipipdiag.report.units import format_count, format_duration
from ipipdiag.trace.build import build_trace
from ipipdiag.trace.model import Trace

MOST_FLOWS = 300


def with_exhibits(
    report: Report, captures: Sequence[CaptureFacts], points: Sequence[Point], cluster: Cluster, trace: Trace
) -> Report:
    """The report with what is drawn of it. The files of the frames that are shown are read a second time."""
    if not trace.routes:  # what is seen at one place is drawn as well
        trace = build_trace(points, cluster, fewest_places=1)
    files = Files(captures)
    places = {point.id: place for place in trace.places for point in place.points}
    ladder = find_ladder(report, cluster, trace)
    cited = cited_frames(report.findings)
    on_rungs = _frames_on_rungs(ladder, files)
    records, notes = read_again([*((frame.input, frame.number) for frame in cited), *on_rungs], report.inputs)
    exhibits = Exhibits(
        topology=_topology(report, points, cluster, trace),
        ladder=_ladder(ladder, on_rungs, records, cluster, trace),
        timeline=_timeline(report, points, cluster, trace),
        frames=keep_headers(records, cited, report.points, places, cluster),
        frame_notes=tuple(notes),
        flows=report.flows.busiest(MOST_FLOWS) if isinstance(report.flows, FlowRows) else (),
    )
    return replace(report, exhibits=exhibits)


def _topology(report: Report, points: Sequence[Point], cluster: Cluster, trace: Trace) -> Figure:
    topology = find_topology(report, points, cluster, trace)
    if topology is None:
        return Figure(None, ("No node of the cluster is known: there is no topology to draw",) if points else ())
    notes = [
        "p1, p2, … are the capture points; a number beside one is how many packets were seen there. A ring is a place "
        "where none was seen, a cross where packets are lost or the fault lies; a dashed line is a stretch that no "
        "capture shows."
    ]
    if topology.rule:
        notes.insert(0, topology.rule)
    return Figure(draw_topology(topology), tuple(notes))


def _frames_on_rungs(ladder: Ladder | None, files: Files) -> list[Frame]:
    """The first frame of each packet of the ladder."""
    first = [rung.packet.sightings[0] for rung in ladder.rungs] if ladder else []
    return [files.locate(sighting.input, sighting.number) for sighting in first]


def _ladder(ladder: Ladder | None, frames: Sequence[Frame], records: Records, cluster: Cluster, trace: Trace) -> Figure:
    if ladder is None:
        if not trace.places:
            return Figure(None)
        why = "No packet was seen at two capture points: only a second point on its way shows what becomes of a packet"
        return Figure(None, (why,))
    words = {}
    for rung, frame in zip(ladder.rungs, frames, strict=True):
        record = records.get(frame)
        if record is not None:
            words[rung.packet] = packet_words(headers_of(record).headers)
    names = {node.address: node.name for node in cluster.nodes.values() if node.name} | cluster.pod_names
    notes = [
        f"{ladder.ends[0]} to {ladder.ends[1]} and back: {len(ladder.rungs):,} of {ladder.total:,} packets, in the "
        "order of time, which is not to scale. A dot is a place where the packet was seen, a cross where it was lost; "
        "the line is thick where it is in IP-in-IP. Times between places are medians."
    ]
    if trace.flow_fraction > 1:
        notes.append(f"One flow in {trace.flow_fraction} was followed packet by packet")
    return Figure(draw_ladder(ladder, words, names), (*notes, *trace.notes))


def _timeline(report: Report, points: Sequence[Point], cluster: Cluster, trace: Trace) -> Figure:
    timeline = find_timeline(report, points, cluster, trace)
    if timeline is None:
        return Figure(None)
    notes = [
        f"A column is {format_duration(timeline.width_ns)}. Packets in IP-in-IP are drawn downwards, others upwards."
    ]
    notes += event_lines(timeline.events)
    if timeline.more_events:
        notes.append(f"And {format_count(timeline.more_events, 'later event')} of BGP")
    return Figure(draw_timeline(timeline), tuple(notes))
