"""tshark's own dissection of one frame, through pyshark: a second opinion beside this program's."""

from __future__ import annotations

import asyncio
import shutil
from typing import Any

from ipipdiag.inspection.model import Field, Layer


class TsharkMissingError(Exception):
    """tshark is not installed."""


def tshark_layers(capture_name: str, number: int) -> tuple[Layer, ...]:
    """The layers and fields that tshark shows of a frame; TsharkMissingError where there is none.

    pyshark is asked for XML: its JSON mode loses the inner header of IP-in-IP, and its EK mode fails on it.
    """
    if shutil.which("tshark") is None:
        raise TsharkMissingError("tshark is not installed: apt-get install tshark, or leave --tshark out")
    import pyshark  # slow to import, and wanted here only

    # of its own accord pyshark leaves a handler of SIGCHLD behind, into a pipe that nobody reads
    loop = asyncio.new_event_loop()
    capture = pyshark.FileCapture(
        capture_name, display_filter=f"frame.number == {number}", use_json=False, keep_packets=False, eventloop=loop
    )
    try:
        packet = next(iter(capture), None)
        return tuple(_layer(layer) for layer in packet.layers) if packet is not None else ()
    finally:
        capture.close()
        loop.close()


def _layer(layer: Any) -> Layer:
    fields = []
    for name in layer.field_names:
        for shown in layer.get_field(name).all_fields:
            text = shown.showname or f"{name}: {shown.show}"
            label, _, value = text.partition(": ")
            fields.append(Field(label, value))
    return Layer(f"tshark: {layer.layer_name}", 0, 0, tuple(fields))
