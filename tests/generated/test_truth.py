"""What goes into a capture is what the facts say: healthy clusters drawn at random, the same ones in every run."""

from __future__ import annotations

import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from ipipdiag.addresses import format_address
from ipipdiag.capture import Limits
from ipipdiag.checks.model import Severity, Status
from ipipdiag.cluster.configuration import Configuration
from ipipdiag.cluster.infer import build_cluster
from ipipdiag.cluster.told import build_told
from ipipdiag.facts.collect import PointFacts
from ipipdiag.kinds import TcpEvent
from ipipdiag.points.placement import place_points
from ipipdiag.protocols import BGP_PORT, ICMP, TCP
from ipipdiag.report.model import State
from ipipdiag.run import TraceOptions, analyze, read_captures, trace
from tests.builders.captures import SLL2
from tests.builders.packets import ip_number
from tests.decode.tshark import TSHARK
from tests.generated.stories import Story, stories
from tests.generated.traffic import FiveTuple, Pods, Report
from tests.generated.views import View, Where

ROLES = {Where.NIC: "node", Where.TUNNEL: "tunl0", Where.LINK: "cali"}
MICROSECOND = 1_000  # the resolution of some captures
drawn = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def facts_of(story: Story) -> list[tuple[View, PointFacts]]:
    """Each view with the facts of the point that has its frames."""
    with tempfile.TemporaryDirectory() as folder:
        captures, errors = read_captures(story.write(Path(folder)).captures, Limits())
    assert not errors
    found = []
    for views, capture in zip(story.files.values(), captures, strict=True):
        points = [point for point in capture.points if point.extent.frames]
        assert {point.key.interface for point in points} <= {story.form.interface}
        index = {point.key.interface_index: point for point in points}
        for view in views:
            if view.frames:
                found.append((view, index.pop(view.spot.index if view.spot.link_type == SLL2 else -1)))
        assert not index
    return found


def check_facts(view: View, facts: PointFacts, *, is_whole: bool) -> None:
    """Hold the facts of a point against what is true of it; ``is_whole`` where no frame was cut."""
    assert facts.extent.frames == len(view.frames)
    tunnels = {
        (format_address(source), format_address(destination)): (packets, size)
        for source, destination, packets, size in facts.tunnels.rows(
            "outer_source", "outer_destination", "packets", "bytes"
        )
    }
    assert tunnels == {pair: (count, view.tunnel_bytes[pair]) for pair, count in view.tunnels.items()}
    flows: Counter[tuple[int, ...]] = Counter()
    sizes: Counter[tuple[int, ...]] = Counter()
    for *five, packets, size, fragments in facts.flows.rows(
        "source", "destination", "protocol", "source_port", "destination_port", "packets", "bytes", "fragments"
    ):
        if BGP_PORT not in five[3:] and not fragments:
            flows[tuple(five)] += packets
            sizes[tuple(five)] += size
    assert flows == view.flows
    assert sizes == view.flow_bytes
    assert int(facts.flows.fragments.sum()) == view.fragments
    assert len(facts.arp_messages) == view.arp
    assert Counter(Report(*row) for row in facts.icmp_reports.rows(*Report._fields)) == view.reports
    again = facts.tcp_events.select(facts.tcp_events.event == TcpEvent.SENT_AGAIN)
    counted: Counter[FiveTuple] = Counter()
    for source, destination, source_port, destination_port, packets in again.rows(
        "source", "destination", "source_port", "destination_port", "packets"
    ):
        counted[source, destination, TCP, source_port, destination_port] = packets
    assert counted == view.sent_again
    assert len(facts.tcp_events) == len(again)
    if is_whole:
        routes = facts.bgp_routes.rows("prefix", "prefix_length", "next_hop")
        assert set(routes) == view.announced
    assert not facts.left_out


@drawn
@given(stories())
def test_facts_are_what_was_put_in(story: Story) -> None:
    for view, facts in facts_of(story):
        check_facts(view, facts, is_whole=story.form.snap_length > 1_000)


@drawn
@given(stories(several=True, losses=True))
def test_facts_of_each_place_are_what_passed_it(story: Story) -> None:
    for view, facts in facts_of(story):
        check_facts(view, facts, is_whole=story.form.snap_length > 1_000)


