"""BGP between the nodes: BIRD in a full mesh, and the kernel routes that follow from it.

Debian's BIRD does not know tunl0 as Calico's own fork does. So BIRD leaves the kernel alone here, and ``RouteKeeper``
copies its best routes there, within a fraction of a second.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from calico_lab.cluster import NIC, Cluster, Node
from calico_lab.namespaces import ip, start

AS_NUMBER = 64512  # Calico's default
POLL_INTERVAL = 0.25  # seconds
_LAST_LINE = re.compile(rb"^\d{4} .*\n\Z", re.MULTILINE)
_ROUTE = re.compile(r"^(?:1007-| )?(\d+\.\d+\.\d+\.\d+/\d+)\s+\S+ \[(\w+)")
_NEXT_HOP = re.compile(r"BGP\.next_hop: (\d+\.\d+\.\d+\.\d+)")

Routes = dict[IPv4Network, IPv4Address]


class Speaker:
    """BIRD on one node."""

    def __init__(self, cluster: Cluster, node: Node) -> None:
        self.node = node
        self.log = Path(f"/tmp/bird-{node.name}.log")
        self._cluster = cluster
        self._control = Path(f"/tmp/bird-{node.name}.ctl")
        self._configuration = Path(f"/tmp/bird-{node.name}.conf")

    def start(self) -> None:
        """Run BIRD."""
        self._configuration.write_text(self._configure(self.own_networks(), AS_NUMBER))
        start(self.node.name, ["bird", "-f", "-c", str(self._configuration), "-s", str(self._control)])

    def own_networks(self) -> tuple[IPv4Network, ...]:
        """What the node announces: its blocks, and the addresses its pods borrowed of other blocks, each as a /32."""
        addresses = [pod.address for pod in self._cluster.pods_of(self.node)]
        borrowed = [address for address in addresses if not any(address in block for block in self.node.blocks)]
        return (*self.node.blocks, *map(IPv4Network, borrowed))

    def reconfigure(self, networks: tuple[IPv4Network, ...], *, as_number: int = AS_NUMBER) -> None:
        """Announce these networks from now on, and speak for this AS."""
        self._configuration.write_text(self._configure(networks, as_number))
        self.ask("configure")

    def ask(self, command: str) -> str:
        """BIRD's answer to a command on its control socket; empty where it does not listen (yet)."""
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self._control))
            except OSError:
                return ""
            _read_answer(connection)
            connection.sendall(command.encode() + b"\n")
            return _read_answer(connection)

    def established(self) -> int:
        """How many sessions are established."""
        return self.ask("show protocols").count("Established")

    def routes(self) -> Routes | None:
        """Blocks and addresses learned from peers, with the next hop of the best route to each; None without BIRD."""
        answer = self.ask("show route primary all")
        if not answer:
            return None
        learned: Routes = {}
        destination = None
        for line in answer.splitlines():
            route, next_hop = _ROUTE.match(line), _NEXT_HOP.search(line)
            if route:
                destination = IPv4Network(route[1]) if route[2].startswith("Mesh_") else None
            elif next_hop and destination is not None:
                learned[destination] = IPv4Address(next_hop[1])
        return learned

    def _configure(self, networks: tuple[IPv4Network, ...], as_number: int) -> str:
        lines = [
            f'log "{self.log}" all;',
            f"router id {self.node.address};",
            "protocol device { scan time 2; }",
            f'protocol direct {{ ipv4; interface "{NIC}"; }}',
            "protocol static static_ipam { ipv4;",
            *(f"  route {network} blackhole;" for network in networks),
            "}",
            *self._template(as_number),
            *(line for peer in self._cluster.nodes if peer != self.node for line in self._peer(peer)),
        ]
        return "\n".join(lines) + "\n"

    def _template(self, as_number: int) -> Iterator[str]:
        yield "template bgp bgp_template {"
        yield "  debug { states, events };"
        yield f"  local as {as_number};"
        yield "  multihop;"
        yield "  connect delay time 2;"
        yield "  connect retry time 5;"
        yield "  error wait time 5,30;"
        yield f"  hold time {self._cluster.hold_time};"
        yield f"  keepalive time {self._cluster.keepalive_time};"
        yield "  graceful restart;"
        yield "  ipv4 { import all; export where source = RTS_STATIC; next hop self; add paths on; };"
        yield "}"

    def _peer(self, peer: Node) -> Iterator[str]:
        yield f"protocol bgp Mesh_{str(peer.address).replace('.', '_')} from bgp_template {{"
        yield f"  neighbor {peer.address} as {AS_NUMBER};"
        yield f"  source address {self.node.address};"
        if str(peer.address) > str(self.node.address):  # Calico compares text: the greater of two dials
            yield "  passive on;"
        yield "}"


def _read_answer(connection: socket.socket) -> str:
    answer = b""
    while not _LAST_LINE.search(answer):
        received = connection.recv(65536)
        if not received:
            break
        answer += received
    return answer.decode()


class RouteKeeper(threading.Thread):
    """Keeps the kernel routes of all nodes as BIRD has them; a route that BIRD does not change stays untouched."""

    def __init__(self, cluster: Cluster, speakers: dict[str, Speaker]) -> None:
        super().__init__(daemon=True)
        self.problems: list[str] = []
        self._cluster = cluster
        self._speakers = speakers
        self._known: dict[str, Routes] = {name: {} for name in speakers}
        self._owners = {node.address: node for node in cluster.nodes}

    def run(self) -> None:
        """Poll for ever."""
        while True:
            for name, speaker in self._speakers.items():
                routes = speaker.routes()
                if routes is not None:  # they outlive BIRD, as Calico's do
                    self._follow(name, routes)
            time.sleep(POLL_INTERVAL)

    def converged(self) -> bool:
        """Whether every node has a route to every block of the others."""
        return all(
            block in self._known[node.name]
            for node in self._cluster.nodes
            for other in self._cluster.nodes
            if other != node
            for block in other.blocks
        )

    def _follow(self, name: str, routes: Routes) -> None:
        known = self._known[name]
        node = self._cluster.node(name)
        commands = [f"route del {gone} proto bird" for gone in known.keys() - routes.keys()]
        commands += [self._replace(node, to, hop) for to, hop in routes.items() if known.get(to) != hop]
        self._known[name] = routes
        for command in commands:
            try:
                ip(name, [command])
            except RuntimeError as error:  # a broken node refuses routes, and that is what is to be recorded
                self.problems.append(str(error))

    def _replace(self, node: Node, destination: IPv4Network, next_hop: IPv4Address) -> str:
        owner = self._owners[next_hop]
        if self._cluster.is_wrapped(node, owner):
            return f"route replace {destination} via {next_hop} dev tunl0 proto bird onlink"
        gateway = next_hop if node.subnet == owner.subnet else node.subnet.gateway
        return f"route replace {destination} via {gateway} dev {NIC} proto bird"
