"""What a capture at one place shows of the traffic of a cluster, and what is true of it there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from ipipdiag.protocols import ICMP
from tests.builders.captures import ETHERNET, RAW, SLL, SLL2, START_NS
from tests.builders.packets import (
    arp,
    bgp_keepalive,
    bgp_update,
    ethernet,
    icmp_echo,
    ip_number,
    ipip,
    ipv4,
    sll,
    sll2,
    tcp,
    vlan,
)
from tests.generated.traffic import MILLISECOND, POD_TTL, Ends, FiveTuple, Pods, Report, Sent, Stage, both_ways
from tests.generated.world import SUBNETS, Cluster, Node, is_routed, macs_at, router_of

GATEWAY, HOST_MAC, POD_MAC = "169.254.1.1", "ee:ee:ee:ee:ee:ee", "02:99:00:00:00:05"
REGISTRY_HOST, REGISTRY_MAC = 253, "02:50:00:00:02:53"  # in each subnet
LINK_MACS = (POD_MAC, HOST_MAC)
TUNNEL_HARDWARE = 768  # ARPHRD_TUNNEL
RECEIVED, OUTGOING = 0, 4  # packet types of Linux cooked records
CONTROL_SECONDS = 12  # for so long BGP runs
STEP_NS, NETWORK_NS = 20_000, 300_000  # from one stage to the next on a node, and between the NICs


class Where(Enum):
    """An interface of a node."""

    LINK = "cali0123456789a"
    TUNNEL = "tunl0"
    NIC = "eth0"


STAGES = {
    Where.LINK: (Stage.SENDER_LINK, Stage.RECEIVER_LINK),
    Where.TUNNEL: (Stage.SENDER_TUNNEL, Stage.RECEIVER_TUNNEL),
    Where.NIC: (Stage.SENDER_NIC, Stage.RECEIVER_NIC),
}


@dataclass(frozen=True)
class Spot:
    """A place that is captured: an interface of a node, of a pod's link the pod, and how its frames are written."""

    where: Where
    node: Node
    pod: str | None = None
    link_type: int = ETHERNET
    index: int = 2  # of the kernel's interface, in Linux cooked v2
    vlan: int | None = None

    def stage_of(self, ends: Ends, pods: Pods) -> Stage | None:
        """Where on the way of packets between some pods it lies; None where they do not pass it."""
        owners = pods if self.where is Where.LINK else ends
        own = self.pod if self.where is Where.LINK else self.node
        if own not in owners:
            return None
        return STAGES[self.where][owners.index(own)]


