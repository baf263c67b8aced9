"""A healthy cluster with everything it usually carries."""

from calico_lab.background import HTTP_PORT, STORE_PORT
from calico_lab.captures import both_ends, nic
from calico_lab.cluster import STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

STORE = STANDARD.pod("db.store").address
LEDGER = STANDARD.pod("db.ledger").address
FRONT = STANDARD.pod("shop.front").address


def play(lab: Lab) -> None:
    """Small and large requests both ways, between subnets and within one node."""
    answered = lab.ping("shop.cart", STORE)
    lab.prove("echo requests from shop.cart to db.store answered, of 4", answered, answered == 4)
    fetched = lab.get("shop.cart", STORE, STORE_PORT, 60_000)
    sent = lab.post("shop.cart", STORE, STORE_PORT, 20_000)
    near = lab.get("shop.cart", FRONT, HTTP_PORT, 2_000)
    service = lab.get("shop.cart", lab.cluster.service("shop.orders").address, 80, 800)
    done = [fetched, sent, near, service, lab.get("db.store", LEDGER, STORE_PORT)]
    lab.prove("HTTP requests done, of 5", sum(done), all(done))
    resolved = lab.resolve("shop.cart", lab.cluster.service("kube-system.kube-dns").address, "store.db.svc")
    lab.prove("names resolved, of 1", int(resolved), resolved)
    lab.pause(8)


SCENARIO = Scenario(
    name="40-healthy-busy",
    shows="healthy: four nodes in two subnets, ipipMode Always; ping, HTTP, DNS by service address, one-way "
    "counters over UDP, the kubelets' probes, requests to the API server and to the outside, BGP keepalives: "
    "everything that asks is answered",
    healthy=True,
    points=(*both_ends(STANDARD, "shop.cart", "db.store"), nic(STANDARD, "birch")),
    play=play,
    addresses=(("src_pod", str(STANDARD.pod("shop.cart").address)), ("dst_pod", str(STORE))),
)
