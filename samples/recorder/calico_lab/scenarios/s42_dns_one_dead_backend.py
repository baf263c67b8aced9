"""One of two DNS pods hangs: it takes queries and answers none."""

from dataclasses import replace

from calico_lab.background import standard
from calico_lab.captures import both_ends, host_side
from calico_lab.cluster import STANDARD, Cluster
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario
from calico_lab.traffic import DnsServer, Program

SERVICE = STANDARD.service("kube-system.kube-dns").address
DEAD = STANDARD.pod("kube-system.coredns-p9d4m")
ALIVE = STANDARD.pod("kube-system.coredns-x7k2p")
UNANSWERED, ANSWERED, MOST = 3, 2, 14


def background(cluster: Cluster) -> list[Program]:
    """The usual, with one DNS server that hangs."""
    return [
        replace(program, hangs=True) if isinstance(program, DnsServer) and program.address == DEAD.address else program
        for program in standard(cluster)
    ]


def play(lab: Lab) -> None:
    """Resolve until names were lost and found often enough: kube-proxy chooses the pod by chance."""
    outcomes: list[bool] = []
    while outcomes.count(False) < UNANSWERED or outcomes.count(True) < ANSWERED:
        if len(outcomes) == MOST:
            raise RuntimeError(f"chance chose badly: {outcomes}")
        outcomes.append(lab.resolve("shop.cart", SERVICE, f"item-{len(outcomes)}.shop.svc.cluster.local"))
    lab.prove("names of shop.cart without any answer", outcomes.count(False), outcomes.count(False) >= UNANSWERED)
    lab.prove("names of shop.cart answered at once", outcomes.count(True), outcomes.count(True) >= ANSWERED)
    received = lab.nstat(DEAD.netns, "UdpInDatagrams")
    lab.prove("datagrams the hanging pod took", received, received > 0)
    sent = lab.nstat(DEAD.netns, "UdpOutDatagrams")
    lab.prove("datagrams the hanging pod sent", sent, sent == 0)


SCENARIO = Scenario(
    name="42-dns-one-dead-backend",
    shows=f"about half of the DNS queries to {SERVICE} stay unanswered and are sent again after 5 s from the same "
    "port with the same id, which connection tracking sends to the same pod; those that kube-proxy gave to "
    f"{ALIVE.address} are answered within milliseconds. The queries given to {DEAD.address} reach that pod, and it "
    "sends nothing",
    broken=f"the DNS server in {DEAD.name} hangs: its port is open, it takes queries and answers none; it is still an "
    "endpoint of the service",
    broken_node="birch",
    broken_link=f"pod {DEAD.name}",
    accept=("IPD8007",),
    points=(*both_ends(STANDARD, "shop.cart", DEAD.name), host_side(STANDARD, ALIVE.name)),
    background=background,
    play=play,
    addresses=(
        ("src_pod", str(STANDARD.pod("shop.cart").address)),
        ("service", str(SERVICE)),
        ("dead", str(DEAD.address)),
    ),
)
