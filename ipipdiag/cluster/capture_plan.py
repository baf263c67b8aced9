"""Where on the expected path to capture, and the exact command for each point. Nothing here runs anything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address

from ipipdiag.addresses import format_address
from ipipdiag.cluster.configuration import Configuration
from ipipdiag.cluster.endpoints import EndpointKind
from ipipdiag.cluster.model import Cluster
from ipipdiag.cluster.path import ExpectedPath, Stop
from ipipdiag.points.commands import SNAP_LENGTH_HEADERS

CALI_DIGITS = 11  # of the SHA-1 of namespace.name, which Calico's CNI plugin puts behind "cali"
FILE_MEGABYTES, FILES = 100, 10  # tcpdump -C, -W: a gigabyte at most of each point, the newest
FIRST_OF_ROTATION = "0"  # what tcpdump appends to the name of the first file
SNAP_LENGTH_BGP = 512  # bytes: an UPDATE of some eighty blocks behind its headers
INNER_SOURCE, INNER_DESTINATION = "ip[32:4]", "ip[36:4]"  # behind an outer header without options
LATER_FRAGMENT = "ip[6:2] & 0x1fff != 0"  # has no inner header, and belongs to a packet that may


@dataclass(frozen=True, slots=True)
class Step:
    """One capture: where it is taken, what to run there, and the file it makes, of which there may be several."""

    role: str
    place: str
    node: str | None
    command: tuple[str, ...]  # lines of a shell
    file: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class CapturePlan:
    """The captures along a path, in its order, and the command that analyses them together."""

    path: ExpectedPath
    steps: tuple[Step, ...]
    analyze: tuple[str, ...]


def plan_captures(
    path: ExpectedPath, cluster: Cluster, configuration: Configuration, seconds: int, cluster_files: Iterable[str] = ()
) -> CapturePlan:
    """What to run at each point of a path, for a time in seconds, and how to analyse the files."""
    pods = sorted({end.address for end in (path.source, path.destination) if end.kind is EndpointKind.POD})
    pods += [stop.inner[1] for stop in path.stops[-1:] if cluster.is_pod(stop.inner[1]) and stop.inner[1] not in pods]
    outside = [path.destination.address] if path.destination.kind is EndpointKind.OUTSIDE else []
    nodes = list(dict.fromkeys(stop.node for stop in path.stops if stop.node is not None))
    steps = [
        _step(stop, _pod_at(stop, path, number), [*pods, *outside], nodes, cluster, configuration, seconds)
        for number, stop in enumerate(path.stops)
    ]
    words = ["ipipdiag analyze"]
    words += [f"--cluster {_quoted(name)}" for name in cluster_files]
    words += [
        f"--point {step.file}{FIRST_OF_ROTATION}={step.role}@{step.node}"
        for step in steps
        if step.node and step.role != "pod"
    ]
    return CapturePlan(path, tuple(steps), (*words, *(f"{step.file}*" for step in steps)))


def cali_name(pod: str) -> str:
    """The host side of a pod's veth, by Calico's rule, of ``namespace/name``."""
    return "cali" + hashlib.sha1(pod.replace("/", ".", 1).encode(), usedforsecurity=False).hexdigest()[:CALI_DIGITS]


def _pod_at(stop: Stop, path: ExpectedPath, number: int) -> int | None:
    """The pod whose link a stop is: the sender's on the first half of the path, else the receiver's."""
    if stop.role not in ("pod", "cali"):
        return None
    is_source = number < 2 and path.source.kind is EndpointKind.POD
    return stop.inner[0] if is_source else stop.inner[1]


def _step(
    stop: Stop,
    pod: int | None,
    ends: list[int],
    nodes: list[int],
    cluster: Cluster,
    configuration: Configuration,
    seconds: int,
) -> Step:
    node = _node_name(cluster, stop.node)
    name = cluster.pod_names.get(pod) if pod is not None else None
    prefix: tuple[str, ...] = ()
    interface, expression, note = stop.role, "", ""
    if stop.role == "pod":
        file = f"pod-{_word(name or format_address(pod or 0))}.pcap"
        prefix, interface = _into_pod(name), "eth0"
    elif stop.role == "cali":
        interface, note = _cali_of(pod, name, cluster)
        file = f"{_word(node or 'node')}-{interface.strip('$')}.pcap"
    elif stop.role == "tunl0":
        file = f"{_word(node or 'node')}-tunl0.pcap"
    else:
        interface, prefix, note = _nic_of(stop, nodes, configuration, node)
        expression = nic_filter(ends)
        file = f"{_word(node or 'node')}-{interface if not prefix else 'nic'}.pcap"
    enter = "nsenter -t $PID -n " if stop.role == "pod" else ""
    filter_text = f" '{expression}'" if expression else ""
    snap_length = SNAP_LENGTH_BGP if stop.role == "node" else SNAP_LENGTH_HEADERS
    command = (
        f"{enter}timeout -s INT {seconds} tcpdump -ni {interface} -s {snap_length} -U "
        f"-C {FILE_MEGABYTES} -W {FILES} -Z root -w {file}{filter_text}"
    )
    return Step(stop.role, stop.place, node, (*prefix, command), file, note)


def nic_filter(ends: list[int]) -> str:
    """A capture filter (pcap-filter(7)) for a node's NIC: packets of these ends, wrapped or bare; ARP, ICMP and BGP.

    It holds without and with one VLAN tag; ``vlan`` moves the offsets of all that follows it, so it comes last.
    """
    inner = [f"{field} = {int(IPv4Address(end)):#010x}" for end in ends for field in (INNER_SOURCE, INNER_DESTINATION)]
    wrapped = f"(ip proto 4 and ({' or '.join([*inner, LATER_FRAGMENT])}))"
    wanted = [wrapped, *(f"host {format_address(end)}" for end in ends), "arp", "icmp", "tcp port 179"]
    return f"{' or '.join(wanted)} or (vlan and ({' or '.join(wanted)}))"


def _node_name(cluster: Cluster, node: int | None) -> str | None:
    if node is None:
        return None
    known = cluster.nodes.get(node)
    return known.name if known and known.name else format_address(node)


def _into_pod(name: str | None) -> tuple[str, ...]:
    """The process of the pod's sandbox on its node, whose network namespace is the pod's."""
    if name is None:
        return ("PID=  # of any process of the pod, on its node",)
    namespace, _, pod = name.partition("/")
    find = f"crictl pods -q --state ready --namespace '^{namespace}$' --name '^{pod}$'"
    return (f"PID=$(crictl inspectp -o go-template --template '{{{{.info.pid}}}}' $({find}))",)


def _cali_of(pod: int | None, name: str | None, cluster: Cluster) -> tuple[str, str]:
    told = next((device for device, address in cluster.pod_interfaces.items() if address == pod), None)
    if told is not None:
        return told, ""
    if name is not None:
        return cali_name(name), "the interface's name is computed by Calico's rule from the pod's"
    return "$CALI", f"first: CALI=$(ip -o route show {format_address(pod or 0)} | grep -o 'cali[0-9a-f]*')"


def _nic_of(
    stop: Stop, nodes: list[int], configuration: Configuration, node: str | None
) -> tuple[str, tuple[str, ...], str]:
    """The device that has the node's address, where its texts tell; else how to find it."""
    state = configuration.state_of(node)
    for entry in state.addresses if state else ():
        if entry.address == stop.node:
            return entry.device, (), ""
    peer = next((other for other in nodes if other != stop.node), stop.inner[1])
    find = f"NIC=$(ip -o route get {format_address(peer)} | grep -o 'dev [^ ]*' | cut -d' ' -f2)"
    return "$NIC", (find,), ""


def _word(text: str) -> str:
    """Text as part of a file name."""
    return "".join(character if character.isalnum() or character in ".-" else "-" for character in text)


def _quoted(text: str) -> str:
    return text if text.replace("/", "").replace(".", "").replace("-", "").replace("_", "").isalnum() else f"'{text}'"
