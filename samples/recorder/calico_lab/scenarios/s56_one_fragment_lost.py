"""Outer packets are fragmented, and a firewall passes first fragments only."""

from calico_lab.captures import both_ends, router_leg
from calico_lab.cluster import NIC, ROUTER, STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

STORE = STANDARD.pod("db.store").address
DOGWOOD = STANDARD.node("dogwood").address
NIC_MTU = 1420
RULE = "later fragments"
REASSEMBLY_TIMEOUT = 30  # seconds


def prepare(lab: Lab) -> None:
    """A NIC smaller than tunnel MTU + 20, and a filter without state, which cannot judge later fragments."""
    lab.run("alder", f"ip link set {NIC} mtu {NIC_MTU}; ip link set tunl0 mtu 1480")
    lab.add_rule(ROUTER, "-A FORWARD", f"-f -d {DOGWOOD} -j DROP", RULE)


def play(lab: Lab) -> None:
    """Small packets pass, large ones without DF do not."""
    small = lab.ping("shop.cart", STORE)
    lab.prove("echo requests of 84 bytes answered, of 4", small, small == 4)
    large = lab.ping("shop.cart", STORE, count=6, every=1, options="-M dont -s 1440")
    lab.prove("echo requests of 1468 bytes answered, of 6", large, large == 0)
    lost = lab.matched(ROUTER, RULE)
    lab.prove("later fragments that the router dropped", lost, lost == 6)
    lab.pause(REASSEMBLY_TIMEOUT - 5)
    failed = lab.nstat("dogwood", "IpReasmFails")
    lab.prove("reassemblies that dogwood gave up", failed, failed >= 1)


SCENARIO = Scenario(
    name="56-one-fragment-lost",
    shows="pod packets above 1400 bytes without DF leave the NIC of alder as two outer fragments; at dogwood only "
    "the first arrives, nothing comes out of its tunl0, and after 30 s it sends ICMP 11/1 (reassembly time "
    "exceeded) to alder. Smaller packets are answered",
    broken=f"the NIC of alder has MTU {NIC_MTU} while its tunl0 has 1480, so that outer packets are fragmented; and "
    "a filter in the router drops later fragments to dogwood",
    broken_node="alder,underlay",
    broken_link="MTU of ens192; router -> dogwood",
    accept=("IPD5003", "IPD6009"),
    points=(*both_ends(STANDARD, "shop.cart", "db.store"), router_leg("lan77")),
    prepare=prepare,
    play=play,
    addresses=(("src_pod", str(STANDARD.pod("shop.cart").address)), ("dst_pod", str(STORE))),
)
