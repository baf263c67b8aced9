"""A switch port with a smaller MTU than the NICs: frames above it vanish, and no router is there to say so."""

from dataclasses import replace

from calico_lab.background import STORE_PORT
from calico_lab.captures import both_ends, switch_port
from calico_lab.cluster import FABRIC, STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

CLUSTER = replace(STANDARD, offload=False)  # a bridge lets super-packets pass whatever the port's MTU
LEDGER = CLUSTER.pod("db.ledger").address
PORT = CLUSTER.node("cedar").port
PORT_MTU = 1400


def prepare(lab: Lab) -> None:
    """Shrink the port's MTU."""
    lab.run(FABRIC, f"ip link set {PORT} mtu {PORT_MTU}")


def play(lab: Lab) -> None:
    """What is small passes; what fills segments stalls."""
    small = [lab.get("shop.cart", LEDGER, STORE_PORT, 200), lab.get("shop.cart", LEDGER, STORE_PORT, 900)]
    lab.prove("requests for 200 and 900 bytes answered, of 2", sum(small), all(small))
    lost_before = lab.link_counter(FABRIC, PORT, "rx.dropped")
    large = lab.get("shop.cart", LEDGER, STORE_PORT, 24_000, timeout=8)
    posted = lab.post("shop.cart", LEDGER, STORE_PORT, 12_000, timeout=6)
    lab.prove("request for 24000 bytes answered", int(large), not large)
    lab.prove("post of 12000 bytes answered", int(posted), not posted)
    lost = lab.link_counter(FABRIC, PORT, "rx.dropped") - lost_before
    lab.prove(f"frames from cedar that port {PORT} dropped meanwhile", lost, lost >= 4)
    silent = lab.nstat("gw", "IcmpOutDestUnreachs")
    lab.prove("ICMP unreachable sent by the router", silent, silent == 0)


SCENARIO = Scenario(
    name="45-mtu-black-hole-layer-2",
    shows="between alder and cedar handshakes, small requests and pings pass; full segments (outer 1500 bytes, DF) "
    "leave one NIC and never arrive at the other, in both directions, are retransmitted and stall, and nobody sends "
    "ICMP fragmentation needed. Pairs without cedar work",
    broken=f"the switch port of cedar has an MTU of {PORT_MTU} and drops longer frames in silence, both ways",
    broken_node="underlay",
    broken_link="switch <-> cedar",
    accept=("IPD5002",),
    cluster=CLUSTER,
    points=(*both_ends(CLUSTER, "shop.cart", "db.ledger"), switch_port(CLUSTER, "cedar")),
    prepare=prepare,
    play=play,
    addresses=(("client_pod", str(CLUSTER.pod("shop.cart").address)), ("server_pod", str(LEDGER))),
)
