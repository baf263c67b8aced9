"""From frames to facts: one collector a point, fed batch by batch.

A point is one place of one capture: an interface of the file, and on Linux cooked v2 (``tcpdump -i any``) one kernel
interface index of it. Several files that one capture wrote one after the other are one capture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ipipdiag.capture import Capture, CaptureSummary
from ipipdiag.decode.packets import ArpMessages
from ipipdiag.facts import links
from ipipdiag.facts import tunnels as tunnel_facts
from ipipdiag.facts.ahead import CaptureAhead, CaptureHere
from ipipdiag.facts.bgp import BgpControls, BgpFold, BgpMessages, BgpRoutes
from ipipdiag.facts.dns import DnsExchanges, dns_rows
from ipipdiag.facts.extent import Extent, ExtentFold
from ipipdiag.facts.flows import Flows, flows_of, with_answers
from ipipdiag.facts.fragment_pieces import FragmentPieces, fragment_piece_rows
from ipipdiag.facts.frames_alike import frames_alike
from ipipdiag.facts.messages import IcmpReports, MessageLog, icmp_report_rows
from ipipdiag.facts.over_time import Buckets, BucketsFold
from ipipdiag.facts.packet_keys import KEYS_LIMIT, PacketKeys, PacketKeysFold, fit
from ipipdiag.facts.shares import POINT_LIMIT, PointKey, Share, ShareFold
from ipipdiag.facts.sightings import DuplicateFold, Duplicates, LoopFold, Loops, duplicate_rows, telling_hashes
from ipipdiag.facts.tally import TallyBuilder
from ipipdiag.facts.tcp_health import Deliveries, Gaps, Repeats, TcpEvents, TcpFold

ROW_LIMIT = 100_000  # rows of one tally at one point, flows above all; what does not fit is counted
PAIR_LIMIT = 25_000  # of tallies that have a row or a few a pair of machines


@dataclass(frozen=True, slots=True)
class PointFacts:
    """What happened at one point; no word of what should have."""

    key: PointKey
    extent: Extent
    mac_pairs: links.MacPairs
    stops: links.Stops
    flows: Flows
    tunnels: tunnel_facts.Tunnels
    tunnel_headers: tunnel_facts.TunnelHeaders
    inner_defects: tunnel_facts.InnerDefects
    fragments: tunnel_facts.Fragments
    fragment_pieces: FragmentPieces
    duplicates: Duplicates
    loops: Loops
    tcp_events: TcpEvents
    tcp_repeats: Repeats
    tcp_deliveries: Deliveries
    tcp_gaps: Gaps
    arp_messages: ArpMessages
    icmp_reports: IcmpReports
    bgp_messages: BgpMessages
    bgp_routes: BgpRoutes
    bgp_controls: BgpControls
    dns_exchanges: DnsExchanges
    packet_keys: PacketKeys  # no row where the run has one point
    key_halvings: int  # kept of the packet keys is a fraction of the flows: one in two to the power of this
    buckets: Buckets  # what happened over time; no row where nobody asked for it
    bucket_width_ns: int
    left_out: Mapping[str, int]  # packets or messages that found no room, by the name of the table; of full ones only
    unselected: int  # frames that the run does not look at


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """One capture, read to its end: its files, and the facts of its points in the order of their first frame.

    Several files are those it was written to one after the other. Frames are numbered through all of them;
    :meth:`locate` tells which file holds one.
    """

    files: tuple[CaptureSummary, ...]
    points: tuple[PointFacts, ...]
    unplaced: int = 0  # frames of interfaces beyond the first POINT_LIMIT

    def locate(self, number: int) -> tuple[int, int]:
        """The file that holds a frame, by its position among ``files``, and the frame's number there."""
        for position, file in enumerate(self.files[:-1]):
            if number <= file.frames:
                return position, number
            number -= file.frames
        return len(self.files) - 1, number


