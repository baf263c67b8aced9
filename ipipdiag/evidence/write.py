"""Writes the evidence of a report: its cited frames out of their captures, in the order of time."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

from ipipdiag import __version__
from ipipdiag.capture import CaptureError
from ipipdiag.capture.stream import STANDARD_INPUT_NAME
from ipipdiag.capture.write import OutputInterface, PcapngWriter
from ipipdiag.evidence.select import select_frames
from ipipdiag.inspection.model import FrameRecord
from ipipdiag.inspection.read import read_frames
from ipipdiag.report.model import PointReport, Report

Place = tuple[str, int, int]  # input id, interface, kernel interface index (-1: the link tells none)


def write_evidence(
    report: Report, sources: Mapping[str, str], redact: Callable[[FrameRecord], FrameRecord] | None = None
) -> tuple[bytes, list[str]]:
    """A pcapng file of the frames that findings cite, and why some are not in it.

    ``sources`` are the inputs by their ids, as they can be read again. ``redact`` is applied to each frame. Times,
    lengths and bytes are those of the original, in the order of time; each frame that is cited has a comment a finding.
    """
    records: list[tuple[Place, FrameRecord, list[str]]] = []
    problems: list[str] = []
    for input_id, comments in select_frames(report).items():
        source = sources[input_id]
        if source == STANDARD_INPUT_NAME:
            problems.append(f"{source}: cannot be read a second time; its frames are not in the evidence file")
            continue
        try:
            found = read_frames(source, comments, must_exist=False)
        except CaptureError as error:
            problems.append(f"{error}; its frames are not in the evidence file")
            continue
        if len(found) < len(comments):
            problems.append(
                f"{source}: has changed since it was analysed; {len(comments) - len(found)} frames are gone"
            )
        for record in found:
            place = (input_id, record.interface, record.interface_index)
            records.append((place, redact(record) if redact else record, comments[record.number]))
    records.sort(key=lambda entry: (entry[1].time_ns, entry[0], entry[1].number))
    return _file(report, records), problems


def _file(report: Report, records: list[tuple[Place, FrameRecord, list[str]]]) -> bytes:
    names = {entry.id: entry.name for entry in report.inputs}
    points = {_place_of(point): point for point in report.points}
    link_types = {place: record.link_type for place, record, _ in records}
    places = sorted(link_types)
    snap_lengths = {
        (entry.id, interface.id): interface.snap_length for entry in report.inputs for interface in entry.interfaces
    }
    interfaces = [
        OutputInterface(
            link_types[place],
            snap_lengths.get(place[:2], 0),
            _name(points.get(place), place),
            f"{names[place[0]]}, interface {place[1]}",
        )
        for place in places
    ]
    file = io.BytesIO()
    writer = PcapngWriter(file, interfaces, f"ipipdiag {__version__}")
    for place, record, comments in records:
        writer.write(places.index(place), record.time_ns, record.data, record.wire_length, comments)
    return file.getvalue()


def _place_of(point: PointReport) -> Place:
    return (point.input, point.interface, -1 if point.interface_index is None else point.interface_index)


def _name(point: PointReport | None, place: Place) -> str:
    """The point's id and role, and whose it is: what Wireshark shows as the interface."""
    if point is None:
        return f"{place[0]} interface {place[1]}"
    owner = point.pod or point.node
    return f"{point.id} {point.role}" + (f" of {owner}" if owner else "")
