"""A small cluster to build traffic from: two nodes on one link, a pod on each, and whoever else a test needs.

None of its addresses, block sizes or MACs are those of the recorded samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from ipipdiag.checks.model import Finding, Reason, Status
from ipipdiag.cluster.model import Mode, ModeOption, NodeOption
from ipipdiag.points.model import PointOption, Role
from ipipdiag.run import RunOptions, analyze
from tests.builders.captures import ETHERNET, START_NS, pcap
from tests.builders.packets import (
    arp,
    bgp_keepalive,
    bgp_update,
    ethernet,
    icmp_echo,
    ip_number,
    ipip,
    ipv4,
    tcp,
    tcp_options,
)

NODE_A, NODE_B, ROUTER = "192.0.2.11", "192.0.2.12", "192.0.2.1"
MAC_NODE_A, MAC_NODE_B, MAC_ROUTER = "02:11:00:00:00:0a", "02:11:00:00:00:0b", "02:11:00:00:00:01"
POD_A, POD_B, OTHER_POD_B = "172.20.1.5", "172.20.9.7", "172.20.9.8"
BLOCK_A, BLOCK_B = "172.20.1.0/28", "172.20.9.0/28"
TUNNEL_A = "172.20.1.1"
GATEWAY, HOST_MAC, POD_MAC = "169.254.1.1", "ee:ee:ee:ee:ee:ee", "02:99:00:00:00:05"
SECOND = 1_000_000_000
MILLISECOND = 1_000_000

Timed = tuple[int, bytes]


def at(seconds: float, frame: bytes) -> Timed:
    """A frame so many seconds after the start of the capture."""
    return START_NS + round(seconds * SECOND), frame


def from_a(packet: bytes) -> bytes:
    """On the link from node A to node B."""
    return ethernet(packet, source=MAC_NODE_A, destination=MAC_NODE_B)


def from_b(packet: bytes) -> bytes:
    """On the link from node B to node A."""
    return ethernet(packet, source=MAC_NODE_B, destination=MAC_NODE_A)


def wrapped(inner: bytes, source: str = NODE_A, destination: str = NODE_B, ttl: int = 63, **fields: int) -> bytes:
    """What tunl0 makes of a forwarded packet."""
    return ipip(inner, source, destination, ttl=ttl, id=fields.pop("id", 0x55AA), **fields)


def request(sequence: int = 1, source: str = POD_A, destination: str = POD_B, ttl: int = 63, **fields: int) -> bytes:
    """An echo request, forwarded once."""
    echo = icmp_echo(id=77, sequence=sequence)
    return ipv4(echo, source, destination, ttl=ttl, id=1000 + sequence, **fields)  # type: ignore[arg-type]


def reply(sequence: int = 1, source: str = POD_B, destination: str = POD_A, ttl: int = 63) -> bytes:
    """The reply to it."""
    return ipv4(icmp_echo(request=False, id=77, sequence=sequence), source, destination, ttl=ttl, id=5000 + sequence)


def syn(source: str = POD_A, destination: str = POD_B, mss: int = 1440, ttl: int = 63, port: int = 40000) -> bytes:
    """The first packet of a connection."""
    segment = tcp(flags="S", source_port=port, options=tcp_options(mss=mss))
    return ipv4(segment, source, destination, ttl=ttl, id=port % 60000)


def pings(count: int = 4, first: float = 1, *, answered: bool = True, destination: str = POD_B) -> list[Timed]:
    """Echo requests through the tunnel from node A to node B, a second apart, with their replies."""
    frames = []
    for sequence in range(1, count + 1):
        frames.append(at(first + sequence, from_a(wrapped(request(sequence, destination=destination)))))
        if answered:
            back = wrapped(reply(sequence, source=destination), NODE_B, NODE_A)
            frames.append(at(first + sequence + 0.001, from_b(back)))
    return frames


def bgp(first: float = 0.1, *, blocks: bool = True, until: float = 20) -> list[Timed]:
    """A BGP session between the nodes: each announces its block, then keepalives both ways up to the end."""
    frames: list[Timed] = []
    sequence = {NODE_A: 1, NODE_B: 1}

    def say(time: float, sender: str, payload: bytes) -> None:
        receiver, wrap = (NODE_B, from_a) if sender == NODE_A else (NODE_A, from_b)
        ports = {"source_port": 179, "destination_port": 41000} if sender == NODE_A else {
            "source_port": 41000, "destination_port": 179
        }  # fmt: skip
        segment = tcp(payload, flags="PA", sequence=sequence[sender], acknowledgement=sequence[receiver], **ports)
        sequence[sender] += len(payload)
        frames.append(at(time, wrap(ipv4(segment, sender, receiver, ttl=64, id=int(time * 100) % 65000 + 1))))

    if blocks:
        say(first, NODE_A, bgp_update([BLOCK_A], next_hop=NODE_A))
        say(first + 0.1, NODE_B, bgp_update([BLOCK_B], next_hop=NODE_B))
    time = first + 0.2
    while time < until:
        say(time, NODE_A, bgp_keepalive())
        say(time + 0.01, NODE_B, bgp_keepalive())
        time += 3
    return frames


def gateway_arp(first: float = 0.1, mac: str = HOST_MAC, delay: float = 0.0001) -> list[Timed]:
    """A pod asks for its gateway and is answered."""
    ask = ethernet(arp(1, POD_MAC, POD_A, 0, GATEWAY), source=POD_MAC, destination="ff:ff:ff:ff:ff:ff")
    answer = ethernet(arp(2, mac, GATEWAY, POD_MAC, POD_A), source=mac, destination=POD_MAC)
    return [at(first, ask), at(first + delay, answer)]


def gateway_asked(times: Iterable[float]) -> list[Timed]:
    """A pod asks for its gateway and is not answered."""
    ask = ethernet(arp(1, POD_MAC, POD_A, 0, GATEWAY), source=POD_MAC, destination="ff:ff:ff:ff:ff:ff")
    return [at(time, ask) for time in times]


def from_pod(packet: bytes) -> bytes:
    """On a pod's link, sent by the pod."""
    return ethernet(packet, source=POD_MAC, destination=HOST_MAC)


