"""A frame as text: a line a field, its value beside what is expected of it."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from ipipdiag.inspection.model import Field, FrameView, Judgement, Layer
from ipipdiag.report.sanitise import visible
from ipipdiag.report.units import format_time

WIDTH = 100
NAME, VALUE = 22, 30
MARKS = {Judgement.AS_EXPECTED: "ok", Judgement.DEVIATES: "!!", Judgement.NOT_JUDGED: "  "}


def render(view: FrameView) -> str:
    """The lines of one frame; a field that deviates is marked ``!!``, one as expected ``ok``."""
    return "\n".join(visible(line) for line in _lines(view)) + "\n"


def _lines(view: FrameView) -> Iterator[str]:
    record = view.record
    interface = record.interface_name or f"#{record.interface}"
    yield f"{record.input} frame {record.number}"
    yield from wrap(view.summary, WIDTH, initial_indent="   ", subsequent_indent="   ")
    yield f"   {format_time(record.time_ns, 9)}, interface {interface}, link type {record.link_type_name}"
    cut = ", cut" if len(record.data) < record.wire_length else ""
    yield f"   {record.wire_length} bytes on the wire, {len(record.data)} captured{cut}"
    if record.record_offset:
        yield f"   the record begins {record.record_offset} bytes before its IP header (kernels 5.8 to 5.10)"
    for layer in (*view.layers, *view.tshark):
        yield from _layer_lines(layer)
    yield ""
    if view.stop:
        yield from wrap(f"Decoding stopped at the {view.stop.layer}: {view.stop.reason}", WIDTH)
    deviations = view.deviations
    if deviations:
        yield from wrap("Not as expected: " + ", ".join(deviations), WIDTH)
    else:
        yield "Nothing in this frame deviates from what is expected of it."


def _layer_lines(layer: Layer) -> Iterator[str]:
    where = f"  (bytes {layer.start} to {layer.start + layer.length - 1})" if layer.length else ""
    yield ""
    yield layer.title + where
    for field in layer.fields:
        yield from _field_lines(field)


def _field_lines(field: Field) -> Iterator[str]:
    name = field.name if len(field.name) < NAME else f"{field.name}  "
    head = f"   {MARKS[field.judgement]} {name:<{NAME}}{field.value:<{VALUE}}"
    if not field.note:
        yield head.rstrip()
        return
    label = "" if field.judgement is Judgement.NOT_JUDGED else "expected: "
    indent = " " * (6 + NAME + VALUE)
    lines = wrap(label + field.note, WIDTH - len(indent)) or [""]
    yield f"{head} {lines[0]}" if len(head) > len(indent) else head + lines[0]
    yield from (indent + line for line in lines[1:])
