"""One link of the node network is slow in one direction."""

from calico_lab.background import STORE_PORT
from calico_lab.captures import both_ends, nic
from calico_lab.cluster import FABRIC, STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

STORE = STANDARD.pod("db.store").address
PAYMENTS = STANDARD.pod("shop.payments").address
DELAY = 40  # ms


def prepare(lab: Lab) -> None:
    """Delay what the switch sends to dogwood."""
    lab.run(FABRIC, f"tc qdisc add dev {STANDARD.node('dogwood').port} root netem delay {DELAY}ms")


def play(lab: Lab) -> None:
    """The same requests to a pod behind the slow link and to one behind another."""
    slow, quick = lab.round_trip("shop.cart", STORE, count=10), lab.round_trip("shop.cart", PAYMENTS, count=10)
    lab.prove("median round trip to a pod of dogwood, ms", slow, slow >= DELAY)
    lab.prove("median round trip to a pod of cedar, ms", quick, quick < DELAY / 5)
    fetched = [lab.get("shop.cart", STORE, STORE_PORT, 2_000) for _ in range(4)]
    fetched += [lab.get("shop.cart", PAYMENTS, 8080, 2_000) for _ in range(4)]
    lab.prove("HTTP requests answered, of 8", sum(fetched), all(fetched))
    lab.pause(4)


SCENARIO = Scenario(
    name="52-latency-one-link",
    shows=f"whatever goes to dogwood arrives {DELAY} ms later than it left, tunnel packets and BGP alike; nothing is "
    "lost, the way back and all other pairs of nodes take less than a millisecond",
    broken=f"the link from the switch to dogwood delays packets by {DELAY} ms",
    broken_node="underlay",
    broken_link="switch -> dogwood",
    accept=("IPD8002",),
    points=(*both_ends(STANDARD, "shop.cart", "db.store"), nic(STANDARD, "cedar")),
    prepare=prepare,
    play=play,
    addresses=(("src_pod", str(STANDARD.pod("shop.cart").address)), ("slow", str(STORE)), ("quick", str(PAYMENTS))),
)