class PointCollector:
    """Collects the facts of one point from its shares of the batches, in order."""

    def __init__(self, key: PointKey, *, with_packet_keys: bool, with_buckets: bool = False) -> None:
        self._key = key
        self._unselected = 0
        self._with_packet_keys = with_packet_keys
        self.packet_keys = PacketKeysFold()
        self._with_buckets = with_buckets
        self._buckets = BucketsFold()
        self._extent = ExtentFold()
        self._duplicate_fold = DuplicateFold()
        self._loop_fold = LoopFold()
        self._mac_pairs = TallyBuilder(links.MacPairs, PAIR_LIMIT)
        self._stops = TallyBuilder(links.Stops, PAIR_LIMIT)
        self._flows = TallyBuilder(Flows, ROW_LIMIT)
        self._tunnels = TallyBuilder(tunnel_facts.Tunnels, PAIR_LIMIT)
        self._tunnel_headers = TallyBuilder(tunnel_facts.TunnelHeaders, PAIR_LIMIT)
        self._inner_defects = TallyBuilder(tunnel_facts.InnerDefects, PAIR_LIMIT)
        self._fragments = TallyBuilder(tunnel_facts.Fragments, ROW_LIMIT)
        self._duplicates = TallyBuilder(Duplicates, ROW_LIMIT)
        self._loops = TallyBuilder(Loops, ROW_LIMIT)
        self._tcp = TcpFold()
        self._arp = MessageLog(ArpMessages)
        self._icmp = MessageLog(IcmpReports)
        self._pieces = MessageLog(FragmentPieces)
        self._bgp = BgpFold()
        self._dns = TallyBuilder(DnsExchanges, ROW_LIMIT)

    def step(self, share: Share) -> None:
        """Add this point's share of a batch."""
        decoded, packets, flows = share.decoded, share.decoded.packets, share.flows
        self._unselected += share.unselected
        self._extent.step(packets)
        alike = frames_alike(packets, flows)
        self._mac_pairs.add(links.mac_pair_rows(alike))
        self._stops.add(links.stop_rows(packets))
        self._tunnels.add(tunnel_facts.tunnel_rows(alike))
        self._fragments.add(tunnel_facts.fragment_rows(packets))
        self._arp.add(decoded.arp_messages)
        self._icmp.add(icmp_report_rows(decoded))
        self._pieces.add(fragment_piece_rows(packets))
        self._bgp.step(decoded, share.payloads)
        hashes = telling_hashes(packets)
        is_duplicate = self._duplicate_fold.step(packets, hashes)
        is_first = ~is_duplicate
        self._dns.add(dns_rows(decoded, is_first))
        if not is_first.all():
            self._duplicates.add(duplicate_rows(packets, is_duplicate))
            packets, flows = packets.select(is_first), flows.select(is_first)
        self._loops.add(self._loop_fold.step(packets, hashes[is_first]))
        self._flows.add_merged(flows_of(packets, flows))
        self._tcp.step(packets, flows)
        if self._with_packet_keys:
            self.packet_keys.step(packets)
        if self._with_buckets:
            self._buckets.step(packets)
        self._tunnel_headers.add(tunnel_facts.tunnel_header_rows(packets))
        self._inner_defects.add(tunnel_facts.inner_defect_rows(packets))

    def finish(self) -> PointFacts:
        """The facts of all that was added."""
        bgp = self._bgp.finish()
        tcp = self._tcp.finish()
        return PointFacts(
            key=self._key,
            extent=self._extent.finish(),
            mac_pairs=self._mac_pairs.finish(),
            stops=self._stops.finish(),
            flows=with_answers(self._flows.finish()),
            tunnels=self._tunnels.finish(),
            tunnel_headers=self._tunnel_headers.finish(),
            inner_defects=self._inner_defects.finish(),
            fragments=self._fragments.finish(),
            fragment_pieces=self._pieces.finish(),
            duplicates=self._duplicates.finish(),
            loops=self._loops.finish(),
            tcp_events=tcp.events,
            tcp_repeats=tcp.repeats,
            tcp_deliveries=tcp.deliveries,
            tcp_gaps=tcp.gaps,
            arp_messages=self._arp.finish(),
            icmp_reports=self._icmp.finish(),
            bgp_messages=bgp.messages,
            bgp_routes=bgp.routes,
            bgp_controls=bgp.controls,
            dns_exchanges=self._dns.finish(),
            packet_keys=self.packet_keys.finish(),
            key_halvings=self.packet_keys.halvings,
            buckets=self._buckets.finish(),
            bucket_width_ns=self._buckets.width_ns,
            left_out=self._left_out(bgp.left_out),
            unselected=self._unselected,
        )

    def _left_out(self, bgp: int) -> dict[str, int]:
        """What found no room, by table; of the folds that fill several tables by the first of them."""
        counts = {
            "mac_pairs": self._mac_pairs.left_out,
            "stops": self._stops.left_out,
            "flows": self._flows.left_out,
            "tunnels": self._tunnels.left_out,
            "tunnel_headers": self._tunnel_headers.left_out,
            "inner_defects": self._inner_defects.left_out,
            "fragments": self._fragments.left_out,
            "fragment_pieces": self._pieces.left_out,
            "duplicates": self._duplicates.left_out,
            "loops": self._loops.left_out,
            "tcp_events": self._tcp.left_out,
            "arp_messages": self._arp.left_out,
            "icmp_reports": self._icmp.left_out,
            "bgp_messages": bgp,
            "dns_exchanges": self._dns.left_out,
        }
        return {table: count for table, count in counts.items() if count}


