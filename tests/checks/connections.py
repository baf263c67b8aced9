"""TCP connections between pod A and pod B as one point sees them, packet by packet, with what becomes of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.builders.packets import ipv4, tcp, tcp_options
from tests.checks.world import NODE_A, NODE_B, POD_A, POD_B, Timed, at, from_a, from_b, wrapped

HEADERS = 52  # IPv4, TCP and its timestamps: a payload of 1428 makes 1480
FULL = 1428  # bytes of payload on a network of 1500


def at_nic(packet: bytes, *, to_b: bool) -> bytes:
    """On the link between the nodes, wrapped."""
    return from_a(wrapped(packet)) if to_b else from_b(wrapped(packet, NODE_B, NODE_A))


@dataclass
class Connection:
    """A sends to B; ``time`` is where the story stands, in seconds, and moves with every packet."""

    time: float = 2.0
    port: int = 40000
    place: Callable[..., bytes] = at_nic
    has_stamps: bool = True
    source: str = POD_A
    destination: str = POD_B
    frames: list[Timed] = field(default_factory=list)
    sequence: dict[bool, int] = field(default_factory=lambda: {True: 1000, False: 9000})
    number: dict[bool, int] = field(default_factory=lambda: {True: 100, False: 700})

    def packet(self, payload: int = 0, *, to_b: bool = True, flags: str = "A", sequence: int | None = None,
               acknowledgement: int | None = None, number: int | None = None, window: int = 500,
               stamp: int | None = None, checksum: int | None = None) -> bytes:  # fmt: skip
        """A segment of one side, where nothing else is said in its order and acknowledging all of the other."""
        if number is None:
            self.number[to_b] += 1
            number = self.number[to_b]
        if stamp is None:
            stamp = round(self.time * 1000)
        options = tcp_options(mss=1440 if "S" in flags else None, timestamps=(stamp, 1) if self.has_stamps else None)
        ports = (self.port, 80) if to_b else (80, self.port)
        segment = tcp(
            bytes(payload),
            source_port=ports[0],
            destination_port=ports[1],
            flags=flags,
            sequence=self.sequence[to_b] if sequence is None else sequence,
            acknowledgement=self.sequence[not to_b] if acknowledgement is None else acknowledgement,
            window=window,
            options=options,
            checksum=checksum,
        )
        ends = (self.source, self.destination) if to_b else (self.destination, self.source)
        return ipv4(segment, *ends, ttl=63, id=number % 65535 + 1, dont_fragment=True)

    def show(self, packet: bytes, *, to_b: bool = True, after: float = 0.0002) -> None:
        """Let the point see a packet, some seconds after the one before."""
        self.time += after
        self.frames.append(at(self.time, self.place(packet, to_b=to_b)))

    def send(self, payload: int, *, to_b: bool = True, flags: str = "PA", after: float = 0.0002, **fields: int) -> int:
        """One side sends its next bytes; returns their first sequence number."""
        self.time += after
        start = self.sequence[to_b]
        self.show(self.packet(payload, to_b=to_b, flags=flags, **fields), to_b=to_b, after=0)  # type: ignore[arg-type]
        self.sequence[to_b] += payload + ("S" in flags) + ("F" in flags)
        return start

    def again(self, payload: int, sequence: int, *, to_b: bool = True, after: float = 0.3, **fields: int) -> None:
        """One side sends bytes again."""
        self.time += after
        packet = self.packet(payload, to_b=to_b, sequence=sequence, **fields)  # type: ignore[arg-type]
        self.show(packet, to_b=to_b, after=0)

    def acknowledge(self, *, to_b: bool = False, after: float = 0.0002, **fields: int) -> None:
        """One side acknowledges, by default B all that A has sent."""
        self.time += after
        self.show(self.packet(to_b=to_b, **fields), to_b=to_b, after=0)  # type: ignore[arg-type]

    def open(self) -> None:
        """The handshake."""
        self.send(0, flags="S", acknowledgement=0)
        self.send(0, to_b=False, flags="SA", number=-1)
        self.acknowledge(to_b=True)

    def exchange(self, payload: int = 100, *, times: int = 1) -> None:
        """A sends and B acknowledges."""
        for _ in range(times):
            self.send(payload)
            self.acknowledge()

    def stuck(self, payload: int = FULL, *, repeats: int = 6) -> int:
        """A's next segment is sent again and again, with growing pauses, and never acknowledged."""
        start = self.send(payload)
        acknowledged = self.sequence[False]
        for count in range(repeats):
            self.again(payload, start, after=0.2 * 2**count, acknowledgement=acknowledged)
        return start
