"""Services of the test cluster: what a pod's link, tunl0 and the NIC show of what it asks of them."""

from __future__ import annotations

from tests.builders.packets import dns_answer, dns_query, icmp_echo, icmp_error, ipv4, tcp, udp
from tests.checks.files_world import thing
from tests.checks.world import POD_A, POD_B, Timed, at, from_a, from_b, from_pod, gateway_arp, to_pod, wrapped

from tests.checks.world import NODE_A, NODE_B  # isort: skip

SERVICE, BACKEND, OTHER_BACKEND = "10.99.0.10", POD_B, "172.20.9.8"
NAME = "orders.web.svc.cluster.local"
SERVICE_FILE = (
    thing("Service", "dns", f"{{clusterIP: {SERVICE}, ports: [{{port: 53, protocol: UDP}}, {{port: 80}}]}}", "v1")
    + "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
    "metadata: {name: dns-x, labels: {kubernetes.io/service-name: dns}}\n"
    f"endpoints: [{{addresses: [{BACKEND}]}}, {{addresses: [{OTHER_BACKEND}]}}]\n"
)
FILES = {"cluster/services.yaml": SERVICE_FILE}


def link(*more: Timed, until: float = 20) -> list[Timed]:
    """A pod's link with its gateway's ARP at both ends of the time."""
    return [*gateway_arp(), *gateway_arp(until), *more]


def tunnel(*more: Timed, until: float = 20) -> list[Timed]:
    """Node A's NIC with a conversation through the tunnel that has nothing to do with services."""
    ends = []
    for number, time in enumerate((0.1, until)):
        there = ipv4(icmp_echo(id=900, sequence=number), POD_A, "172.20.9.9", ttl=63, id=40 + number)
        back = ipv4(icmp_echo(request=False, id=900, sequence=number), "172.20.9.9", POD_A, ttl=63, id=80 + number)
        ends += [at(time, from_a(wrapped(there))), at(time + 0.001, from_b(wrapped(back, NODE_B, NODE_A)))]
    return [*ends, *more]


def ask(time: float, id: int = 1, kind: int = 1, port: int = 41000, server: str = SERVICE, name: str = NAME) -> Timed:
    """A DNS query of pod A at its own link."""
    return at(time, from_pod(ipv4(udp(dns_query(name, id, kind), port, 53), POD_A, server, id=int(time * 1000))))


def told(time: float, id: int = 1, kind: int = 1, port: int = 41000, server: str = SERVICE, name: str = NAME,
         code: int = 0, truncated: bool = False) -> Timed:  # fmt: skip
    """The answer to it, as the pod's link shows it."""
    answer = udp(dns_answer(name, id, kind, code, truncated), 53, port)
    return at(time, to_pod(ipv4(answer, server, POD_A, ttl=62, id=int(time * 1000) + 1)))


def asked_through_tunnel(time: float, id: int = 1, port: int = 41000, server: str = BACKEND, kind: int = 1) -> Timed:
    """The same query at node A's NIC, translated."""
    packet = ipv4(udp(dns_query(NAME, id, kind), port, 53), POD_A, server, ttl=63, id=int(time * 1000))
    return at(time, from_a(wrapped(packet)))


def told_through_tunnel(time: float, id: int = 1, port: int = 41000, server: str = BACKEND, kind: int = 1) -> Timed:
    """Its answer at node A's NIC."""
    packet = ipv4(udp(dns_answer(NAME, id, kind), 53, port), server, POD_A, ttl=63, id=int(time * 1000) + 1)
    return at(time, from_b(wrapped(packet, NODE_B, NODE_A)))


def segment(
    time: float, flags: str, source: str, destination: str, ports: tuple[int, int], payload: bytes = b""
) -> Timed:
    """A TCP segment at pod A's link."""
    data = tcp(payload, flags=flags, source_port=ports[0], destination_port=ports[1])
    sends = source == POD_A
    packet = ipv4(data, source, destination, ttl=64 if sends else 62, id=int(time * 1000) % 65000)
    return at(time, (from_pod if sends else to_pod)(packet))


def refusal(time: float, quoted: bytes, to: str) -> Timed:
    """ICMP port unreachable of pod A about a packet it received."""
    return at(time, from_pod(ipv4(icmp_error(3, 3, quoted), POD_A, to, ttl=64, id=9)))


def ping(time: float, sequence: int, *, answered: bool = False, ttl: int = 64, service: str = SERVICE) -> list[Timed]:
    """An echo request of pod A to a service address, and its reply."""
    frames = [at(time, from_pod(ipv4(icmp_echo(id=5, sequence=sequence), POD_A, service, id=300 + sequence)))]
    if answered:
        reply = ipv4(icmp_echo(request=False, id=5, sequence=sequence), service, POD_A, ttl=ttl, id=400 + sequence)
        frames.append(at(time + 0.0001, to_pod(reply)))
    return frames
