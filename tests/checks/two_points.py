"""The same traffic at several points of the test cluster, each as a capture of its own.

Pod A on node A talks to pod B on node B. A packet that is sent at ``time`` is seen at each next place a little later,
its TTL and its outer header as the kernel makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from tests.builders.captures import RAW, pcap
from tests.builders.packets import arp, ethernet, icmp_echo, ipv4
from tests.checks.world import (
    GATEWAY,
    HOST_MAC,
    MAC_NODE_A,
    MAC_NODE_B,
    MAC_ROUTER,
    NODE_A,
    NODE_B,
    POD_A,
    POD_B,
    ROUTER,
    Timed,
    at,
    bgp,
    from_a,
    from_b,
    wrapped,
)

PLACES = ("pod_a", "cali_a", "tunl_a", "nic_a", "nic_b", "tunl_b", "cali_b", "pod_b")
STEP = 0.00002  # seconds from one place to the next
MACS = {"pod_a": "02:99:00:00:00:05", "cali_a": "02:99:00:00:00:05", "cali_b": "02:99:00:00:00:07",
        "pod_b": "02:99:00:00:00:07"}  # fmt: skip

Packet = Callable[[int], bytes]


def echo(
    sequence: int, *, request: bool = True, source: str = POD_A, destination: str = POD_B, identifier: int = 7
) -> Packet:
    """An echo message, for each TTL."""
    message = icmp_echo(request=request, id=identifier, sequence=sequence)
    number = 1000 + sequence + (0 if request else 20000) + identifier * 100
    return lambda ttl: ipv4(message, source, destination, ttl=ttl, id=number)


def _forward(frame: bytes) -> int:
    """1 for frames from node A to node B, -1 for those that come back."""
    return 1 if frame[6:12] == bytes.fromhex(MAC_NODE_A.replace(":", "")) else -1


@dataclass
class Ways:
    """Collects what each place sees; ``delays`` are seconds added before a place, by its name."""

    frames: dict[str, list[Timed]] = field(default_factory=lambda: {name: [] for name in PLACES})
    delays: dict[str, float] = field(default_factory=dict)

    def send(self, time: float, packet: Packet, *, back: bool = False, until: str | None = None,
             skip: Collection[str] = ()) -> None:  # fmt: skip
        """Let a packet pass all places from A to B (``back``: from B to A), ``until`` one and no further.

        ``skip`` are places whose captures miss it.
        """
        order = PLACES[::-1] if back else PLACES
        for number, place in enumerate(order):
            time += STEP + self.delays.get(place, 0)
            if place not in skip:
                ttl = 64 if number < 2 else 62 if number > 5 else 63
                self.frames[place].append(at(time, self._framed(place, packet(ttl), back=back)))
            if place == until:
                return

    @staticmethod
    def _framed(place: str, packet: bytes, *, back: bool) -> bytes:
        if place.startswith("tunl"):
            return packet
        if place.startswith("nic"):
            return from_b(wrapped(packet, NODE_B, NODE_A)) if back else from_a(wrapped(packet))
        sends = place.endswith("a") != back
        ends = (MACS[place], HOST_MAC) if sends else (HOST_MAC, MACS[place])
        return ethernet(packet, source=ends[0], destination=ends[1])

    def ping(self, count: int, first: float = 2, *, lost_after: str | None = None, identifier: int = 7,
             lost: Collection[int] | None = None) -> None:  # fmt: skip
        """Echo requests a second apart with their replies; ``lost`` of them (all) end after a place."""
        for sequence in range(1, count + 1):
            ends = lost_after if lost is None or sequence in lost else None
            self.send(first + sequence, echo(sequence, identifier=identifier), until=ends)
            if ends is None:
                reply = echo(sequence, request=False, source=POD_B, destination=POD_A, identifier=identifier)
                self.send(first + sequence + 0.01, reply, back=True)

    def captures(self, *places: str, shift: dict[str, float] | None = None, until: float = 20) -> list[bytes]:
        """A file of each place, with what is always there: BGP at the NICs, ARP on the pods' links."""
        return [self._file(place, (shift or {}).get(place, 0), until) for place in places]

    def _file(self, place: str, shift: float, until: float) -> bytes:
        frames = list(self.frames[place])
        if place.startswith("nic"):
            mac, address = (MAC_NODE_A, NODE_A) if place == "nic_a" else (MAC_NODE_B, NODE_B)
            frames += [
                (time + (place == "nic_b") * 10_000 * _forward(frame), frame) for time, frame in bgp(until=until)
            ]
            for number in range(1, int(until)):  # so that the capture shows whose NIC it is
                packet = ipv4(icmp_echo(id=1, sequence=number), address, ROUTER, ttl=64, id=number)
                frames.append(at(number, ethernet(packet, source=mac, destination=MAC_ROUTER)))
        elif not place.startswith("tunl"):
            pod = POD_A if place.endswith("a") else POD_B
            ask = ethernet(arp(1, MACS[place], pod, 0, GATEWAY), source=MACS[place], destination="ff:ff:ff:ff:ff:ff")
            answer = ethernet(arp(2, HOST_MAC, GATEWAY, MACS[place], pod), source=HOST_MAC, destination=MACS[place])
            for time in (0.2, until - 0.1):
                frames += [at(time, ask), at(time + 0.0001, answer)]
        moved = [(time + round(shift * 1e9), frame) for time, frame in sorted(frames)]
        return pcap(moved, link_type=RAW if place.startswith("tunl") else 1, nano=True)
