"""The expected path as people draw it: point under point, the headers beside, what happens between them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from ipipdiag.addresses import format_address
from ipipdiag.cluster.endpoints import Endpoint
from ipipdiag.cluster.path import ExpectedPath, Header, Stop
from ipipdiag.report.sanitise import visible

WIDTH = 100
FORMS = {True: "wrapped in IP-in-IP", False: "without an outer header", None: "form not known"}


def render_text(path: ExpectedPath) -> str:
    """The path for a terminal, lines of at most WIDTH columns where words allow."""
    lines = [f"{path.source.text}  to  {path.destination.text}", ""]
    lines += _wrap(f"Expected: {FORMS[path.wrapped]}: {path.why}", "", "          ")
    lines.append("")
    width = max((len(stop.place) for stop in path.stops), default=0)
    for stop in path.stops:
        lines += _stop(stop, width)
    if path.notes:
        lines.append("")
    for note in path.notes:
        lines += _wrap(note, "Note: ", "      ")
    return "\n".join(visible(line).rstrip() for line in lines) + "\n"


def _stop(stop: Stop, width: int) -> Iterator[str]:
    mtu = f"  up to {stop.mtu} bytes" if stop.mtu else ""
    if stop.outer is not None:
        yield f"  {stop.place:<{width}}  outer {_header(stop.outer)}{mtu}"
        yield f"  {'':<{width}}  inner {_header(stop.inner)}"
    else:
        yield f"  {stop.place:<{width}}  {_header(stop.inner)}{mtu}"
    if stop.then:
        yield from _wrap(stop.then, "    | ", "    | ")


def _header(header: Header) -> str:
    source, destination, ttl = header
    return f"{format_address(source)} > {format_address(destination)}  TTL {ttl}"


def _wrap(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def render_json(path: ExpectedPath) -> str:
    """The path for programs; addresses as dotted text, TTLs and MTUs as numbers."""
    document = {
        "source": _endpoint(path.source),
        "destination": _endpoint(path.destination),
        "wrapped": path.wrapped,
        "why": path.why,
        "stops": [_document(stop) for stop in path.stops],
        "notes": list(path.notes),
    }
    return json.dumps(document, indent=2) + "\n"


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "address": format_address(endpoint.address),
        "kind": endpoint.kind.value,
        "name": endpoint.name,
        "node": None if endpoint.node is None else format_address(endpoint.node),
        "why": endpoint.why,
    }


def _document(stop: Stop) -> dict[str, Any]:
    def header(values: Header | None) -> dict[str, Any] | None:
        if values is None:
            return None
        return {"source": format_address(values[0]), "destination": format_address(values[1]), "ttl": values[2]}

    return {
        "role": stop.role,
        "place": stop.place,
        "node": None if stop.node is None else format_address(stop.node),
        "inner": header(stop.inner),
        "outer": header(stop.outer),
        "mtu": stop.mtu,
        "then": stop.then,
    }