def check_verdict(story: Story) -> None:
    """Hold what is inferred, and the report, against a healthy cluster."""
    with tempfile.TemporaryDirectory() as folder:
        options = story.write(Path(folder))
        report = analyze(options)
        captures, _ = read_captures(options.captures, Limits())
    told = build_told(Configuration(), options.nodes, options.pod_cidrs, options.ipip_modes)
    cluster = build_cluster(place_points(captures, (), {}, {}), told)
    homes = {ip_number(pod): {ip_number(node.address)} for node in story.cluster.nodes for pod in node.pods}
    owners = {pod: {route.node for route in routes} for pod, routes in cluster.seen_behind.items()}
    assert owners == {pod: homes[pod] for pod in owners}
    if has_nic := any(view.spot.where is Where.NIC for view in story.views):
        shown = {pod: node for view in story.views for pod, node in view.behind.items()}
        assert set(owners) >= set(shown)
        assert {address for address in cluster.nodes if cluster.is_node(address)} >= set(shown.values())
    grave = [entry.finding for entry in report.findings if entry.finding.severity is not Severity.NOTICE]
    assert [finding.title for finding in grave if finding.severity is not Severity.WARNING] == []
    assert [finding.title for finding in grave if finding.code[3] != "0"] == []
    assert not [check for check in report.checks if check.status is Status.CRASHED]
    assert report.verdict.state in (State.NO_FAULT_SEEN, State.SUSPICIOUS) or not has_nic
    assert report.verdict.state is not State.FAULT_FOUND
    assert report.errors == ()


@drawn
@given(stories())
def test_a_healthy_cluster_is_told_as_it_is(story: Story) -> None:
    check_verdict(story)


@drawn
@given(stories(several=True))
def test_so_it_is_from_several_places(story: Story) -> None:
    check_verdict(story)


def check_trace(story: Story) -> None:
    """Hold what the trace counts against what passed each place and what was lost between them."""
    with tempfile.TemporaryDirectory() as folder:
        answer = trace(story.write(Path(folder)), TraceOptions())
    seen_at = {
        (f"c{number}", ROLES[view.spot.where]): view
        for number, views in enumerate(story.files.values(), start=1)
        for view in views
    }
    views = {
        place.id: seen_at[place.inputs[0], "cali" if place.role == "pod" else place.role] for place in answer.places
    }
    lost: Counter[Pods] = Counter()
    passed: dict[str, Counter[Pods]] = {place: Counter() for place in views}
    for route in answer.routes:
        pair = route.source, route.destination
        lost[pair] += sum(hop.lost for hop in route.hops)
        for stop in route.stops:
            passed[stop.place][pair] += stop.packets
    assert +lost == story.lost
    for place, view in views.items():
        assert {pair: passed[place][pair] for pair in view.passed} == view.passed
    ahead_ns = max(abs(view.ahead_ns) for view in story.views)
    for clock in answer.clocks if all(view.frames for view in story.views) else ():
        assert clock.offset_ns is not None
        assert clock.is_reference or abs(abs(clock.offset_ns) - ahead_ns) <= (clock.error_ns or 0) + MICROSECOND


@drawn
@given(stories(several=True, losses=True))
def test_the_trace_counts_what_passed_and_what_was_lost(story: Story) -> None:
    check_trace(story)


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
@settings(drawn, max_examples=3)
@given(stories())
def test_tshark_counts_the_same(story: Story) -> None:
    ((view, facts),) = facts_of(story)
    with tempfile.TemporaryDirectory() as folder:
        (path,) = story.write(Path(folder)).captures

        def count(display_filter: str) -> int:
            command = [str(TSHARK), "-r", path, "-Y", display_filter, "-o", "ip.defragment:FALSE"]
            return len(subprocess.run(command, capture_output=True, check=True).stdout.splitlines())

        assert count("ip.proto#1 == 4") == int(facts.tunnels.packets.sum()) == view.tunnels.total()
        assert count("arp") == len(facts.arp_messages) == view.arp
        echoes = facts.flows.select((facts.flows.protocol == ICMP) & (facts.flows.source_port >= 0))
        assert count("icmp.type == 8 || icmp.type == 0") == int(echoes.packets.sum())
        assert count("icmp.type == 3 || icmp.type == 11") == len(facts.icmp_reports) == view.reports.total()
