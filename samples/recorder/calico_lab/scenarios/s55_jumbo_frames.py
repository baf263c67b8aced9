"""A node network with an MTU of 9000, and tunnel and pods to match."""

from dataclasses import replace

from calico_lab.background import STORE_PORT
from calico_lab.captures import both_ends
from calico_lab.cluster import STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

CLUSTER = replace(STANDARD, nic_mtu=9000, tunnel_mtu=8980, pod_mtu=8980)
STORE = CLUSTER.pod("db.store").address


def play(lab: Lab) -> None:
    """Large packets both ways, pinged and streamed."""
    answered = lab.ping("shop.cart", STORE, options="-M do -s 8952") + lab.ping("shop.cart", STORE)
    lab.prove("echo requests answered, half of them of 8980 bytes, of 8", answered, answered == 8)
    fetched = [lab.get("shop.cart", STORE, STORE_PORT, 120_000), lab.post("shop.cart", STORE, STORE_PORT, 60_000)]
    lab.prove("HTTP requests with 120000 and 60000 bytes done, of 2", sum(fetched), all(fetched))
    lab.pause(5)


SCENARIO = Scenario(
    name="55-jumbo-frames",
    shows="healthy: NICs, switches and router carry 9000 bytes, tunl0 and pods 8980; packets of 8980 bytes with DF "
    "are answered, SYNs announce an MSS of 8940, and large transfers pass",
    healthy=True,
    cluster=CLUSTER,
    points=both_ends(CLUSTER, "shop.cart", "db.store"),
    play=play,
    addresses=(("src_pod", str(CLUSTER.pod("shop.cart").address)), ("dst_pod", str(STORE))),
)
