"""Where packets are captured, and the tcpdump processes that do it."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from calico_lab.cluster import FABRIC, NIC, ROUTER, Cluster
from calico_lab.namespaces import ip, start

HEADERS = 192  # bytes: all headers, also those an ICMP error quotes
WITH_BGP = 320  # bytes: BGP messages as well
START_TIMEOUT = 10.0  # seconds


@dataclass(frozen=True)
class Point:
    """One interface to capture on, the file to write, and what it is."""

    file: str
    namespace: str
    interface: str
    description: str
    snap_length: int = HEADERS


def nic(cluster: Cluster, name: str, snap_length: int = WITH_BGP) -> Point:
    """The NIC of a node."""
    node = cluster.node(name)
    return Point(f"{name}-{NIC}.pcap", name, NIC, f"{NIC} of {name} ({node.address})", snap_length)


def tunnel(cluster: Cluster, name: str) -> Point:
    """The tunl0 of a node."""
    return Point(f"{name}-tunl0.pcap", name, "tunl0", f"tunl0 of {name} ({cluster.node(name).address})")


def host_side(cluster: Cluster, name: str) -> Point:
    """The host side of a pod's veth pair."""
    pod = cluster.pod(name)
    what = f"host side veth of pod {name} ({pod.address}) on {pod.node}"
    return Point(f"{pod.node}-{pod.interface}.pcap", pod.node, pod.interface, what)


def in_pod(cluster: Cluster, name: str) -> Point:
    """The eth0 of a pod."""
    pod = cluster.pod(name)
    what = f"inside pod {name} ({pod.address}) on {pod.node}, its eth0"
    return Point(f"pod-{pod.label}-eth0.pcap", pod.netns, "eth0", what)


def switch_port(cluster: Cluster, name: str) -> Point:
    """The port of the fabric towards a node."""
    port = cluster.node(name).port
    return Point(f"{FABRIC}-{port}.pcap", FABRIC, port, f"switch port towards {name}", WITH_BGP)


def router_leg(subnet: str) -> Point:
    """The router's interface in a subnet."""
    return Point(f"{ROUTER}-{subnet}.pcap", ROUTER, subnet, f"router, side of {subnet}", WITH_BGP)


def both_ends(cluster: Cluster, source: str, destination: str) -> tuple[Point, ...]:
    """Every point between two pods on the two nodes: eth0, host side, tunl0 and NIC."""
    points = []
    for name in (source, destination):
        node = cluster.pod(name).node
        points += [in_pod(cluster, name), host_side(cluster, name), tunnel(cluster, node), nic(cluster, node)]
    return tuple(points)


class Recording:
    """The running captures of a scenario."""

    def __init__(self, folder: Path, points: tuple[Point, ...]) -> None:
        self._points = points
        self._logs = [Path(f"/tmp/{point.file}.log") for point in points]
        self._processes = [
            start(
                point.namespace,
                [
                    *f"tcpdump -n -U -Z root -s {point.snap_length} -i {point.interface} -w".split(),
                    str(folder / point.file),
                ],
                output=log,
            )
            for point, log in zip(points, self._logs, strict=True)
        ]

    def wait_until_running(self) -> None:
        """Return when every tcpdump listens; neighbour entries are forgotten then, so that ARP is on record."""
        deadline = time.monotonic() + START_TIMEOUT
        for log in self._logs:
            while "listening on" not in log.read_text():
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{log.name}: {log.read_text()}")
                time.sleep(0.1)
        for namespace in dict.fromkeys(point.namespace for point in self._points if point.namespace != FABRIC):
            ip(namespace, ["neigh flush all"])

    def stop(self) -> dict[str, dict[str, str]]:
        """End the captures; what truth.json says of each file."""
        for process in self._processes:
            process.send_signal(signal.SIGINT)
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return {
            point.file: {
                "netns": point.namespace,
                "interface": point.interface,
                "point": point.description,
                "snap_length": str(point.snap_length),
                "tool_says": " ".join(line for line in log.read_text().splitlines() if " packets " in line),
            }
            for point, log in zip(self._points, self._logs, strict=True)
        }
