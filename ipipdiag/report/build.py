"""Builds the report from what a run found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ipipdiag import __version__
from ipipdiag.addresses import format_address
from ipipdiag.capture import CaptureSummary
from ipipdiag.checks.model import CheckResult
from ipipdiag.checks.service_traffic import port_text
from ipipdiag.cluster.model import Cluster, NodeEvidence, Route
from ipipdiag.decode.link import link_type_name
from ipipdiag.facts.collect import POINT_LIMIT, CaptureFacts
from ipipdiag.points.model import Point
from ipipdiag.report.files import Files
from ipipdiag.report.flow_rows import FlowRows
from ipipdiag.report.left_out import left_out
from ipipdiag.report.model import (
    ClusterFact,
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
from ipipdiag.report.topology import best_sessions, describe_states, draw_topology
from ipipdiag.report.trace.machines import captured_apart, clock_reports
from ipipdiag.report.units import format_time
from ipipdiag.report.verdict import reach_verdict
from ipipdiag.trace.model import Trace

MOST_STATES = 6  # connections of one session
MOST_INTERFACES = POINT_LIMIT  # of one file
MOST_FACTS = 200  # of one kind; a cluster has thousands of pods, a report need not


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
            *_cluster_facts(cluster),
            *_session_facts(points, cluster),
            *_clock_facts(trace, cluster),
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


def _cluster_facts(cluster: Cluster) -> tuple[ClusterFact, ...]:
    """What was taken as known, told before inferred before default."""
    facts = [
        ClusterFact(f"pool {pool.text}" + (f" ipipMode {pool.mode.value}" if pool.mode else ""), pool.source)
        for pool in cluster.pools
    ]
    if cluster.default_mode is not None:
        facts.append(ClusterFact(f"ipipMode {cluster.default_mode.value} of every pool", "user"))
    nodes = sorted(cluster.nodes.values(), key=lambda node: (-node.evidence, node.address))
    facts += [
        ClusterFact(f"node {node.text}", node.source)
        if node.evidence > NodeEvidence.OUTER_ONE_WAY
        else ClusterFact(f"outer address {node.text}, perhaps a node", node.source)
        for node in nodes[:MOST_FACTS]
    ]
    facts += [
        ClusterFact(f"block {route.network} on node {format_address(route.node)}{_withdrawn(route)}", route.source)
        for route in cluster.announced[:MOST_FACTS]
    ]
    facts += [
        ClusterFact(f"block {route.network} on node {cluster.node_text(route.node)}", route.source)
        for route in cluster.blocks[:MOST_FACTS]
    ]
    facts += [
        ClusterFact(
            f"tunnel address {format_address(address)} of node {cluster.node_text(node)}",
            cluster.told_tunnel_addresses.get(address, "inferred: it sends through the tunnel with an initial TTL"),
        )
        for address, node in sorted(cluster.tunnel_addresses.items())[:MOST_FACTS]
    ]  # fmt: skip
    facts += [
        ClusterFact(f"pod {format_address(address)} on node {format_address(route.node)}", route.source)
        for address, routes in list(cluster.seen_behind.items())[:MOST_FACTS]
        for route in routes
    ]
    facts += [
        ClusterFact(f"pod {format_address(address)}", f"inferred: {why}")
        for address, why in sorted(cluster.pods.items())[:MOST_FACTS]
        if address not in cluster.seen_behind and address not in cluster.placed
    ]
    facts += [
        ClusterFact(f"pod {cluster.pod_names.get(address, format_address(address))} ({format_address(address)}) on "
                    f"node {cluster.node_text(route.node)}", route.source)
        for address, route in sorted(cluster.placed.items())[:MOST_FACTS]
    ]  # fmt: skip
    facts += _service_facts(cluster)
    if cluster.tunnel_mtu is not None:
        facts.append(ClusterFact(f"tunnel MTU {cluster.tunnel_mtu}", cluster.tunnel_mtu_source))
    if not cluster.pools and cluster.default_mode is None:
        facts.append(ClusterFact("ipipMode Always (what Calico's manifest sets; nothing was judged by it)", "default"))
    if not any(pool.block_size for pool in cluster.pools):
        facts.append(ClusterFact("blocks of 64 addresses (/26; nothing was judged by it)", "default"))
    return tuple(facts)


def _service_facts(cluster: Cluster) -> list[ClusterFact]:
    """Services that packets imply, the networks of services, and the mode of kube-proxy."""
    facts = [
        ClusterFact(
            f"service {format_address(address)}, {', '.join(sorted(map(_port, service.ports)))}, to "
            + ", ".join(map(format_address, service.endpoints)),
            service.source,
        )
        for address, service in sorted(cluster.services.items())[:MOST_FACTS]
        if not service.name
    ]
    facts += [ClusterFact(f"services in {network}", source) for network, source in cluster.service_networks]
    if cluster.kube_proxy_mode is not None:
        facts.append(ClusterFact(f"kube-proxy in {cluster.kube_proxy_mode} mode", cluster.kube_proxy_source))
    return facts


def _port(pair: tuple[int, int]) -> str:
    return port_text(*pair)


def _withdrawn(route: Route) -> str:
    return "" if route.withdrawn_ns is None else f", withdrawn {format_time(route.withdrawn_ns)}"


def _session_facts(points: Sequence[Point], cluster: Cluster) -> list[ClusterFact]:
    """Each BGP session with its states, from the point that shows most of it."""
    return [
        ClusterFact(
            f"BGP session {cluster.node_text(low)} and {cluster.node_text(high)}: "
            f"{describe_states(session, MOST_STATES)}",
            f"inferred: TCP/179 at {session.point.label}",
        )
        for (low, high), session in sorted(best_sessions(points).items())[:MOST_FACTS]
    ]


def _clock_facts(trace: Trace, cluster: Cluster) -> list[ClusterFact]:
    """How the clocks of the machines differ, and what was not captured at the same time."""
    facts = [
        ClusterFact(f"clock of {clock.text}", "inferred: packets that were seen at both")
        for clock in clock_reports(trace, cluster)
        if not clock.is_reference and clock.offset_ns is not None
    ]
    apart = [ClusterFact(text, "inferred: first and last frames") for text in captured_apart(trace, cluster)]
    return [*facts[:MOST_FACTS], *apart]


def _tunnels(point: Point, files: Files) -> list[TunnelReport]:
    reports = []
    for source, destination, packets, size, first_frame in point.facts.tunnels.rows(
        "outer_source", "outer_destination", "packets", "bytes", "first_frame"
    ):
        name, number = files.locate(point.input, first_frame)
        ends = format_address(source), format_address(destination)
        reports.append(TunnelReport(point.id, *ends, packets, size, number, name))
    return reports