class CaptureCollector:
    """Collects the facts of one capture from its files in time order, as if they were one file.

    Packet keys are kept where the run may have several points: as many ``captures`` as it has share the room for them,
    or one that can hold several interfaces. ``always_keys`` asks for them all the same, ``with_buckets`` for the
    buckets, which nothing but a drawing needs.
    """

    def __init__(self, *, captures: int = 1, always_keys: bool = False, with_buckets: bool = False) -> None:
        self._is_one_of_several = always_keys or captures > 1
        self._keys_limit = KEYS_LIMIT // captures
        self._with_buckets = with_buckets
        self.files: list[CaptureSummary] = []
        self._unplaced = 0
        self._collectors: dict[PointKey, PointCollector] = {}

    def read(
        self,
        capture: CaptureHere | CaptureAhead,
        after_batch: Callable[[CaptureHere | CaptureAhead], None] | None = None,
    ) -> None:
        """Read one file to its end; ``after_batch`` is told how far it is.

        Nothing that a collector keeps may be part of a batch: its memory is filled anew.
        """
        for shares in capture.batches():
            if after_batch:
                after_batch(capture)
            self._unplaced += shares.unplaced
            for share in shares.points:
                if share.key not in self._collectors:
                    with_keys = self._is_one_of_several or capture.may_hold_interfaces or share.key.interface_index >= 0
                    self._collectors[share.key] = PointCollector(
                        share.key, with_packet_keys=with_keys, with_buckets=self._with_buckets
                    )
                self._collectors[share.key].step(share)
            fit([collector.packet_keys for collector in self._collectors.values()], self._keys_limit)
        self.files.append(capture.summary())

    def finish(self) -> CaptureFacts:
        """The facts of all files; an interface without frames is a point without frames."""
        with_frames = {key.interface for key in self._collectors}
        for interface in self.files[0].interfaces:
            if len(self._collectors) >= POINT_LIMIT:
                break
            if interface.number not in with_frames:
                key = PointKey(interface.number, -1)
                self._collectors[key] = PointCollector(key, with_packet_keys=False)
        points = tuple(collector.finish() for collector in self._collectors.values())
        return CaptureFacts(tuple(self.files), points, self._unplaced)


def collect_facts(capture: Capture) -> CaptureFacts:
    """Read a capture of one file to its end and return its facts."""
    collector = CaptureCollector()
    collector.read(CaptureHere(capture, ShareFold()))
    return collector.finish()
