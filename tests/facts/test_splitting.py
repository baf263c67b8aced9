"""Splitting a capture anywhere, or reading it in other batches, changes no fact and no report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipipdiag.capture import Limits, open_capture
from ipipdiag.facts.ahead import CaptureHere
from ipipdiag.facts.collect import CaptureCollector, CaptureFacts, PointCollector, PointFacts
from ipipdiag.facts.flows import Flows, flow_rows
from ipipdiag.facts.shares import PointKey, Share, ShareFold
from ipipdiag.facts.tally import TallyBuilder
from ipipdiag.report.formats import render
from ipipdiag.report.presentation import Presentation
from ipipdiag.run import RunOptions, analyze
from ipipdiag.table import Table
from tests.builders.captures import START_NS, decode_frames, pcap
from tests.builders.packets import dns_answer, dns_query, ethernet, icmp_echo, ipip, ipv4, tcp, tcp_options, udp
from tests.scenarios import folder

FILES = [
    folder("01") / "a-eth0.pcap",
    folder("01") / "a-multi.pcapng",
    folder("01") / "b-any.pcap",
    folder("10") / "b-eth0.pcap",
    folder("10") / "b-tunl0.pcap",
    folder("12") / "a-eth0.pcap",
    folder("13") / "a-eth0.pcap",
    folder("25") / "a-eth0.pcap",
    folder("25") / "b-tunl0.pcap",
    folder("27b") / "b-eth0.pcap",
    folder("20") / "b-eth0.pcap",
    folder("21") / "a-eth0.pcap",
    folder("29") / "a-eth0.pcap",
    folder("24") / "pod-a1-eth0.pcap",
]
LIMITS = [Limits(batch_frames=1), Limits(batch_frames=7), Limits(batch_frames=64), Limits(chunk_bytes=3000)]


def facts_of(path: Path, limits: Limits | None = None) -> CaptureFacts:
    with open_capture(path, limits) as capture:
        collector = CaptureCollector(with_buckets=True)
        collector.read(CaptureHere(capture, ShareFold()))
    return collector.finish()


def assert_equal(one: CaptureFacts, other: CaptureFacts) -> None:
    assert one.files == other.files
    assert [point.key for point in one.points] == [point.key for point in other.points]
    for here, there in zip(one.points, other.points, strict=True):
        for fact in fields(here):
            left, right = getattr(here, fact.name), getattr(there, fact.name)
            if not isinstance(left, Table):
                assert left == right, fact.name
                continue
            for name in left.column_names():
                if fact.name == "arp_messages" and name == "row":
                    continue  # a position within its batch
                assert np.array_equal(getattr(left, name), getattr(right, name)), f"{fact.name}.{name}"


def assert_batches_change_nothing(packets: list[tuple[bytes, int]], batch: int, path: Path) -> None:
    """Packets, each with the pause before it, make the same facts in one batch and in batches of some frames."""
    time_ns, frames = START_NS, []
    for packet, pause in packets:
        time_ns += pause
        frames.append((time_ns, ethernet(packet)))
    path.write_bytes(pcap(frames, nano=True))
    assert_equal(facts_of(path), facts_of(path, Limits(batch_frames=batch)))


@pytest.mark.parametrize("limits", LIMITS, ids=["1 frame", "7 frames", "64 frames", "3000 bytes"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name[:3]}{path.name}")
def test_batches_change_no_fact(path: Path, limits: Limits) -> None:
    assert_equal(facts_of(path), facts_of(path, limits))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name[:3]}{path.name}")
def test_batches_change_no_report(path: Path) -> None:
    options = RunOptions((str(path),))
    reports = {render("json", analyze(options, limits=limits), Presentation()) for limits in (None, *LIMITS[1:])}
    assert len(reports) == 1


def arrays_of(share: Share) -> Iterator[np.ndarray]:
    """Every array of a share that lies in the memory of its batch."""
    for part in fields(share.decoded):
        yield from getattr(share.decoded, part.name).columns().values()
    yield from (share.flows.codes, share.flows.first)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name[:3]}{path.name}")
def test_no_fact_holds_on_to_a_batch(path: Path) -> None:
    """The memory of a batch is that of the next."""

    def collected(*, spoil: bool) -> list[PointFacts]:
        collectors: dict[PointKey, PointCollector] = {}
        with open_capture(path, Limits(batch_frames=20)) as capture:
            for shares in ShareFold().read(capture):
                for share in shares.points:
                    if share.key not in collectors:
                        collectors[share.key] = PointCollector(share.key, with_packet_keys=True, with_buckets=True)
                    collectors[share.key].step(share)
                    if spoil:
                        for column in arrays_of(share):
                            column[:] = 1
        return [collector.finish() for collector in collectors.values()]

    for one, other in zip(collected(spoil=False), collected(spoil=True), strict=True):
        assert_equal(CaptureFacts((), (one,)), CaptureFacts((), (other,)))


PACKETS = st.builds(
    lambda source, destination, kind, ttl, wrap, number: (
        ipip(inner_packet(source, destination, kind, ttl, number), "192.0.2.1", f"192.0.2.{2 + wrap}", ttl=ttl)
        if wrap
        else inner_packet(source, destination, kind, ttl, number)
    ),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from(["syn", "data", "query", "answer", "echo", "reply"]),
    st.sampled_from([64, 63, 62, 61]),
    st.integers(0, 2),
    st.integers(0, 3),
)


def inner_packet(source: int, destination: int, kind: str, ttl: int, number: int) -> bytes:
    payload = {
        "syn": tcp(flags="S", sequence=number),
        "data": tcp(b"some data", flags="PA", sequence=number),
        "query": udp(dns_query(f"name{number}.example"), destination_port=53),
        "answer": udp(dns_answer(f"name{number}.example"), 53, 40000),
        "echo": icmp_echo(sequence=number),
        "reply": icmp_echo(request=False, sequence=number),
    }[kind]
    return ipv4(payload, f"172.20.0.{source}", f"172.20.4.{destination}", ttl=ttl, id=number)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    packets=st.lists(st.tuples(PACKETS, st.sampled_from([0, 1_000, 3_000_000, 2_000_000_000])), max_size=40),
    batch=st.integers(1, 9),
)
def test_any_traffic_in_any_batches(packets: list[tuple[bytes, int]], batch: int, tmp_path: Path) -> None:
    assert_batches_change_nothing(packets, batch, tmp_path / "capture")


SEGMENTS = st.builds(
    lambda forward, port, flags, sequence, length, acknowledgement, stamp, number, window: ipv4(
        tcp(
            bytes(length),
            flags=flags,
            sequence=BEGIN + 10 * sequence,
            acknowledgement=BEGIN + 10 * acknowledgement,
            window=window,
            options=tcp_options(timestamps=(stamp, 0)) if stamp else b"",
            **({"source_port": port, "destination_port": 80} if forward else {
                "source_port": 80, "destination_port": port
            }),
        ),
        *(("172.20.0.1", "172.20.4.2") if forward else ("172.20.4.2", "172.20.0.1")),
        id=number,
    ),
    st.booleans(),
    st.sampled_from([40000, 40000, 40001]),
    st.sampled_from(["S", "SA", "A", "A", "A", "A", "PA", "FA", "R"]),
    st.integers(0, 8),
    st.sampled_from([0, 0, 1, 10, 20, 40]),
    st.integers(0, 10),
    st.integers(0, 4),
    st.integers(0, 12),
    st.sampled_from([0, 500, 500]),
)  # fmt: skip
BEGIN = (1 << 32) - 40  # sequence numbers wrap on the way


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    packets=st.lists(st.tuples(SEGMENTS, st.sampled_from([1_000, 2_000_000, 300_000_000])), min_size=5, max_size=60),
    batch=st.integers(1, 9),
)
def test_any_tcp_in_any_batches(packets: list[tuple[bytes, int]], batch: int, tmp_path: Path) -> None:
    assert_batches_change_nothing(packets, batch, tmp_path / "capture")


def test_tallies_merge_in_any_order_to_the_same_rows() -> None:
    frames = [ethernet(inner_packet(1 + n % 3, 1 + n % 2, "data", 63, n)) for n in range(30)]
    rows = flow_rows(decode_frames(frames).packets)
    parts = [rows.select(slice(start, start + 7)).aggregate() for start in range(0, 30, 7)]
    forward = Flows.concatenate(parts).aggregate()
    backward = Flows.concatenate(parts[::-1]).aggregate()
    order = np.argsort(backward.frames[:, 0])
    for name in Flows.column_names():
        assert np.array_equal(getattr(forward, name), getattr(backward, name)[order]), name


@pytest.mark.parametrize("size", [1, 5, 40])
def test_rows_beyond_the_limit_are_counted_whatever_the_batches(size: int) -> None:
    rows = flow_rows(
        decode_frames([ethernet(inner_packet(1 + n % 3, 1 + n % 2, "data", 63, n)) for n in range(40)]).packets
    )
    builder = TallyBuilder(Flows, 4)
    for start in range(0, 40, size):
        builder.add(rows.select(slice(start, start + size)))
    kept = builder.finish()
    assert len(kept) == 4
    assert int(kept.packets.sum()) + builder.left_out == 40
    assert kept.frames[:, 0].tolist() == [1, 2, 3, 4]
