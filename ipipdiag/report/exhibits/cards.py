"""Headers as they are drawn: field beside field, 32 bits a row, each with what is observed and what is expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ipipdiag.inspection.model import Field, Header, Judgement, Kind, Layer
from ipipdiag.report.exhibits.expected_form import ExpectedForm
from ipipdiag.report.exhibits.layouts import layout_of
from ipipdiag.report.exhibits.model import FieldCell, HeaderCard, HexByte, HexPart

ROW_BITS = 32
LINE_BYTES = 16
DRAWN = (Kind.IPV4, Kind.ARP)
CARD_TITLES = {"IPv4 header": "IPv4 header, with nothing around it"}
_JOINED = {  # fields too narrow for a cell of their own, drawn as one
    "version": ("version, length", 8, ("version", "header length")),
    "DSCP": ("DSCP, ECN", 8, ("DSCP", "ECN")),
    "reserved": ("flags", 3, ("DF", "MF")),
}
_SWALLOWED = {"header length", "ECN", "DF", "MF"}
_CONSTANT = {"version": "4", "hardware type": "1", "protocol type": "0x0800", "hardware length": "6",
             "protocol length": "4"}  # fmt: skip
OUTER_TITLE = "Outer IPv4 header"


def with_expected(layers: Sequence[Layer], expected: ExpectedForm | None) -> tuple[Layer, ...]:
    """The layers of a frame; of an outer header the addresses judged by what the cluster says of them."""
    if expected is None:
        return tuple(layers)
    judged = []
    for layer in layers:
        if layer.title == OUTER_TITLE:
            fields = expected.judged_outer({field.name: field for field in layer.fields})
            layer = replace(layer, fields=tuple(fields.get(field.name, field) for field in layer.fields))
        judged.append(layer)
    return tuple(judged)


def cards_of(headers: Sequence[Header], layers: Sequence[Layer], expected: ExpectedForm | None) -> list[HeaderCard]:
    """The IPv4 and ARP headers of a frame; where the cluster says that an outer one is missing, that one first."""
    cards = []
    is_wrapped = any(layer.title == OUTER_TITLE for layer in layers)
    if expected is not None and expected.outer is not None and not is_wrapped:
        cards.append(_absent(expected))
    for header, layer in zip(headers, layers, strict=True):
        if header.kind not in DRAWN or header.length < 20:
            continue
        fields = {field.name: field for field in layer.fields}
        title = CARD_TITLES.get(layer.title, layer.title)
        cards.append(HeaderCard(title, _rows(_cells(header, fields))))
    return cards


def _absent(expected: ExpectedForm) -> HeaderCard:
    """The outer header that should be there."""
    source, destination, ttl = expected.outer or ("", "", 0)
    values = {
        "version": "4, 20 bytes", "DSCP": "0, inner", "total length": "inner length + 20", "identification": "any",
        "reserved": "inner", "fragment offset": "0", "TTL": f"{ttl} (inner)", "protocol": "4 (IP-in-IP)",
        "header checksum": "the header's sum", "source": source,
        "destination": destination,
    }  # fmt: skip
    cells = []
    for name, bits in _LAYOUT_IPV4:
        if name in _SWALLOWED:
            continue
        shown, width, _ = _JOINED.get(name, (name, bits, ()))
        cells.append(FieldCell(shown, width, values[name], "", "not_judged"))
    return HeaderCard("Outer IPv4 header: expected, and not there", _rows(cells), is_absent=True, why=expected.why)


def _cells(header: Header, fields: dict[str, Field]) -> list[FieldCell]:
    cells = []
    for name, bits in layout_of(header):
        if header.kind is Kind.IPV4 and name in _SWALLOWED:
            continue
        if header.kind is Kind.IPV4 and name in _JOINED:
            title, width, parts = _JOINED[name]
            cells.append(_joined(title, width, [fields[part] for part in parts if part in fields]))
            continue
        field = fields.get(name) or Field(name, _CONSTANT.get(name, ""))
        cells.append(FieldCell(name, bits, _short(field.value), field.note, field.judgement.value))
    return cells


def _joined(title: str, bits: int, fields: list[Field]) -> FieldCell:
    if title == "flags":
        value = " ".join(field.name for field in fields if field.value == "set") or "none"
    else:
        value = ", ".join(_short(field.value) for field in fields)
    if title.startswith("version"):
        value = f"4, {value}"
    marks = [field.judgement for field in fields]
    mark = next((mark for mark in (Judgement.DEVIATES, Judgement.AS_EXPECTED) if mark in marks), Judgement.NOT_JUDGED)
    notes = [f"{field.name}: {field.note}" for field in fields if field.note]
    return FieldCell(title, bits, value, "; ".join(notes), mark.value)


def _short(value: str) -> str:
    return value.removesuffix(" bytes")


def _rows(cells: Iterable[FieldCell]) -> tuple[tuple[FieldCell, ...], ...]:
    """Cells in rows of 32 bits; one that runs over the end of a row is drawn in its longer part."""
    rows: list[list[FieldCell]] = [[]]
    used = 0
    for cell in cells:
        bits = cell.bits
        while bits > 0:
            if used == ROW_BITS:
                rows.append([])
                used = 0
            here = min(bits, ROW_BITS - used)
            is_whole = here == cell.bits
            is_main = is_whole or here == min(cell.bits, ROW_BITS)  # the part that holds the value
            rows[-1].append(
                FieldCell(
                    cell.name if is_main else "",
                    here,
                    cell.value if is_main else "…",
                    cell.note if is_main else "",
                    cell.mark if is_main else "not_judged",
                )
            )
            used += here
            bits -= here
    return tuple(tuple(row) for row in rows if row)


def hex_part(data: bytes, header: Header, layer: Layer, deviating: set[str]) -> HexPart:
    """The bytes of a header, each with its field; a byte that two fields share bears the name of both."""
    names: list[list[str]] = [[] for _ in range(header.length)]
    bit = 0
    for name, bits in layout_of(header):
        for position in range(bit // 8, min(-(-(bit + bits) // 8), header.length)):
            names[position].append(name)
        bit += bits
    shades, shade = [], 0
    for position in range(header.length):
        shade += position > 0 and names[position] != names[position - 1]
        shades.append(shade % 2)
    octets = [
        HexByte(
            f"{data[header.start + position]:02x}",
            ", ".join(names[position]),
            shades[position],
            any(name in deviating for name in names[position]),
        )
        for position in range(header.length)
    ]
    lines = tuple(
        (header.start + start, tuple(octets[start : start + LINE_BYTES]))
        for start in range(0, header.length, LINE_BYTES)
    )
    return HexPart(layer.title, lines)


_LAYOUT_IPV4 = layout_of(Header(Kind.IPV4, 0, 20, 20, None))
