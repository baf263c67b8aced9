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
from ipipdiag.protocols import BGP_PORT, ICMP
from ipipdiag.report.model import State
from ipipdiag.run import RunOptions, analyze, read_captures
from tests.decode.tshark import TSHARK
from tests.generated.clusters import Story, stories

drawn = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def facts_of(path: Path, story: Story) -> PointFacts:
    """The facts of the one point that has frames."""
    path.write_bytes(story.data())
    (capture,), errors = read_captures([str(path)], Limits())
    assert not errors
    with_frames = [point for point in capture.points if point.extent.frames]
    assert [point.key.interface for point in with_frames] == [story.form.interface]
    assert with_frames[0].extent.frames == len(story.frames)
    return with_frames[0]


@drawn
@given(stories())
def test_facts_are_what_was_put_in(story: Story) -> None:
    with tempfile.TemporaryDirectory() as folder:
        facts = facts_of(Path(folder) / "x", story)
    tunnels = {
        (format_address(source), format_address(destination)): (packets, size)
        for source, destination, packets, size in facts.tunnels.rows(
            "outer_source", "outer_destination", "packets", "bytes"
        )
    }
    assert tunnels == {pair: (count, story.tunnel_bytes[pair]) for pair, count in story.tunnels.items()}
    flows: Counter[tuple[int, ...]] = Counter()
    sizes: Counter[tuple[int, ...]] = Counter()
    for *five, packets, size, fragments in facts.flows.rows(
        "source", "destination", "protocol", "source_port", "destination_port", "packets", "bytes", "fragments"
    ):
        if BGP_PORT not in five[3:] and not fragments:
            flows[tuple(five)] += packets
            sizes[tuple(five)] += size
    assert flows == story.flows
    assert sizes == story.flow_bytes
    assert int(facts.flows.fragments.sum()) == story.fragments
    assert len(facts.arp_messages) == story.arp
    again = facts.tcp_events.select(facts.tcp_events.event == TcpEvent.SENT_AGAIN)
    counted = {
        (source, destination, 6, *ports): packets
        for source, destination, *ports, packets in again.rows(
            "source", "destination", "source_port", "destination_port", "packets"
        )
    }
    assert counted == dict(story.sent_again)
    assert len(facts.tcp_events) == len(again)
    if story.form.snap_length > 1_000:
        routes = facts.bgp_routes.rows("prefix", "prefix_length", "next_hop")
        assert set(routes) == story.announced
    assert not facts.left_out


@drawn
@given(stories())
def test_a_healthy_cluster_is_told_as_it_is(story: Story) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(story.data())
        report = analyze(RunOptions((str(path),)))
        captures, _ = read_captures([str(path)], Limits())
    points = place_points(captures, (), {}, {})
    cluster = build_cluster(points, build_told(Configuration(), (), (), ()))
    owners = {pod: {route.node for route in routes} for pod, routes in cluster.seen_behind.items()}
    assert owners == {pod: {node} for pod, node in story.owners.items()}
    assert {address for address in cluster.nodes if cluster.is_node(address)} >= set(story.owners.values())
    grave = [entry.finding for entry in report.findings if entry.finding.severity is not Severity.NOTICE]
    assert [finding for finding in grave if finding.severity is not Severity.WARNING] == []
    assert [finding.title for finding in grave if finding.code[3] != "0"] == []
    assert not [check for check in report.checks if check.status is Status.CRASHED]
    assert report.verdict.state in (State.NO_FAULT_SEEN, State.SUSPICIOUS)
    assert report.errors == ()


@pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
@settings(drawn, max_examples=3)
@given(stories())
def test_tshark_counts_the_same(story: Story) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        facts = facts_of(path, story)

        def count(display_filter: str) -> int:
            command = [str(TSHARK), "-r", str(path), "-Y", display_filter, "-o", "ip.defragment:FALSE"]
            return len(subprocess.run(command, capture_output=True, check=True).stdout.splitlines())

        assert count("ip.proto#1 == 4") == int(facts.tunnels.packets.sum()) == story.tunnels.total()
        assert count("arp") == len(facts.arp_messages) == story.arp
        echoes = facts.flows.select((facts.flows.protocol == ICMP) & (facts.flows.source_port >= 0))
        assert count("icmp.type == 8 || icmp.type == 0") == int(echoes.packets.sum())
