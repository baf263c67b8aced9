"""Every recorded frame decoded here and by tshark, and compared field by field.

The frames of all samples are merged, link type by link type, and written as recorded, cut to several snap lengths,
and in other formats. ``python -m tests.decode.oracle`` prints how much was compared.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ipipdiag.capture import find_captures, open_capture
from ipipdiag.decode import Decoded, decode
from ipipdiag.decode.columns import ABSENT
from ipipdiag.kinds import StopReason
from ipipdiag.table import Table
from tests.builders.captures import CaptureInterface, pcap, pcapng
from tests.decode.tshark import Expected, Shown, expected_arp, expected_icmp_error, expected_packet, run_tshark

SAMPLES = Path(__file__).parents[2] / "samples"
LEFT_OUT = "91-"  # damaged on purpose: what is lost there is the reader's affair
Record = tuple[int, bytes, int]
Merged = dict[int, list[Record]]


@dataclass
class Comparison:
    """What was compared: frames, fields, and fields that tshark still shows of a header that the capture cut."""

    frames: int = 0
    fields: int = 0
    withheld: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def add(self, other: Comparison) -> None:
        """Add the figures of another comparison."""
        self.frames += other.frames
        self.fields += other.fields
        self.withheld += other.withheld
        self.columns.update(other.columns)
        self.differences += other.differences


@cache
def recorded_frames() -> Merged:
    """The frames of all samples by link type."""
    merged: Merged = {}
    for folder in sorted(SAMPLES.glob("[0-9]*")):
        if folder.name.startswith(LEFT_OUT) or not folder.is_dir():
            continue
        for path in find_captures(folder):
            for link_type, record in _frames_of(path):
                merged.setdefault(link_type, []).append(record)
    return merged


def _frames_of(path: str) -> Iterator[tuple[int, Record]]:
    with open_capture(path) as capture:
        for batch in capture.batches():
            data, rows = batch.buffer, batch.frames
            columns = (rows.time_ns, rows.offset, rows.captured_length, rows.wire_length, rows.interface)
            for time_ns, offset, length, wire, interface in zip(*(column.tolist() for column in columns), strict=True):
                frame = data[offset : offset + length].tobytes()
                yield capture.interfaces[interface].link_type, (time_ns, frame, wire)


def cut(merged: Merged, snap_length: int) -> Merged:
    """The frames as a capture with that snap length would hold them."""
    return {
        link_type: [(time_ns, frame[:snap_length], wire) for time_ns, frame, wire in frames]
        for link_type, frames in merged.items()
    }


def _pcaps(merged: Merged, **options: Any) -> list[bytes]:
    return [pcap(frames, link_type, **options) for link_type, frames in merged.items()]


def _one_pcapng(merged: Merged) -> list[bytes]:
    interfaces = [CaptureInterface(link_type) for link_type in merged]
    frames = [(*record, number) for number, records in enumerate(merged.values()) for record in records]
    return [pcapng(frames, interfaces)]


VARIANTS: dict[str, Callable[[Merged], list[bytes]]] = {
    "as recorded": _pcaps,
    "cut to 64 bytes": lambda merged: _pcaps(cut(merged, 64)),
    "cut to 96 bytes": lambda merged: _pcaps(cut(merged, 96)),
    "cut to 128 bytes": lambda merged: _pcaps(cut(merged, 128)),
    "pcapng": _one_pcapng,
    "nanosecond pcap": lambda merged: _pcaps(merged, nano=True),
    "big-endian pcap": lambda merged: _pcaps(merged, big_endian=True),
}


def compare_variant(name: str, merged: Merged) -> Comparison:
    """All frames in one variant, ours against tshark's."""
    result = Comparison()
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for position, data in enumerate(VARIANTS[name](merged)):
            paths.append(Path(folder) / f"{position}.pcap")
            paths[-1].write_bytes(data)
        with ThreadPoolExecutor(len(paths)) as pool:
            shown = list(pool.map(lambda path: list(run_tshark(path)), paths))
        for path, frames in zip(paths, shown, strict=True):
            compare_file(path, frames, result)
    return result


def compare_file(path: Path, shown: Sequence[Shown], result: Comparison) -> None:
    """One file: the packet table, the ARP messages and the ICMP errors."""
    with open_capture(path) as capture:
        for batch in capture.batches():
            decoded = decode(batch, capture.interfaces)
            first = int(decoded.packets.number[0]) - 1
            part = shown[first : first + len(decoded.packets)]
            result.frames += len(part)
            _compare_batch(decoded, part, [interface.link_type for interface in capture.interfaces], result)
        frames = capture.summary().frames
    if frames != len(shown):
        result.differences.append(f"{frames} frames read, tshark reads {len(shown)}")


def _compare_batch(decoded: Decoded, shown: Sequence[Shown], link_types: list[int], result: Comparison) -> None:
    rows = _rows_of(decoded.packets)
    arp, icmp = _by_row(decoded.arp_messages), _by_row(decoded.icmp_errors)
    for position, (row, frame) in enumerate(zip(rows, shown, strict=True)):
        was_cut = row["stop_reason"] == StopReason.CAPTURED_LENGTH
        compare = _Comparer(result, row["number"], ":".join(name for name, _ in frame.layers), was_cut)
        compare.columns("", row, expected_packet(frame, link_types[row["interface"]]))
        compare.entry("arp", arp.get(position), expected_arp(frame))
        compare.entry("icmp_error", icmp.get(position), expected_icmp_error(frame))


def _rows_of(table: Table) -> list[dict[str, int]]:
    columns = {name: column.tolist() for name, column in table.columns().items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _by_row(table: Table) -> dict[int, dict[str, int]]:
    return {row["row"]: row for row in _rows_of(table)}


@dataclass
class _Comparer:
    result: Comparison
    number: int
    layers: str
    was_cut: bool

    def entry(self, name: str, ours: dict[str, int] | None, expected: Expected | None) -> None:
        """A message beside the packet table, which must be there where tshark shows one."""
        if ours is not None and expected is not None:
            self.columns(f"{name}.", ours, expected)
        elif (ours is None) != (expected is None) and not (ours is None and self.was_cut):
            self._differ(name, ours, expected)

    def columns(self, prefix: str, ours: dict[str, int], expected: Expected) -> None:
        """The columns that tshark has a word on."""
        for column, value in expected.items():
            if ours[column] == value:
                self.result.columns[prefix + column] += 1
                self.result.fields += 1
            elif self.was_cut and ours[column] == (-1 if prefix and value >= 0 else ABSENT.get(column, 0)):
                self.result.withheld += 1
            else:
                self._differ(prefix + column, ours[column], value)

    def _differ(self, what: str, ours: object, expected: object) -> None:
        self.result.differences.append(f"frame {self.number} ({self.layers}): {what} is {ours}, by tshark {expected}")


def main() -> None:
    """Print the figures."""
    merged = recorded_frames()
    total = Comparison()
    for link_type, frames in merged.items():
        print(f"link type {link_type}: {len(frames)} frames recorded")
    for name in VARIANTS:
        result = compare_variant(name, merged)
        print(
            f"{name}: {result.frames} frames, {result.fields} fields equal, {result.withheld} of cut headers withheld, "
            f"{len(result.differences)} different"
        )
        for difference in result.differences[:10]:
            print("  ", difference)
        total.add(result)
    print(
        f"in all {total.frames} frames, {total.fields} fields in {len(total.columns)} columns equal, "
        f"{len(total.differences)} different"
    )


if __name__ == "__main__":
    main()
