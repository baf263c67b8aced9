"""The way between the subnets is narrower than the NICs, and the router says so."""

from dataclasses import replace

from calico_lab.background import STORE_PORT
from calico_lab.captures import both_ends, router_leg
from calico_lab.cluster import ROUTER, STANDARD, UPPER
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

CLUSTER = replace(STANDARD, offload=False)
STORE = CLUSTER.pod("db.store").address
PATH_MTU = 1400


def prepare(lab: Lab) -> None:
    """Lower the MTU of the router's route to the other subnet."""
    lab.run(ROUTER, f"ip route change {UPPER.network} dev {UPPER.name} mtu lock {PATH_MTU}")


def play(lab: Lab) -> None:
    """The first large packets are lost; the sending node tells its pod, and the rest fits."""
    small = lab.ping("shop.cart", STORE)
    lab.prove("echo requests of 84 bytes answered, of 4", small, small == 4)
    posted = [lab.post("shop.cart", STORE, STORE_PORT, 16_000, timeout=10) for _ in range(2)]
    lab.prove("posts of 16000 bytes done, of 2", sum(posted), all(posted))
    sent = lab.nstat(ROUTER, "IcmpOutDestUnreachs")
    lab.prove("ICMP unreachable sent by the router", sent, sent >= 1)
    told = lab.nstat("alder", "IcmpOutDestUnreachs")
    lab.prove("ICMP unreachable sent by alder", told, told >= 1)
    lab.pause(3)


SCENARIO = Scenario(
    name="59-outer-fragmentation-needed",
    shows=f"the router answers the first outer packets above {PATH_MTU} bytes with ICMP 3/4 to alder, next-hop MTU "
    f"{PATH_MTU}; they are lost. alder answers the next large packet of the pod itself with ICMP 3/4, and the "
    "transfer goes on with smaller segments",
    broken=f"the way from the router to 192.168.78.0/24 carries {PATH_MTU} bytes where tunl0 has an MTU of 1480",
    broken_node="underlay",
    broken_link="router -> lan78",
    accept=("IPD5007",),
    cluster=CLUSTER,
    points=(*both_ends(CLUSTER, "shop.cart", "db.store"), router_leg("lan77")),
    prepare=prepare,
    play=play,
    addresses=(("src_pod", str(CLUSTER.pod("shop.cart").address)), ("dst_pod", str(STORE))),
)
