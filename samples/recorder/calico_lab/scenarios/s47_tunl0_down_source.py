"""Somebody sets tunl0 down on the node of the client."""

from calico_lab.background import STORE_PORT
from calico_lab.captures import both_ends
from calico_lab.cluster import STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

STORE = STANDARD.pod("db.store").address


def play(lab: Lab) -> None:
    """Works, until the device goes down and takes its routes with it."""
    before = lab.ping("shop.cart", STORE) + lab.get("shop.cart", STORE, STORE_PORT)
    lab.prove("requests answered before, of 5", before, before == 5)
    lab.run("alder", "ip link set tunl0 down")
    after = lab.ping("shop.cart", STORE, every=1) + lab.get("shop.cart", STORE, STORE_PORT, timeout=4)
    lab.prove("requests answered after, of 5", after, after == 0)
    routes = lab.run("alder", "ip -4 route show dev tunl0", check=False)
    lab.prove("routes by tunl0 left on alder", len(routes.splitlines()), not routes)


SCENARIO = Scenario(
    name="47-tunl0-down-source",
    shows="from one moment on, pod packets of alder for other nodes leave its NIC bare, to the MAC of the default "
    "gateway, and are not answered; what other nodes still send to alder by IPIP is refused with ICMP 3/3 about "
    "protocol 4. BGP goes on",
    broken="tunl0 of alder is set down; the kernel drops the routes through it, and they cannot be set again",
    broken_node="alder",
    broken_link="tunl0",
    accept=("IPD3003", "IPD2001", "IPD6003"),
    points=both_ends(STANDARD, "shop.cart", "db.store"),
    play=play,
    addresses=(("src_pod", str(STANDARD.pod("shop.cart").address)), ("dst_pod", str(STORE))),
)
