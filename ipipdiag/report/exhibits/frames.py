"""The frames that findings cite, read again from their files: header by header, and never a byte of a payload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ipipdiag.capture import CaptureError
from ipipdiag.capture.stream import STANDARD_INPUT_NAME
from ipipdiag.cluster.model import Cluster
from ipipdiag.inspection.dissect import dissect
from ipipdiag.inspection.layers import view
from ipipdiag.inspection.model import Dissection, FrameRecord, Header, Judgement, Kind
from ipipdiag.inspection.read import read_frames
from ipipdiag.report.exhibits.cards import cards_of, hex_part, with_expected
from ipipdiag.report.exhibits.expected_form import ExpectedForm, expected_form
from ipipdiag.report.exhibits.model import CitedFrame, FrameExhibit, HeaderCard
from ipipdiag.report.model import FindingReport, InputReport, PointReport
from ipipdiag.report.units import format_count
from ipipdiag.trace.places import Place

Frame = tuple[str, int]  # the input, and the number of the frame in it
Records = dict[Frame, FrameRecord]

MOST_FRAMES = 12
OF_THE_ROOT = 3  # frames of each evidence of the finding that leads; of others one
MOST_BYTES = 256  # of headers that are shown


@dataclass(frozen=True, slots=True)
class Cited:
    """A frame that a finding cites."""

    finding: str
    input: str
    number: int


def cited_frames(findings: Sequence[FindingReport]) -> list[Cited]:
    """The frames to be shown: the first of each evidence, of the finding that leads some more."""
    chosen: dict[tuple[str, int], Cited] = {}
    for position, entry in enumerate(findings):
        for evidence in entry.finding.evidence:
            for number in evidence.frames[: 1 if position else OF_THE_ROOT]:
                if len(chosen) < MOST_FRAMES:
                    chosen.setdefault((evidence.input, number), Cited(entry.id, evidence.input, number))
    return list(chosen.values())


def read_again(wanted_frames: Iterable[Frame], inputs: Sequence[InputReport]) -> tuple[Records, list[str]]:
    """The frames as their files hold them, and for each file that cannot be read again why."""
    records: Records = {}
    notes = []
    for entry in inputs:
        wanted = {number for name, number in wanted_frames if name == entry.id}
        if not wanted:
            continue
        if entry.name == STANDARD_INPUT_NAME:
            notes.append(f"{entry.name}: cannot be read a second time; its frames are not shown")
            continue
        try:
            found = read_frames(entry.name, wanted, must_exist=False)
        except CaptureError as error:
            notes.append(f"{error}; its frames are not shown")
            continue
        if len(found) < len(wanted):
            gone = format_count(len(wanted) - len(found), "frame")
            notes.append(f"{entry.name}: has changed since it was analysed; {gone} cannot be shown")
        records |= {(entry.id, record.number): record for record in found}
    return records, notes


def keep_headers(
    records: Records,
    cited: Sequence[Cited],
    points: Sequence[PointReport],
    places: dict[str, Place],
    cluster: Cluster,
) -> tuple[CitedFrame, ...]:
    """The cited frames in their order, without payload. ``places`` is by the number of the point."""
    kept = []
    for frame in cited:
        record = records.get((frame.input, frame.number))
        if record is None:
            continue
        headers = headers_of(record).headers
        end = max((header.start + header.length for header in headers), default=0)
        expected = _expected(headers, _place(frame, record, points, places), cluster, record.time_ns)
        kept.append(CitedFrame(frame.finding, replace(record, data=record.data[:end]), expected))
    return tuple(kept)


def _place(frame: Cited, record: FrameRecord, points: Sequence[PointReport], places: dict[str, Place]) -> Place | None:
    at = (record.interface, None if record.interface_index < 0 else record.interface_index)
    here = [point for point in points if frame.input in point.inputs and (point.interface, point.interface_index) == at]
    return places.get(here[0].id) if len(here) == 1 else None


def headers_of(record: FrameRecord) -> Dissection:
    """The headers of a frame."""
    return dissect(record.data, record.wire_length, record.link_type, record.record_offset)


def show_frames(frames: Sequence[CitedFrame]) -> tuple[FrameExhibit, ...]:
    """The frames header by header, the one to look at first open: that in which something deviates."""
    shown = [_shown(frame) for frame in frames]
    telling = next((position for position, frame in enumerate(shown) if frame.deviations), 0)
    return tuple(replace(frame, is_open=position == telling) for position, frame in enumerate(shown))


def _shown(frame: CitedFrame) -> FrameExhibit:
    record = frame.record
    dissection = headers_of(record)
    dissected = view(record, dissection)
    layers = with_expected(dissected.layers, frame.expected)
    cards = cards_of(dissection.headers, layers, frame.expected)
    length = 0
    parts = []
    for header, layer in zip(dissection.headers, layers, strict=True):
        length += header.length
        if length > MOST_BYTES:
            break
        deviating = {field.name for field in layer.fields if field.judgement is Judgement.DEVIATES}
        parts.append(hex_part(record.data, header, layer, deviating))
    stop = dissection.stop
    return FrameExhibit(
        finding=frame.finding,
        record=record,
        summary=dissected.summary,
        size=format_count(record.wire_length, "byte"),
        cards=tuple(cards),
        parts=tuple(parts),
        stop=f"decoding stopped at the {stop.layer}: {stop.reason}" if stop else "",
        deviations=tuple(_deviations(cards)),
    )


def _expected(headers: Sequence[Header], place: Place | None, cluster: Cluster, time_ns: int) -> ExpectedForm | None:
    own = [header for header in headers if header.kind is Kind.IPV4 and not header.quoted]
    if not own:
        return None
    inner = own[-1].packet
    source, destination = int.from_bytes(inner.src, "big"), int.from_bytes(inner.dst, "big")
    return expected_form(cluster, place, source, destination, time_ns)


def _deviations(cards: Sequence[HeaderCard]) -> Iterator[str]:
    for card in cards:
        if card.is_absent:
            yield "the outer header is missing"
        for cell in card.remarks:
            if cell.mark == Judgement.DEVIATES:
                yield f"{cell.name} of the {card.title}"
