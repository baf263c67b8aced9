"""Builds the report from what a run found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ipipdiag import __version__
from ipipdiag.addresses import format_address
from ipipdiag.capture import CaptureSummary
from ipipdiag.checks.model import CheckResult
from ipipdiag.cluster.model import Cluster
from ipipdiag.decode.link import link_type_name
from ipipdiag.facts.collect import CaptureFacts
from ipipdiag.facts.shares import POINT_LIMIT
from ipipdiag.points.model import Point
from ipipdiag.report.cluster_facts import clock_facts, cluster_facts, session_facts
from ipipdiag.report.files import Files
from ipipdiag.report.flow_rows import FlowRows
from ipipdiag.report.left_out import left_out
from ipipdiag.report.model import (
    FindingReport,
    InputError,
    InputReport,
    InterfaceReport,
    PointReport,
    Report,
    Setting,
    TunnelReport,
)
from ipipdiag.report.naming import with_names
from ipipdiag.report.root_cause import order_findings
from ipipdiag.report.topology import draw_topology
from ipipdiag.report.verdict import reach_verdict
from ipipdiag.trace.model import Trace

MOST_INTERFACES = POINT_LIMIT  # of one file


def build_report(
    captures: Sequence[CaptureFacts],
    points: Sequence[Point],
    cluster: Cluster,
    checks: Sequence[CheckResult],
    errors: Sequence[InputError],
    trace: Trace,
    settings: Sequence[Setting] = (),
) -> Report:
    """The finished report; everything a renderer shows is decided here."""
    files = Files(captures)
    ordered = order_findings(
        tuple(files.with_own_frames(with_names(finding, cluster)) for check in checks for finding in check.findings)
    )
    findings = tuple(
        FindingReport(f"f{number}", entry.finding, _id(entry.cause), _id(entry.cited_by))
        for number, entry in enumerate(ordered, start=1)
    )
    partly = [
        InputError(summary.name, damage.text, fatal=False) for summary in files.summaries for damage in summary.damages
    ]
    return Report(
        version=__version__,
        verdict=reach_verdict(findings, checks, points, cluster),
        inputs=tuple(input_report(number, summary) for number, summary in enumerate(files.summaries, start=1)),
        points=tuple(point_report(point, cluster, files) for point in points),
        cluster=(
            *cluster_facts(cluster),
            *session_facts(points, cluster),
            *clock_facts(trace, cluster),
        ),
        findings=findings,
        checks=tuple(replace(check, findings=()) for check in checks),
        tunnels=tuple(tunnel for point in points for tunnel in _tunnels(point, files)),
        errors=(*errors, *partly, *left_out(captures)),
        settings=tuple(settings),
        flows=FlowRows(points, files),
        bgp=draw_topology(points, cluster),
    )


def _id(position: int | None) -> str | None:
    return None if position is None else f"f{position + 1}"


def input_report(number: int, summary: CaptureSummary) -> InputReport:
    """A file of the run, by its number."""
    return InputReport(
        id=f"c{number}",
        name=summary.name,
        sha256=summary.sha256,
        format=summary.format,
        compression=summary.compression,
        frames=summary.frames,
        bytes=summary.size,
        first_ns=summary.first_ns,
        last_ns=summary.last_ns,
        interfaces=tuple(
            InterfaceReport(
                interface.number, interface.name, link_type_name(interface.link_type), interface.snap_length
            )
            for interface in summary.interfaces[:MOST_INTERFACES]
        ),
    )


def point_report(point: Point, cluster: Cluster, files: Files) -> PointReport:
    """Where a point is, and why."""
    return PointReport(
        id=point.id,
        input=point.input,
        interface=point.interface,
        interface_index=None if point.interface_index < 0 else point.interface_index,
        role=point.role.value,
        node=point.node,
        pod=cluster.pod_names.get(point.pods[0], point.pod) if point.pods else point.pod,
        source=point.source.value,
        reason=f"{point.reason}; but {point.contradiction}" if point.contradiction else point.reason,
        frames=point.facts.extent.frames,
        inputs=files.of(point.input),
    )


def _tunnels(point: Point, files: Files) -> list[TunnelReport]:
    reports = []
    for source, destination, packets, size, first_frame in point.facts.tunnels.rows(
        "outer_source", "outer_destination", "packets", "bytes", "first_frame"
    ):
        name, number = files.locate(point.input, first_frame)
        ends = format_address(source), format_address(destination)
        reports.append(TunnelReport(point.id, *ends, packets, size, number, name))
    return reports
