"""A masquerading agent that was told nothing of the pool hides the pods of one node behind its tunl0 address."""

from calico_lab.background import STORE_PORT
from calico_lab.captures import both_ends
from calico_lab.cluster import STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

STORE = STANDARD.pod("db.store").address
ALDER = STANDARD.node("alder")
RULE = "ip-masq-agent"


def prepare(lab: Lab) -> None:
    """Put the rule before Felix's."""
    lab.add_rule("alder", "-t nat -I POSTROUTING 1", f"-s {ALDER.blocks[0]} -o tunl0 -j MASQUERADE", RULE)


def play(lab: Lab) -> None:
    """Everything works, and the other side sees the wrong client."""
    answered = lab.ping("shop.cart", STORE) + lab.get("shop.cart", STORE, STORE_PORT)
    answered += lab.get("shop.cart", lab.cluster.service("shop.orders").address, 80)
    lab.prove("requests answered, of 6", answered, answered == 6)
    translated = lab.matched("alder", RULE)
    lab.prove("connections that the rule translated", translated, translated >= 3)
    lab.pause(3)


SCENARIO = Scenario(
    name="49-masquerade-everything",
    shows="packets of the pods of alder to pods of other nodes leave by tunl0 with alder's tunnel address "
    f"{ALDER.tunnel_address} as source; everything is answered, but the other side, and its policies, do not see "
    "which pod asked",
    broken="a rule on alder masquerades everything that its pods send by tunl0, pods of other nodes included",
    broken_node="alder",
    broken_link="nat POSTROUTING",
    accept=("IPD7001",),
    points=both_ends(STANDARD, "shop.cart", "db.store"),
    prepare=prepare,
    play=play,
    addresses=(
        ("src_pod", str(STANDARD.pod("shop.cart").address)),
        ("dst_pod", str(STORE)),
        ("snat_to", str(ALDER.tunnel_address)),
    ),
)