@dataclass
class View:
    """The frames of a spot and what is true of them; ``ahead_ns`` is by how much its clock is ahead."""

    spot: Spot
    cluster: Cluster
    ahead_ns: int = 0
    frames: list[tuple[int, bytes]] = field(default_factory=list, repr=False)
    tunnels: Counter[tuple[str, str]] = field(default_factory=Counter)
    tunnel_bytes: Counter[tuple[str, str]] = field(default_factory=Counter)
    flows: Counter[FiveTuple] = field(default_factory=Counter)
    flow_bytes: Counter[FiveTuple] = field(default_factory=Counter)
    sent_again: Counter[FiveTuple] = field(default_factory=Counter)
    reports: Counter[Report] = field(default_factory=Counter)
    passed: Counter[Pods] = field(default_factory=Counter)  # packets; fragments are one together
    behind: dict[int, int] = field(default_factory=dict)  # pods that show so by wrapped packets, and their nodes
    announced: set[tuple[int, int, int]] = field(default_factory=set)  # prefix, its length, node
    arp: int = 0
    fragments: int = 0
    _id: int = 1

    def stage_of(self, sent: Sent) -> Stage | None:
        """Where on its way a packet is seen here; None where it is not."""
        stage = self.spot.stage_of(sent.ends, sent.pods)
        if self.spot.where is Where.TUNNEL and not self._is_wrapped(sent):
            return None
        return stage if stage is not None and sent.begins <= stage < sent.stops else None

    def show_all(self, packets: list[Sent]) -> None:
        """Show what passes of some packets, after what is always there."""
        if self.spot.where is Where.NIC:
            self._show_control()
        elif self.spot.where is Where.LINK:
            self._show_gateway()
        for sent in packets:
            stage = self.stage_of(sent)
            if stage is None:
                continue
            is_again = sent.repeats is not None and self.stage_of(packets[sent.repeats]) is not None
            self._show(sent, stage, is_again=is_again)

    def _is_wrapped(self, sent: Sent) -> bool:
        return self.cluster.wraps(sent.ends) and not sent.is_bare

    def _show(self, sent: Sent, stage: Stage, *, is_again: bool) -> None:
        is_wrapped, routed = self._is_wrapped(sent), is_routed(sent.ends)
        packet = sent.packet(sent.ttl_at(stage, loses_to_router=routed and not is_wrapped))
        at_ns = sent.at_ns + stage * STEP_NS + NETWORK_NS * (stage >= Stage.RECEIVER_NIC)
        if sent.five is None:
            self.fragments += 1
            self.passed[sent.pods] += packet[6] & 0x1F == packet[7] == 0  # the first one
        else:
            self.passed[sent.pods] += 1
            self.flows[sent.five] += 1
            self.flow_bytes[sent.five] += len(packet)
            self.sent_again[sent.five] += is_again
        if sent.report is not None:
            self.reports[sent.report] += 1
        if self.spot.where is not Where.NIC:
            self._put(at_ns, packet, is_sent=stage <= Stage.SENDER_NIC)
            return
        macs, is_sent = macs_at(self.spot.node, sent.ends), stage is Stage.SENDER_NIC
        if not is_wrapped:
            self._put(at_ns, packet, macs, is_sent=is_sent)
            return
        self._id = self._id % 65_000 + 1
        sender, receiver = (node.address for node in sent.ends)
        outer_ttl = packet[8] - (routed and not is_sent)
        outer = ipip(packet, sender, receiver, ttl=outer_ttl, id=self._id, dont_fragment=bool(packet[6] & 0x40))
        self.tunnels[sender, receiver] += 1
        self.tunnel_bytes[sender, receiver] += self._put(at_ns, outer, macs, is_sent=is_sent)
        if sent.begins is Stage.SENDER_LINK and sent.ttl == POD_TTL and sent.report is None:  # a pod's, and shows so
            self.behind[ip_number(sent.pods[0])] = ip_number(sender)

    def _put(self, at_ns: int, payload: bytes, macs: tuple[str, str] = LINK_MACS, *, is_sent: bool) -> int:
        """A frame as the spot's link has it; returns its length. Of a pod's link MACs are its own, tunl0 has none."""
        spot = self.spot
        if spot.where is Where.LINK:  # what the sender's pod sends comes in on the node's side
            macs = LINK_MACS if is_sent else LINK_MACS[::-1]
            is_sent = not is_sent
        inside = vlan(payload, spot.vlan) if spot.vlan is not None else payload
        kind = OUTGOING if is_sent else RECEIVED
        if spot.link_type == RAW:
            frame = payload
        elif spot.link_type == SLL:
            frame = sll(payload, macs[0], kind)
        elif spot.link_type == SLL2 and spot.where is Where.TUNNEL:
            frame = sll2(payload, 0, kind, spot.index, hardware_type=TUNNEL_HARDWARE, address_length=0)
        elif spot.link_type == SLL2:
            frame = sll2(payload, macs[0], kind, spot.index)
        else:
            frame = ethernet(inside, source=macs[0], destination=macs[1])
        self.frames.append((at_ns + self.ahead_ns, frame))
        return len(frame)

    def _show_gateway(self) -> None:
        """The pod asks for its gateway, at the beginning and at the end, and is answered."""
        pod = self.spot.pod or ""
        for second in (0, CONTROL_SECONDS):
            at_ns = START_NS + second * 1_000 * MILLISECOND
            self._put(at_ns, arp(1, POD_MAC, pod, 0, GATEWAY), is_sent=True)
            self._put(at_ns + MILLISECOND // 10, arp(2, HOST_MAC, GATEWAY, POD_MAC, pod), is_sent=False)
            self.arp += 2

    def _show_control(self) -> None:
        """ARP and BGP of the node with the others, and what it has to do with the world; the first node has a session
        with each.
        """
        own, first = self.spot.node, self.cluster.own
        self._show_errands(own)
        peers = [node for node in self.cluster.nodes if node is not first] if own is first else [first]
        for position, peer in enumerate(peers):
            start_ns = START_NS + position * 10 * MILLISECOND
            ends, back = (own, peer), (peer, own)
            near = router_of(own) if is_routed(ends) else peer.address
            there, here = macs_at(own, ends), macs_at(own, back)
            self._put(start_ns, arp(1, own.mac, own.address, 0, near), there, is_sent=True)
            self._put(start_ns + MILLISECOND // 2, arp(2, here[0], near, own.mac, own.address), here, is_sent=False)
            self.arp += 2
            self._show_session(own, peer, 42_000 + int(peer.mac[-2:], 16) + int(own.mac[-2:], 16))
            for node in (own, peer):
                self.announced.add((int(node.block.network_address), node.block.prefixlen, ip_number(node.address)))

    def _show_errands(self, own: Node) -> None:
        """The node pings a host beside it, as nodes speak with others than nodes: so the capture shows whose it is."""
        ends, macs = (own.address, str(SUBNETS[own.subnet][REGISTRY_HOST])), (own.mac, REGISTRY_MAC)
        there, back = both_ways(ends, ICMP, (500, 500))
        for sequence in range(0, CONTROL_SECONDS, 2):
            at_ns = START_NS + (sequence * 1_000 + 50) * MILLISECOND
            request = ipv4(icmp_echo(id=500, sequence=sequence), *ends, id=4_000 + sequence)
            reply = ipv4(icmp_echo(request=False, id=500, sequence=sequence), *ends[::-1], id=4_000 + sequence)
            self._put(at_ns, request, macs, is_sent=True)
            self._put(at_ns + MILLISECOND, reply, macs[::-1], is_sent=False)
            for five, packet in ((there, request), (back, reply)):
                self.flows[five] += 1
                self.flow_bytes[five] += len(packet)

    def _show_session(self, own: Node, peer: Node, port: int) -> None:
        """Each announces its block, then keepalives; who has the lower address asks."""
        asks, asked = sorted((own, peer), key=lambda node: ip_number(node.address))
        ports = {asks.address: port, asked.address: 179}
        sequence = {asks.address: 1, asked.address: 1}
        for second in range(CONTROL_SECONDS):
            for speaker, other, after in ((asks, asked, 0), (asked, asks, 5)):
                said = bgp_keepalive() if second else bgp_update([str(speaker.block)], next_hop=speaker.address)
                segment = tcp(
                    said,
                    source_port=ports[speaker.address],
                    destination_port=ports[other.address],
                    flags="PA",
                    sequence=sequence[speaker.address],
                    acknowledgement=sequence[other.address],
                )
                sequence[speaker.address] += len(said)
                is_sent, ends = speaker is own, (speaker, other)
                ttl = 64 - (is_routed(ends) and not is_sent)
                packet = ipv4(segment, speaker.address, other.address, id=second * 2 + 1, ttl=ttl)
                at_ns = START_NS + (second * 1_000 + 20 + after) * MILLISECOND + NETWORK_NS * (not is_sent)
                self._put(at_ns, packet, macs_at(own, ends), is_sent=is_sent)


def gaps_between(views: list[View], ends: Ends, pods: Pods) -> list[Stage]:
    """The stages before which packets between some pods may get lost so that some view shows them and the next not."""
    cluster = views[0].cluster
    stages = sorted(
        stage
        for view in views
        if (stage := view.spot.stage_of(ends, pods)) is not None
        and (view.spot.where is not Where.TUNNEL or cluster.wraps(ends))
    )
    return [Stage(late) for early, late in pairwise(stages)]
