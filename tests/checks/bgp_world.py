"""BGP conversations between the two nodes of the test cluster: connections with their TCP segments in order."""

from __future__ import annotations

from tests.builders.packets import (
    bgp_keepalive,
    bgp_notification,
    bgp_open,
    bgp_update,
    ethernet,
    ipv4,
    tcp,
)
from tests.checks.world import BLOCK_A, BLOCK_B, MAC_NODE_A, MAC_ROUTER, NODE_A, NODE_B, Timed, at, from_a, from_b

MD5 = b"\x13\x12" + b"\xaa" * 16


class Talk:
    """One connection from node B (which dials, the larger address) to node A's port 179; times in seconds."""

    def __init__(self, port: int = 41000, *, dialler: str = NODE_B) -> None:
        self.frames: list[Timed] = []
        self._client = dialler
        self._server = NODE_A if dialler == NODE_B else NODE_B
        self._port = port
        self._sequence = {NODE_A: 1000, NODE_B: 90_000}

    def send(self, time: float, sender: str, flags: str, payload: bytes = b"", options: bytes = b"") -> Talk:
        """One segment."""
        client = sender == self._client
        ports = (self._port, 179) if client else (179, self._port)
        receiver = self._server if client else self._client
        segment = tcp(payload, *ports, flags, sequence=self._sequence[sender], options=options)
        wrap = from_a if sender == NODE_A else from_b
        number = round(time * 1000) % 60000 + 1
        self.frames.append(at(time, wrap(ipv4(segment, sender, receiver, ttl=64, id=number))))
        self._sequence[sender] += len(payload) + ("S" in flags) + ("F" in flags)
        return self

    def dial(self, time: float, answer: str | None = "SA", options: bytes = b"") -> Talk:
        """SYN, and what answers it."""
        self.send(time, self._client, "S", options=options)
        return self.send(time + 0.001, self._server, answer) if answer else self

    def say(self, time: float, sender: str, *messages: bytes) -> Talk:
        """Messages in one segment."""
        return self.send(time, sender, "PA", b"".join(messages))

    def establish(self, time: float, *, blocks: bool = True, hold: int = 90) -> Talk:
        """A session from the SYN to both sides' blocks."""
        self.dial(time)
        self.say(time + 0.01, NODE_B, bgp_open(hold_time=hold)).say(time + 0.02, NODE_A, bgp_open(hold_time=hold))
        self.say(time + 0.03, NODE_B, bgp_keepalive()).say(time + 0.04, NODE_A, bgp_keepalive())
        if blocks:
            self.say(time + 0.05, NODE_A, bgp_update([BLOCK_A], NODE_A))
            self.say(time + 0.06, NODE_B, bgp_update([BLOCK_B], NODE_B))
        return self

    def keep(self, first: float, last: float, step: float = 3) -> Talk:
        """Keepalives of both."""
        time = first
        while time <= last:
            self.say(time, NODE_A, bgp_keepalive()).say(time + 0.01, NODE_B, bgp_keepalive())
            time += step
        return self

    def notify(self, time: float, sender: str, code: int, subcode: int = 0) -> Talk:
        """A NOTIFICATION, and the end of the connection."""
        return self.say(time, sender, bgp_notification(code, subcode)).send(time + 0.001, sender, "FA")


def keepalives_with(peer: str, until: float) -> list[Timed]:
    """A session of node A with a third node behind the router, up all the time."""
    frames = []
    for number in range(1, round(until / 30)):
        ports, sequence = {NODE_A: (179, 45000), peer: (45000, 179)}, 1000 + 19 * number
        for sender, receiver, macs in (
            (NODE_A, peer, (MAC_NODE_A, MAC_ROUTER)),
            (peer, NODE_A, (MAC_ROUTER, MAC_NODE_A)),
        ):
            segment = tcp(bgp_keepalive(), *ports[sender], "PA", sequence=sequence)
            packet = ipv4(segment, sender, receiver, ttl=64, id=sequence)
            frames.append(at(30 * number, ethernet(packet, source=macs[0], destination=macs[1])))
    return frames


def talks(*several: Talk) -> list[Timed]:
    """The frames of several connections."""
    return [frame for talk in several for frame in talk.frames]
