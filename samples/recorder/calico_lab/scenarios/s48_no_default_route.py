"""A node without a default route answers no pod's ARP for the gateway."""

from dataclasses import replace

from calico_lab.background import HTTP_PORT
from calico_lab.captures import host_side, in_pod, nic, tunnel
from calico_lab.cluster import STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

CLUSTER = replace(STANDARD, hold_time=90)  # sessions across the router fall silent, and outlast the recording
FRONT = CLUSTER.pod("shop.front").address


def prepare(lab: Lab) -> None:
    """Take the default route away."""
    lab.run("birch", "ip route del default")


def play(lab: Lab) -> None:
    """Pods of birch get no packet out; requests to them arrive, their answers do not leave."""
    sent = lab.get("shop.orders", FRONT, HTTP_PORT, timeout=6)
    lab.prove("requests of a pod of birch answered, of 1", int(sent), not sent)
    asked = lab.ping("shop.cart", lab.pod("shop.orders").address, every=1)
    lab.prove("echo requests to a pod of birch answered, of 4", asked, asked == 0)
    neighbour = lab.run(lab.pod("shop.orders").netns, "ip -4 neigh show 169.254.1.1")
    lab.prove(
        "the pod's entry for its gateway", neighbour.split()[-1], neighbour.split()[-1] in ("FAILED", "INCOMPLETE")
    )


SCENARIO = Scenario(
    name="48-no-default-route",
    shows="the pods of birch ask for 169.254.1.1 about once a second and get no answer, though the host side of "
    "their veth pairs sends frames of its own; no IP packet of theirs leaves them. Requests from alder reach them. "
    "birch reaches the nodes of its own subnet, none beyond",
    broken="birch has no default route: its kernel answers ARP for 169.254.1.1 by proxy only where a route leads there",
    broken_node="birch",
    broken_link="default route",
    accept=("IPD1001",),
    cluster=CLUSTER,
    points=(
        in_pod(CLUSTER, "shop.orders"),
        host_side(CLUSTER, "shop.orders"),
        in_pod(CLUSTER, "shop.catalog"),
        tunnel(CLUSTER, "birch"),
        nic(CLUSTER, "birch"),
        nic(CLUSTER, "alder"),
    ),
    prepare=prepare,
    play=play,
    addresses=(
        ("src_pod", str(CLUSTER.pod("shop.orders").address)),
        ("dst_pod", str(FRONT)),
        ("gateway", "169.254.1.1"),
    ),
)
