"""The flows of a run as rows of the report, made only when somebody asks: there may be hundreds of thousands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import overload

import numpy as np

from ipipdiag.addresses import format_address, format_mac
from ipipdiag.kinds import ABSENT_MAC, Tunnel
from ipipdiag.points.model import Point
from ipipdiag.protocols import ICMP, SCTP, TCP, UDP
from ipipdiag.report.files import Files
from ipipdiag.report.model import FlowReport

PROTOCOLS = {ICMP: "icmp", TCP: "tcp", UDP: "udp", SCTP: "sctp"}
COLUMNS = (
    *("tunnel", "outer_source", "outer_destination", "source_mac", "destination_mac", "source", "destination"),
    *("protocol", "source_port", "destination_port", "packets", "bytes", "first_ns", "last_ns"),
    *("ttl_min", "ttl_max", "length_max", "requests", "answers", "resets"),
)


class FlowRows(Sequence[FlowReport]):
    """The flows of all points, in the order of the points, then of each flow's first packet."""

    def __init__(self, points: Sequence[Point], files: Files) -> None:
        self._points = points
        self._files = files

    @cached_property
    def _rows(self) -> tuple[FlowReport, ...]:
        return tuple(row for point in self._points for row in _rows_of(point, self._files))

    def busiest(self, most: int) -> tuple[FlowReport, ...]:
        """At most so many flows, those with most packets, most first."""
        tables = [point.facts.flows for point in self._points]
        packets = np.concatenate([np.asarray(table.packets) for table in tables] or [np.zeros(0, dtype=np.int64)])
        owner = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
        row = np.concatenate([np.arange(len(table)) for table in tables] or [np.zeros(0, dtype=np.int64)])
        chosen = np.argsort(-packets, kind="stable")[:most]
        return tuple(
            report
            for point, at in zip(owner[chosen].tolist(), row[chosen].tolist(), strict=True)
            for report in _rows_of(self._points[point], self._files, [at])
        )

    def __len__(self) -> int:
        return sum(len(point.facts.flows) for point in self._points)

    def __repr__(self) -> str:
        return f"<{len(self)} flows>"

    @overload
    def __getitem__(self, index: int) -> FlowReport: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[FlowReport, ...]: ...

    def __getitem__(self, index: int | slice) -> FlowReport | tuple[FlowReport, ...]:
        return self._rows[index]


def _rows_of(point: Point, files: Files, only: list[int] | None = None) -> Iterator[FlowReport]:
    flows = point.facts.flows if only is None else point.facts.flows.select(only)
    first_frames: list[int] = np.asarray(flows.frames)[:, 0].tolist()
    for values, first_frame in zip(flows.rows(*COLUMNS), first_frames, strict=True):
        row = dict(zip(COLUMNS, values, strict=True))
        tunnel = Tunnel(row["tunnel"])
        name, number = files.locate(point.input, first_frame)
        is_wrapped = tunnel in (Tunnel.IPIP, Tunnel.VXLAN)
        yield FlowReport(
            point=point.id,
            tunnel=tunnel.name.lower(),
            outer_src=format_address(row["outer_source"]) if is_wrapped else None,
            outer_dst=format_address(row["outer_destination"]) if is_wrapped else None,
            src_mac=_mac(row["source_mac"]),
            dst_mac=_mac(row["destination_mac"]),
            src=format_address(row["source"]),
            dst=format_address(row["destination"]),
            protocol=PROTOCOLS.get(row["protocol"], str(row["protocol"])),
            src_port=row["source_port"] if row["source_port"] >= 0 else None,
            dst_port=row["destination_port"] if row["destination_port"] >= 0 else None,
            packets=row["packets"],
            bytes=row["bytes"],
            first_ns=row["first_ns"],
            last_ns=row["last_ns"],
            input=name,
            first_frame=number,
            ttl_min=row["ttl_min"],
            ttl_max=row["ttl_max"],
            length_max=row["length_max"],
            requests=row["requests"],
            answers=row["answers"],
            resets=row["resets"],
        )


def _mac(value: int) -> str | None:
    return None if value == ABSENT_MAC else format_mac(value)