def to_pod(packet: bytes, mac: str = HOST_MAC) -> bytes:
    """On a pod's link, sent by the host side."""
    return ethernet(packet, source=mac, destination=POD_MAC)


@dataclass(frozen=True)
class Answer:
    """What one check said in one run."""

    status: Status
    reason: Reason | None
    missing: str | None
    enable: str | None
    findings: tuple[Finding, ...]

    @property
    def finding(self) -> Finding:
        """The one finding there is."""
        (only,) = self.findings
        return only


class Examination:
    """Runs captures through the whole program, and looks at one check's answer."""

    def __init__(self, folder: Path, code: str) -> None:
        self._folder = folder
        self._code = code

    def __call__(
        self,
        *captures: Sequence[Timed] | bytes,
        link_type: int = ETHERNET,
        role: Role | None = None,
        mode: str | None = None,
        nodes: Sequence[str] = (),
        pods: Sequence[str] = (),
        files: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer for captures given as timed frames or as whole files; their names say nothing.

        ``files`` are cluster files: names and texts.
        """
        names = []
        for position, capture in enumerate(captures):
            path = self._folder / f"x{position}"
            data = capture if isinstance(capture, bytes) else pcap(sorted(capture), link_type=link_type, nano=True)
            path.write_bytes(data)
            names.append(str(path))
        options = RunOptions(
            tuple(names),
            points=tuple(PointOption(name, role) for name in names) if role else (),
            ipip_modes=(ModeOption(None, Mode(mode)),) if mode else (),
            pod_cidrs=tuple(IPv4Network(pod) for pod in pods),
            nodes=tuple(_node(node) for node in nodes),
            cluster_files=self._cluster_files(files or {}),
        )
        report = analyze(options)
        assert not [error for error in report.errors if error.name.startswith(str(self._folder / "cluster"))]
        (check,) = [check for check in report.checks if check.code == self._code]
        assert check.status is not Status.CRASHED, check.error
        findings = tuple(entry.finding for entry in report.findings if entry.finding.code == self._code)
        return Answer(check.status, check.reason, check.missing, check.enable, findings)

    def _cluster_files(self, files: Mapping[str, str]) -> tuple[str, ...]:
        folder = self._folder / "cluster"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return (str(folder),) if files else ()


def _node(text: str) -> NodeOption:
    """NAME=ADDRESS/PREFIX."""
    name, _, network = text.partition("=")
    address, _, prefix = network.partition("/")
    return NodeOption(name, ip_number(address), int(prefix) if prefix else None)
