"""A packet filter inside the pod drops connections to its port in silence."""

from calico_lab.background import STORE_PORT
from calico_lab.captures import both_ends
from calico_lab.cluster import STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

STORE = STANDARD.pod("db.store")
RULE = "filter of the pod"


def prepare(lab: Lab) -> None:
    """As a service mesh's init container may leave it."""
    lab.add_rule(STORE.netns, "-A INPUT", f"-p tcp --dport {STORE_PORT} -j DROP", RULE)


def play(lab: Lab) -> None:
    """SYNs arrive in the pod and stay there."""
    fetched = [lab.get("shop.cart", STORE.address, STORE_PORT, timeout=8) for _ in range(2)]
    lab.prove("requests answered, of 2", sum(fetched), not any(fetched))
    answered = lab.ping("shop.cart", STORE.address)
    lab.prove("echo requests answered, of 4", answered, answered == 4)
    dropped = lab.matched(STORE.netns, RULE)
    lab.prove("SYNs dropped inside the pod", dropped, dropped >= 6)


SCENARIO = Scenario(
    name="61-handshake-unanswered",
    shows="SYNs to db.store, from alder and from birch, go the whole way, into the pod's eth0, and are not "
    "answered; echo requests to the same pod are. The network delivers, the pod does not answer",
    broken=f"a packet filter inside the pod drops TCP to port {STORE_PORT} without a word",
    broken_node="dogwood",
    broken_link="pod db.store",
    accept=("IPD6007",),
    points=both_ends(STANDARD, "shop.cart", "db.store"),
    prepare=prepare,
    play=play,
    addresses=(("src_pod", str(STANDARD.pod("shop.cart").address)), ("dst_pod", str(STORE.address))),
)
