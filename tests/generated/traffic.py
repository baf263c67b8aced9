"""What pods of two nodes send each other, packet by packet: pings, TCP with segments sent again, UDP whole and in
fragments, and ICMP errors about packets that were too long, had too low a TTL, or found no one to take them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum, auto
from typing import NamedTuple

from hypothesis import strategies as st

from ipipdiag.protocols import FRAGMENTATION_NEEDED, ICMP, TCP, TIME_EXCEEDED, UDP, UNREACHABLE
from tests.builders.packets import fragments, icmp_echo, icmp_error, ip_number, ipip, ipv4, tcp, tcp_options, udp
from tests.generated.world import Cluster, Node, is_routed, router_of

MILLISECOND = 1_000_000
POD_TTL = 64
NO_PORT = -1
PORT_UNREACHABLE = 3
NIC_MTU = 1_500
QUOTES = (28, 548)  # bytes: header and ports (RFC 792), or what fits into 576 (RFC 1812, 4.3.2.3)

FiveTuple = tuple[int, int, int, int, int]
Ends = tuple[Node, Node]
Pods = tuple[str, str]
Packet = Callable[[int], bytes]  # from its TTL


class Stage(IntEnum):
    """The places on the way of a packet, from the sender's link to the receiver's."""

    SENDER_LINK = 0
    SENDER_TUNNEL = 1
    SENDER_NIC = 2
    RECEIVER_NIC = 3
    RECEIVER_TUNNEL = 4
    RECEIVER_LINK = 5
    ARRIVED = 6


class Report(NamedTuple):
    """An ICMP error as facts tell it: outer addresses are 0, and the MTU -1, where there are none."""

    reporter: int
    receiver: int
    type: int
    code: int
    next_hop_mtu: int
    quoted_outer_source: int
    quoted_outer_destination: int
    quoted_source: int
    quoted_destination: int
    quoted_protocol: int
    quoted_total_length: int
    quoted_source_port: int
    quoted_destination_port: int


@dataclass(frozen=True)
class Sent:
    """A packet on its way between the nodes ``ends``: made at a stage with a TTL, seen from there to before another.

    ``pods`` are its addresses; an end that is no pod's is a node's or a router's.
    """

    at_ns: int
    packet: Packet
    pods: Pods
    ends: Ends
    five: FiveTuple | None  # None: a fragment
    ttl: int = POD_TTL
    begins: Stage = Stage.SENDER_LINK
    stops: Stage = Stage.ARRIVED
    is_lost: bool = False
    repeats: int | None = None  # number of the packet of which it holds the same bytes
    report: Report | None = None
    is_bare: bool = False  # whatever the mode: a router's

    def ttl_at(self, stage: Stage, *, loses_to_router: bool) -> int:
        """The TTL it has at a stage; between the nodes a router takes one of what is not wrapped."""
        hops = [Stage.SENDER_TUNNEL, Stage.RECEIVER_LINK] + [Stage.RECEIVER_NIC] * loses_to_router
        return self.ttl - sum(self.begins < hop <= stage for hop in hops)


@dataclass
class Traffic:
    """The packets of all conversations. ``lost_at`` are the stages before which one may be lost, by sender and pods."""

    cluster: Cluster
    draw: st.DrawFn
    lost_at: Callable[[Ends, Pods], Sequence[Stage]]
    packets: list[Sent] = field(default_factory=list)

    def send(self, sent: Sent) -> None:
        """Let a packet go all its way."""
        self.packets.append(sent)

    def risk(self, sent: Sent) -> bool:
        """Let a packet go, or get lost between two places that are captured; returns whether it was lost."""
        gaps = self.lost_at(sent.ends, sent.pods)
        is_lost = bool(gaps) and self.draw(st.integers(0, 3)) == 0
        stops = self.draw(st.sampled_from(gaps)) if is_lost else sent.stops
        self.packets.append(replace(sent, stops=stops, is_lost=is_lost))
        return is_lost


@dataclass(frozen=True)
class Talk:
    """A conversation: which pods of which nodes, from when on, its number among all, and how long it is."""

    traffic: Traffic
    start_ns: int
    pods: Pods
    ends: Ends
    number: int
    count: int

    @property
    def id(self) -> int:
        """The first of the IP identifications of its packets: those of others are others."""
        return 1_000 * (self.number + 1)


def both_ways(pods: Pods, protocol: int, ports: tuple[int, int]) -> tuple[FiveTuple, FiveTuple]:
    """The 5-tuples of a conversation."""
    one, other = map(ip_number, pods)
    return (one, other, protocol, *ports), (other, one, protocol, *ports[::-1])


def ping(talk: Talk) -> None:
    """Echo requests, each answered; a request or a reply may be lost."""
    for request, reply in _echoes(talk, identifier=700 + talk.number, apart_ns=200 * MILLISECOND):
        if not talk.traffic.risk(request):
            talk.traffic.risk(reply)


def heartbeat(talk: Talk) -> None:
    """Echo requests and replies, one a second, none of them lost."""
    for request, reply in _echoes(talk, identifier=600 + talk.number, apart_ns=1_000 * MILLISECOND):
        talk.traffic.send(request)
        talk.traffic.send(reply)


def _echoes(talk: Talk, *, identifier: int, apart_ns: int) -> Iterator[tuple[Sent, Sent]]:
    there, back = both_ways(talk.pods, ICMP, (identifier, identifier))
    for sequence in range(talk.count):
        at_ns = talk.start_ns + sequence * apart_ns

        def request(ttl: int, sequence: int = sequence) -> bytes:
            return ipv4(icmp_echo(id=identifier, sequence=sequence), *talk.pods, ttl=ttl, id=talk.id + sequence)

        def reply(ttl: int, sequence: int = sequence) -> bytes:
            message = icmp_echo(request=False, id=identifier, sequence=sequence)
            return ipv4(message, *talk.pods[::-1], ttl=ttl, id=talk.id + 100 + sequence)

        yield (
            Sent(at_ns, request, talk.pods, talk.ends, there),
            Sent(at_ns + MILLISECOND, reply, talk.pods[::-1], talk.ends[::-1], back),
        )


def connection(talk: Talk) -> None:
    """A handshake, then requests, each answered; one that is lost is sent again, and so may be one that is not."""
    ports = (40_000 + talk.number, 8_080)
    there, back = both_ways(talk.pods, TCP, ports)
    sent, received = 5_000 + talk.number, 9_000 + talk.number
    at_ns, identification = talk.start_ns, talk.id

    def segment(
        payload: bytes, flags: str, *, is_back: bool = False, after: int = 1, repeats: int | None = None
    ) -> Sent:
        """The next segment, so many milliseconds after the last one."""
        nonlocal at_ns, identification
        at_ns += after * MILLISECOND
        identification += 1
        own, other = (received, sent) if is_back else (sent, received)
        part = tcp(
            payload,
            source_port=ports[1] if is_back else ports[0],
            destination_port=ports[0] if is_back else ports[1],
            flags=flags,
            sequence=own,
            acknowledgement=other if "A" in flags else 0,
            options=tcp_options(mss=1_440) if "S" in flags else b"",
        )
        pods, ends = (talk.pods[::-1], talk.ends[::-1]) if is_back else (talk.pods, talk.ends)
        number = 0 if flags == "SA" else identification  # Linux answers a SYN without a socket of its own

        def packet(ttl: int) -> bytes:
            return ipv4(part, *pods, ttl=ttl, id=number, dont_fragment=True)

        return Sent(at_ns, packet, pods, ends, back if is_back else there, repeats=repeats)

    traffic = talk.traffic
    traffic.send(segment(b"", "S"))
    sent += 1
    traffic.send(segment(b"", "SA", is_back=True))
    received += 1
    traffic.send(segment(b"", "A"))
    for request in range(talk.count):
        first = len(traffic.packets)
        is_lost = traffic.risk(segment(bytes(100), "PA"))
        if is_lost or (request == 0 and talk.count > 1):
            traffic.send(segment(bytes(100), "PA", after=220, repeats=first))
        sent += 100
        traffic.send(segment(bytes(300 + request), "PA", is_back=True))
        received += 300 + request
        traffic.send(segment(b"", "A"))


def datagrams(talk: Talk) -> None:
    """UDP that nobody answers, some of it lost."""
    ports = (50_000 + talk.number, 9_125)
    there, _ = both_ways(talk.pods, UDP, ports)
    for position in range(talk.count):
        datagram = udp(bytes(20 + position), source_port=ports[0], destination_port=ports[1])

        def packet(ttl: int, datagram: bytes = datagram, number: int = talk.id + position) -> bytes:
            return ipv4(datagram, *talk.pods, ttl=ttl, id=number)

        talk.traffic.risk(Sent(talk.start_ns + position * 10 * MILLISECOND, packet, talk.pods, talk.ends, there))


def fragmented(talk: Talk) -> None:
    """A datagram in fragments, made by the sender."""
    datagram = udp(bytes(100 * talk.count + 900), source_port=51_000 + talk.number, destination_port=9_126)
    count = len(fragments(ipv4(datagram, *talk.pods), 800))
    for position in range(count):

        def packet(ttl: int, position: int = position) -> bytes:
            return fragments(ipv4(datagram, *talk.pods, ttl=ttl, id=talk.id), 800)[position]

        talk.traffic.send(Sent(talk.start_ns + position * MILLISECOND // 10, packet, talk.pods, talk.ends, None))


def closed_port(talk: Talk) -> None:
    """Datagrams to a port that nobody listens at: the pod says so."""
    for position in range(talk.count):
        asked = _datagram(talk, position, length=30)
        talk.traffic.send(asked)
        _report(talk, asked, Reporter.POD, (UNREACHABLE, PORT_UNREACHABLE), _ttl_at_pod(talk))


def too_long(talk: Talk) -> None:
    """A datagram that must not be fragmented and is too long for the tunnel of its own node, which says so; the next
    is shorter.
    """
    mtu = NIC_MTU - 20 * talk.traffic.cluster.wraps(talk.ends)
    refused = replace(_datagram(talk, 0, length=mtu + 8, dont_fragment=True), stops=Stage.SENDER_TUNNEL)
    talk.traffic.send(refused)
    _report(talk, refused, Reporter.OWN_NODE, (UNREACHABLE, FRAGMENTATION_NEEDED), POD_TTL, mtu)
    talk.traffic.send(_datagram(talk, 1, length=1_400, dont_fragment=True))


def too_long_there(talk: Talk) -> None:
    """The same, but too long for the receiving pod, and its node says so."""
    refused = replace(_datagram(talk, 0, length=1_400, dont_fragment=True), stops=Stage.RECEIVER_LINK)
    talk.traffic.send(refused)
    _report(talk, refused, Reporter.FAR_NODE, (UNREACHABLE, FRAGMENTATION_NEEDED), _ttl_at_pod(talk) + 1, 1_300)
    talk.traffic.send(_datagram(talk, 1, length=1_200, dont_fragment=True))


def probe(talk: Talk) -> None:
    """A traceroute's packet whose TTL ends at the first hop behind the sender's node: the far node, or the router.

    The router finds the tunnel's header run out, for its TTL is a copy, and tells the node; that tells no pod.
    """
    is_wrapped = talk.traffic.cluster.wraps(talk.ends)
    if is_routed(talk.ends):
        by, stops = Reporter.ROUTER_TO_NODE if is_wrapped else Reporter.ROUTER, Stage.RECEIVER_NIC
    else:
        by, stops = Reporter.FAR_NODE, Stage.RECEIVER_LINK if is_wrapped else Stage.RECEIVER_TUNNEL
    asked = replace(_datagram(talk, 0, length=32), ttl=2, stops=stops)
    talk.traffic.send(asked)
    _report(talk, asked, by, (TIME_EXCEEDED, 0), 1)


def _datagram(talk: Talk, position: int, *, length: int, dont_fragment: bool = False) -> Sent:
    """One UDP datagram of a conversation, of so many bytes with its headers."""
    ports = (52_000 + talk.number, 33_434 + position)
    there, _ = both_ways(talk.pods, UDP, ports)
    datagram = udp(bytes(length - 28), source_port=ports[0], destination_port=ports[1])

    def packet(ttl: int) -> bytes:
        return ipv4(datagram, *talk.pods, ttl=ttl, id=talk.id + position, dont_fragment=dont_fragment)

    return Sent(talk.start_ns + position * 100 * MILLISECOND, packet, talk.pods, talk.ends, there)


def _ttl_at_pod(talk: Talk) -> int:
    """The TTL with which a packet comes to the receiving pod."""
    is_bare = not talk.traffic.cluster.wraps(talk.ends)
    return POD_TTL - 2 - (is_bare and is_routed(talk.ends))


class Reporter(Enum):
    """Who tells the sender of a packet what became of it."""

    POD = auto()
    OWN_NODE = auto()
    FAR_NODE = auto()  # by its tunnel, where the packet came by it
    ROUTER = auto()
    ROUTER_TO_NODE = auto()  # about the outer packet


def _report(talk: Talk, asked: Sent, by: Reporter, kind: tuple[int, int], ttl_there: int, mtu: int = -1) -> None:
    """An ICMP error, of a type and code, about a packet as it came to who reports it."""
    sender, receiver = talk.ends
    assert asked.five is not None
    source, destination, protocol, *ports = asked.five
    reporter, to = _ends_of_report(talk, by)
    quoted, outer, longest = asked.packet(ttl_there), (0, 0), talk.traffic.draw(st.sampled_from(QUOTES))
    length = len(quoted)
    if by is Reporter.ROUTER_TO_NODE:
        quoted, longest = ipip(quoted, sender.address, receiver.address, ttl=ttl_there, id=77), longest + 20
        outer = (ip_number(sender.address), ip_number(receiver.address))
    message = icmp_error(*kind, quoted[:longest], next_hop_mtu=max(mtu, 0))

    def packet(ttl: int) -> bytes:
        return ipv4(message, reporter, to, ttl=ttl, id=talk.id + 500 + ports[1] % 100)

    ends, made_at, stops = {
        Reporter.POD: ((receiver, sender), Stage.SENDER_LINK, Stage.ARRIVED),
        Reporter.OWN_NODE: ((sender, sender), Stage.RECEIVER_LINK, Stage.ARRIVED),
        Reporter.FAR_NODE: ((receiver, sender), Stage.SENDER_TUNNEL, Stage.ARRIVED),
        Reporter.ROUTER: ((receiver, sender), Stage.RECEIVER_NIC, Stage.ARRIVED),
        Reporter.ROUTER_TO_NODE: ((receiver, sender), Stage.RECEIVER_NIC, Stage.RECEIVER_TUNNEL),
    }[by]
    talk.traffic.send(
        Sent(
            asked.at_ns + MILLISECOND,
            packet,
            (reporter, to),
            ends,
            (ip_number(reporter), ip_number(to), ICMP, NO_PORT, NO_PORT),
            begins=made_at,
            stops=stops,
            report=Report(
                *(ip_number(reporter), ip_number(to), *kind, mtu, *outer),
                *(source, destination, protocol, length, *ports),
            ),
            is_bare=by in (Reporter.ROUTER, Reporter.ROUTER_TO_NODE),
        )
    )


def _ends_of_report(talk: Talk, by: Reporter) -> tuple[str, str]:
    """The addresses of an ICMP error."""
    sender, receiver = talk.ends
    far = receiver.tunnel if talk.traffic.cluster.wraps(talk.ends) else receiver.address
    reporter = {
        Reporter.POD: talk.pods[1],
        Reporter.OWN_NODE: sender.address,
        Reporter.FAR_NODE: far,
        Reporter.ROUTER: router_of(sender),
        Reporter.ROUTER_TO_NODE: router_of(sender),
    }[by]
    return reporter, sender.address if by is Reporter.ROUTER_TO_NODE else talk.pods[0]


KINDS: tuple[Callable[[Talk], None], ...] = (
    ping, connection, datagrams, fragmented, closed_port, too_long, too_long_there, probe,
)  # fmt: skip
