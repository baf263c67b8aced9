"""A running cluster: what scenarios build, break, drive and measure."""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from calico_lab.bgp import RouteKeeper, Speaker
from calico_lab.cluster import Cluster, Pod
from calico_lab.namespaces import run
from calico_lab.nodes import add_pod, build_node
from calico_lab.traffic import Program, fetch, finish, play_in_background, resolve
from calico_lab.underlay import build_underlay

CONVERGENCE_TIMEOUT = 40.0  # seconds


@dataclass(frozen=True)
class Proof:
    """Something measured in the kernel that shows the scenario happened as told."""

    what: str
    measured: int | float | str


@dataclass
class Lab:
    """One cluster in one guest. Names are those of nodes and pods of ``cluster``."""

    cluster: Cluster
    log: Callable[[str], None]
    proofs: list[Proof] = field(default_factory=list)
    speakers: dict[str, Speaker] = field(default_factory=dict)

    def build(self) -> None:
        """Node network, nodes and pods; BGP does not run yet."""
        build_underlay(self.cluster)
        run(None, "modprobe ipip")  # after the NICs: a node's first address is then the NIC's, not that of tunl0
        for node in self.cluster.nodes:
            build_node(self.cluster, node)
        for pod in self.cluster.pods:
            add_pod(self.cluster, pod)
        self.speakers = {node.name: Speaker(self.cluster, node) for node in self.cluster.nodes}
        self.routes = RouteKeeper(self.cluster, self.speakers)
        self.log("built")

    def start_bgp(self) -> None:
        """BIRD on every node, and the kernel routes that follow it."""
        for speaker in self.speakers.values():
            speaker.start()
        self.routes.start()

    def wait_for_routes(self) -> None:
        """Return when all sessions are established and every node has a route to every block."""
        peers = len(self.cluster.nodes) - 1
        self.wait_until("BGP converged", self.routes.converged)
        self.wait_until("sessions", lambda: all(one.established() == peers for one in self.speakers.values()))

    def wait_until(self, what: str, holds: Callable[[], bool], timeout: float = CONVERGENCE_TIMEOUT) -> None:
        """Return when something holds; raise where it does not within the time."""
        deadline = time.monotonic() + timeout
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(what)
            time.sleep(0.25)
        self.log(what)

    def play(self, programs: list[Program]) -> None:
        """Let the background traffic begin."""
        play_in_background(programs)

    def pause(self, seconds: float) -> None:
        """Let the background traffic run alone for a while."""
        time.sleep(seconds)

    def run(self, namespace: str, script: str, *, check: bool = True, timeout: float = 60) -> str:
        """A shell script on a node, in the router or in the fabric, as an administrator runs it."""
        output = run(namespace, script, check=check, timeout=timeout)
        self.log(f"{namespace}# {script}\n{output}")
        return output

    def pod(self, name: str) -> Pod:
        """The pod of a name."""
        return self.cluster.pod(name)

    def ping(self, pod: str, address: IPv4Address, *, count: int = 4, every: float = 0.5, options: str = "") -> int:
        """How many echo requests from a pod were answered."""
        script = f"ping -n -c {count} -i {every} -W 1 {options} {address}"
        output = self.run(self.pod(pod).netns, script, check=False)
        return output.count("bytes from")

    def get(self, pod: str, address: IPv4Address, port: int, size: int = 300, *, timeout: float = 5) -> bool:
        """Whether a pod could fetch so many bytes."""
        return self._report(finish(fetch(self.pod(pod).netns, address, port, size, timeout=timeout)), ", done")

    def post(self, pod: str, address: IPv4Address, port: int, size: int, *, timeout: float = 5) -> bool:
        """Whether a pod could send so many bytes."""
        return self._report(
            finish(fetch(self.pod(pod).netns, address, port, size, timeout=timeout, post=True)), ", done"
        )

    def resolve(self, pod: str, server: IPv4Address, name: str) -> bool:
        """Whether a name was resolved, at whichever attempt."""
        return self._report(finish(resolve(self.pod(pod).netns, server, name)), ": answered")

    def add_rule(self, namespace: str, where: str, match: str, comment: str) -> None:
        """An iptables rule, found again by its comment; ``where`` is like ``-t raw -I PREROUTING``.

        A ``match`` without a target only counts.
        """
        self.run(namespace, f'iptables-legacy {where} -m comment --comment "{comment}" {match}')

    def matched(self, namespace: str, comment: str) -> int:
        """How many packets the rule with this comment matched."""
        for line in run(namespace, "iptables-legacy-save -c").splitlines():
            if f'--comment "{comment}"' in line or f"--comment {comment} " in f"{line} ":
                return int(line[1:].partition(":")[0])
        raise LookupError(f"{namespace}: no rule {comment!r}")

    def link_counter(self, namespace: str, interface: str, counter: str) -> int:
        """A counter of an interface, such as ``rx.dropped``."""
        direction, _, name = counter.partition(".")
        (link,) = json.loads(run(namespace, f"ip -j -s -s link show {interface}"))
        return int(link["stats64"][direction][name])

    def nstat(self, namespace: str, counter: str) -> int:
        """A counter of the kernel's network statistics."""
        return int(run(namespace, f"nstat -asz {counter}").splitlines()[-1].split()[1])

    def round_trip(self, pod: str, address: IPv4Address, *, count: int = 5) -> float:
        """The median round trip of echo requests from a pod, in milliseconds."""
        output = self.run(self.pod(pod).netns, f"ping -n -c {count} -i 0.3 -W 1 {address}", check=False)
        return statistics.median(float(time) for time in re.findall(r"time=([\d.]+) ms", output))

    def prove(self, what: str, measured: int | float | str, holds: bool) -> None:
        """Note what was measured; raise where the scenario did not happen as told."""
        self.log(f"proof: {what}: {measured}")
        self.proofs.append(Proof(what, measured))
        if not holds:
            raise AssertionError(f"{what}: {measured}")

    def _report(self, line: str, success: str) -> bool:
        self.log(line)
        return success in line
