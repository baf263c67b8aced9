"""A pod with an address out of another node's block: legal, and announced as a /32."""

from calico_lab.background import HTTP_PORT
from calico_lab.captures import both_ends, nic
from calico_lab.cluster import STANDARD, Pod
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

ADDRESS = STANDARD.node("cedar").blocks[0][11]
CLUSTER = STANDARD.with_pod(Pod("batch.import", "birch", ADDRESS))


def play(lab: Lab) -> None:
    """Pods of three nodes reach it, also one of the node that owns the block."""
    answered = lab.ping("shop.cart", ADDRESS) + lab.ping("shop.payments", ADDRESS)
    answered += lab.ping("batch.import", lab.pod("db.store").address)
    lab.prove("echo requests to and from the borrowed address answered, of 12", answered, answered == 12)
    fetched = [lab.get(pod, ADDRESS, HTTP_PORT, 4_000) for pod in ("shop.cart", "shop.payments", "shop.orders")]
    lab.prove("HTTP requests to it answered, of 3", sum(fetched), all(fetched))
    route = lab.run("cedar", f"ip -4 route show {ADDRESS}/32")
    lab.prove("route to it on the node that owns the block", route, "tunl0" in route)
    lab.pause(4)


SCENARIO = Scenario(
    name="51-borrowed-address",
    shows=f"healthy: pod batch.import on birch has {ADDRESS}, out of a block of cedar; birch announces it as a /32, "
    "which is longer than the block, and every node, cedar too, sends there by IPIP to birch",
    healthy=True,
    cluster=CLUSTER,
    points=(*both_ends(CLUSTER, "shop.cart", "batch.import"), nic(CLUSTER, "cedar")),
    play=play,
    addresses=(("src_pod", str(CLUSTER.pod("shop.cart").address)), ("borrowed", str(ADDRESS))),
)
