"""Requests to a service are translated to its endpoint; the replies are excepted from connection tracking."""

from calico_lab.background import HTTP_PORT
from calico_lab.captures import both_ends
from calico_lab.cluster import STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

SERVICE = STANDARD.service("shop.orders").address
ORDERS = STANDARD.pod("shop.orders").address
RULE = "no tracking of orders"


def prepare(lab: Lab) -> None:
    """Leave a doNotTrack rule on the client's node that catches one direction only."""
    lab.add_rule(
        "alder", "-t raw -A PREROUTING", f"-i tunl0 -p tcp -s {ORDERS} --sport {HTTP_PORT} -j CT --notrack", RULE
    )


def play(lab: Lab) -> None:
    """The service fails three times; its endpoint answers ping, and another service works."""
    pinged = lab.ping("shop.cart", ORDERS)
    lab.prove("echo requests to its endpoint answered, of 4", pinged, pinged == 4)
    reached = [lab.get("shop.cart", SERVICE, 80, timeout=3.5) for _ in range(3)]
    lab.prove("requests to the service answered, of 3", sum(reached), not any(reached))
    other = lab.get("shop.cart", lab.cluster.service("shop.catalog").address, 80)
    lab.prove("requests to another service answered, of 1", int(other), other)
    untracked = lab.matched("alder", RULE)
    lab.prove("replies that alder did not track", untracked, untracked >= 3)


SCENARIO = Scenario(
    name="41-reply-not-translated-back",
    shows=f"requests of pod shop.cart to service {SERVICE}:80 are translated on alder to {ORDERS}:{HTTP_PORT} and "
    "reach it; the SYN-ACK comes back and reaches the pod with the endpoint's address instead of the service's, and "
    "the pod answers it with RST. The endpoint answers ping; other services work",
    broken="on alder a rule in the raw table excepts TCP from shop.orders that comes in by tunl0 from connection "
    "tracking (a doNotTrack rule for one direction): replies are not translated back",
    broken_node="alder",
    broken_link="raw PREROUTING",
    accept=("IPD7005",),
    points=both_ends(STANDARD, "shop.cart", "shop.orders"),
    prepare=prepare,
    play=play,
    addresses=(
        ("src_pod", str(STANDARD.pod("shop.cart").address)),
        ("service", str(SERVICE)),
        ("endpoint", str(ORDERS)),
    ),
)
