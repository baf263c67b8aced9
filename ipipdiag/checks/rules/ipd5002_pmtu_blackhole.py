"""PmtuBlackhole: large packets vanish, small ones get through, and no ICMP says why.

Expected
    Packets as large as the tunnel's MTU are acknowledged as small ones are; a router that cannot
    pass one on says so (ICMP "fragmentation needed"), and the sender shrinks.

How it is observed
    At any point before the place of the loss: a large segment of a connection is sent again at
    least three times (or one each of two connections twice) and never acknowledged at that size,
    while smaller packets of the same two addresses are, before and meanwhile, and no ICMP 3/4
    names these addresses. A segment that is acknowledged once it is sent in smaller pieces
    counts as well. At points behind the loss only a trace is left: bytes that never come, though
    the small packet after them does; that is worth a warning.

What can mislead
    A receiver that closes its window, a lossy path (there small packets are lost as well), and a
    path that went down altogether: each is told apart by what else the two addresses exchange,
    and where nothing else is seen, nothing is reported. Super-packets above the MTU are cut up
    before the wire. A NIC that cannot cut up IP-in-IP super-packets looks the same.

What to do
    Find the size that passes: ``ping -M do -s SIZE`` from pod to pod. Lower the tunnel's MTU to
    that of the path less 20 (FelixConfiguration ipipMTU, or the operator's mtu) and restart the
    pods, or repair the link with the small MTU and let its router send ICMP. Thresholds:
    stuck-repeats, stuck-ms, stuck-bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from ipipdiag.addresses import format_address
from ipipdiag.checks import display_filters
from ipipdiag.checks.absence import SEGMENTS, first_limit, incomplete, waited_long_enough
from ipipdiag.checks.gravest import Sighting, gravest
from ipipdiag.checks.model import Check, Component, Confidence, Evidence, Finding, Outcome, Severity
from ipipdiag.checks.sightings import EVIDENCE_FRAMES, duration, evidence_of, several
from ipipdiag.checks.stuck_segments import Ports, StuckPair, stuck_pairs
from ipipdiag.checks.tcp_pairs import no_tcp, pair_subject, tcp_pairs
from ipipdiag.checks.thresholds import Thresholds
from ipipdiag.protocols import FRAGMENTATION_NEEDED, UNREACHABLE

if TYPE_CHECKING:
    from ipipdiag.cluster.model import Cluster
    from ipipdiag.points.model import Point

ECHO_HEADERS, IPV4_HEADER = 28, 20
MOST_FILTERS = 4

Ends = tuple[int, int]


def examine(points: tuple[Point, ...], cluster: Cluster, thresholds: Thresholds) -> Outcome:
    """A finding for each pair of addresses whose large packets vanish."""
    examined = sum(pair.segments > 0 for pair in tcp_pairs(points))
    sightings: list[Sighting] = []
    whole = [point for point in points if not first_limit([point], SEGMENTS)]
    told = _told(points)
    for point in whole:
        for pair in stuck_pairs(point, thresholds):
            if (pair.source, pair.destination) not in told:
                sightings.append(_sighting(pair, cluster, thresholds))
    findings, untold = gravest(sightings)
    found = {text for _, text in (sighting.subject for sighting in sightings)}
    for point in whole:
        findings += tuple(trace for trace in _traces(point, told, cluster) if trace.subject.text not in found)
    missing = None if examined or findings else no_tcp("whether large packets pass")
    return Outcome(examined, findings, first_limit(points, SEGMENTS) or missing, untold)


def _told(points: tuple[Point, ...]) -> set[Ends]:
    """The pairs of addresses about whose packets any point shows "fragmentation needed"."""
    found: set[Ends] = set()
    for point in points:
        reports = point.facts.icmp_reports
        about = reports.select((reports.type == UNREACHABLE) & (reports.code == FRAGMENTATION_NEEDED))
        found.update(zip(about.quoted_source.tolist(), about.quoted_destination.tolist(), strict=True))
    return found


def _sighting(pair: StuckPair, cluster: Cluster, thresholds: Thresholds) -> Sighting:
    """What :func:`_finding` would say, for one pair of perhaps many."""
    subject = pair_subject(cluster, pair.source, pair.destination)
    make = partial(_finding, pair, cluster, thresholds)
    return Sighting((subject.kind, subject.text), _severity(pair, cluster), _confidence(pair), pair.repeats, make)


def _severity(pair: StuckPair, cluster: Cluster) -> Severity:
    is_ours = cluster.is_ours(pair.source) and cluster.is_ours(pair.destination)
    return Severity.CRITICAL if is_ours else Severity.WARNING


def _confidence(pair: StuckPair) -> Confidence:
    return Confidence.CONFIRMED if pair.flows > 1 else Confidence.LIKELY


def _finding(pair: StuckPair, cluster: Cluster, thresholds: Thresholds) -> Finding:
    source, destination = format_address(pair.source), format_address(pair.destination)
    segments, point = pair.segments, pair.point
    repeats, smallest = pair.repeats, pair.smallest
    first_ns, last_ns = min(one.first_ns for one in segments), max(one.last_ns for one in segments)
    return Finding(
        severity=_severity(pair, cluster),
        confidence=_confidence(pair),
        subject=pair_subject(cluster, pair.source, pair.destination),
        title=f"packets of {smallest} bytes from {source} to {destination} vanish without ICMP, while those up to "
        f"{pair.delivered} get through: the path's MTU is smaller than the senders think",
        expected="large packets are acknowledged as small ones are, or answered with ICMP 3/4 (reported from "
        f"{thresholds.stuck_repeats:g} repeats of one segment within {thresholds.stuck_ms:g} ms on, or "
        "2 of each of several connections)",
        observed=f"{several(len(segments), 'segment')} in {several(pair.flows, 'connection')} sent again "
        f"{repeats} times within {duration(last_ns - first_ns)}, never acknowledged at that size; "
        f"smallest lost {smallest} bytes, largest delivered {pair.delivered}; meanwhile {' and '.join(pair.passes)}"
        f"; no ICMP 3/4{_mss_text(pair)}",
        count=repeats,
        first_ns=first_ns,
        last_ns=last_ns,
        evidence=_evidence(pair),
        component=Component.NODE_NETWORK,
        confirm=(
            f"ping -M do -c 3 -s {smallest - ECHO_HEADERS} {destination}  # in {source}; smaller ones: what passes?",
            f"tracepath -n {destination}  # in {source}",
            "ip link show tunl0; ip link show eth0  # on both nodes",
        ),
        fix=(
            f"set the tunnel's MTU to what passes: at least {pair.delivered}, less than {smallest} bytes "
            "(FelixConfiguration ipipMTU, or the operator's mtu), and restart the pods",
            f"or repair the link between the nodes whose MTU is below {smallest + IPV4_HEADER}, and let its router "
            "send ICMP 3/4",
        ),
        alternatives=(
            "the sending node's NIC drops IP-in-IP super-packets instead of cutting them up: "
            "ethtool -K eth0 tx-ipxip4-segmentation off would cure it",
        ),
        worked=pair.passes,
        points=(point.id,),
    )


def _evidence(pair: StuckPair) -> tuple[Evidence, ...]:
    """The repeats of each connection under its own filter, of the first few connections."""
    frames: dict[Ports, set[int]] = defaultdict(set)
    for segment in pair.segments:
        frames[segment.ports].update(segment.frames)
    return tuple(
        Evidence(
            pair.point.input,
            tuple(sorted(numbers)[:EVIDENCE_FRAMES]),
            display_filters.tcp_flow(pair.source, pair.destination, *ports),
        )
        for ports, numbers in list(frames.items())[:MOST_FILTERS]
    )


def _mss_text(pair: StuckPair) -> str:
    """The segment sizes both ends announced, where their SYNs were captured."""
    sizes = _segment_sizes(pair.point)
    one, other = sizes.get((pair.source, pair.destination), 0), sizes.get((pair.destination, pair.source), 0)
    return f"; announced segment sizes {one} and {other}" if one > 0 and other > 0 else ""


@lru_cache(maxsize=64)
def _segment_sizes(point: Point) -> dict[Ends, int]:
    """The largest segment size that one address announced to another."""
    flows = point.facts.flows
    sizes: dict[Ends, int] = {}
    for source, destination, mss in flows.select(flows.mss_max > 0).rows("source", "destination", "mss_max"):
        sizes[source, destination] = max(mss, sizes.get((source, destination), 0))
    return sizes


def _traces(point: Point, told: set[Ends], cluster: Cluster) -> Iterator[Finding]:
    """What is left of the loss of large packets behind it: bytes that never come, and the small packet after them."""
    if incomplete(point):
        return
    gaps = point.facts.tcp_gaps
    for position, (source, destination, missing, length, first_ns) in enumerate(
        gaps.rows("source", "destination", "bytes", "length_max", "first_ns")
    ):
        is_large = missing > length and (source, destination) not in told
        if is_large and waited_long_enough(first_ns, point.facts.extent) and cluster.is_ours(source):
            yield _trace(point, gaps.frames[position], (source, destination, missing, length, first_ns), cluster)


def _trace(point: Point, frames: object, gap: tuple[int, int, int, int, int], cluster: Cluster) -> Finding:
    source, destination, missing, length, first_ns = gap
    sender, receiver = format_address(source), format_address(destination)
    return Finding(
        severity=Severity.WARNING if cluster.is_ours(destination) else Severity.NOTICE,
        confidence=Confidence.POSSIBLE,
        subject=pair_subject(cluster, source, destination),
        title=f"{several(missing, 'byte')} from {sender} to {receiver} never come, but the packet of {length} bytes "
        "after them does: large packets may be lost on the way",
        expected="what is lost is sent again and arrives",
        observed=f"a packet of {length} bytes skips {missing} bytes that were neither seen nor acknowledged before or "
        "after",
        count=1,
        first_ns=first_ns,
        last_ns=point.facts.extent.last_ns,
        evidence=(evidence_of(point, frames, display_filters.conversation(source, destination)),),
        component=Component.NODE_NETWORK,
        confirm=(
            f"tracepath -n {receiver}  # in {sender}",
            "a capture on the sender's side: which sizes are sent again?",
        ),
        alternatives=("the path was interrupted for a while", "the capture missed the packets"),
        points=(point.id,),
    )


CHECK = Check(
    code="IPD5002",
    name="PmtuBlackhole",
    severity=Severity.CRITICAL,
    summary="large packets vanish without ICMP while small ones get through",
    points="any",
    examine=examine,
)
