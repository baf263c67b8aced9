"""Nobody listens on the port that a client asks for."""

from calico_lab.background import STORE_PORT
from calico_lab.captures import both_ends
from calico_lab.cluster import STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

STORE = STANDARD.pod("db.store").address
CLOSED = STORE_PORT + 1


def play(lab: Lab) -> None:
    """Refused at once, each time; the open port answers."""
    refused = [lab.get("shop.cart", STORE, CLOSED) for _ in range(4)]
    lab.prove("requests to the closed port answered, of 4", sum(refused), not any(refused))
    resets = lab.nstat(lab.pod("db.store").netns, "TcpOutRsts")
    lab.prove("RST sent by the pod", resets, resets >= 4)
    fetched = lab.get("shop.cart", STORE, STORE_PORT)
    lab.prove("requests to the open port answered, of 1", int(fetched), fetched)
    lab.pause(4)


SCENARIO = Scenario(
    name="60-connection-refused",
    shows=f"the network works: SYNs of shop.cart to {STORE}:{CLOSED} reach the pod and are answered by its own RST, "
    f"because nobody listens there; port {STORE_PORT} of the same pod answers",
    healthy=True,
    broken=f"no program listens on port {CLOSED} of db.store",
    broken_node="dogwood",
    broken_link="pod db.store",
    accept=("IPD6011",),
    points=both_ends(STANDARD, "shop.cart", "db.store"),
    play=play,
    addresses=(("src_pod", str(STANDARD.pod("shop.cart").address)), ("dst_pod", str(STORE))),
)
