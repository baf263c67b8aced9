"""Connections from pod A to pod B that are accepted, or refused by RST, through the tunnel."""

from __future__ import annotations

from tests.builders.packets import ipv4, tcp, tcp_options
from tests.checks.two_points import Ways
from tests.checks.world import NODE_A, NODE_B, POD_A, POD_B, Timed, at, from_a, from_b, wrapped

MILLISECONDS = 0.001


def segment(flags: str, *, to_server: bool, port: int, ttl: int, sequence: int = 1, payload: bytes = b"") -> bytes:
    """One segment of a connection to port 80."""
    ports = (port, 80) if to_server else (80, port)
    ends = (POD_A, POD_B) if to_server else (POD_B, POD_A)
    options = tcp_options(mss=1440) if "S" in flags else b""
    part = tcp(payload, *ports, flags=flags, sequence=sequence, acknowledgement=2, options=options)
    return ipv4(part, *ends, ttl=ttl, id=0 if "R" in flags else port % 50000 + sequence, dont_fragment=True)


def refused(first: float, *, port: int = 40000, ttl: int = 63) -> list[Timed]:
    """A SYN and the RST that answers it, as the nodes' NICs show them."""
    ask = segment("S", to_server=True, port=port, ttl=63)
    reset = segment("RA", to_server=False, port=port, ttl=ttl)
    return [
        at(first, from_a(wrapped(ask))),
        at(first + MILLISECONDS, from_b(wrapped(reset, NODE_B, NODE_A, ttl=ttl))),
    ]


def answered(first: float, *, port: int = 42000, ends_with: str = "FA") -> list[Timed]:
    """A connection that is opened and ended."""
    steps = [("S", True), ("SA", False), ("A", True), (ends_with, False)]
    frames = []
    for number, (flags, to_server) in enumerate(steps):
        packet = segment(flags, to_server=to_server, port=port, ttl=63, sequence=number + 1)
        ends, wrap = ((NODE_A, NODE_B), from_a) if to_server else ((NODE_B, NODE_A), from_b)
        frames.append(at(first + number * MILLISECONDS, wrap(wrapped(packet, *ends))))
    return frames


def refused_at_each_point(ways: Ways, first: float, *, by_node: bool = False, port: int = 40000) -> None:
    """The same, place by place: by the pod itself, or by its node in its name, whose RST begins at tunl0."""
    ways.send(
        first,
        lambda ttl: segment("S", to_server=True, port=port, ttl=ttl),
        until="tunl_b" if by_node else None,
    )
    ways.send(
        first + 10 * MILLISECONDS,
        lambda ttl: segment("RA", to_server=False, port=port, ttl=ttl + by_node),
        back=True,
        skip=("pod_b", "cali_b") if by_node else (),
    )
