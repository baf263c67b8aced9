"""The host's firewall refuses protocol 4 with ICMP administratively prohibited."""

from calico_lab.background import HTTP_PORT
from calico_lab.captures import both_ends
from calico_lab.cluster import STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

PAYMENTS = STANDARD.pod("shop.payments").address
RULE = "host firewall"


def prepare(lab: Lab) -> None:
    """Put the rule before Felix's."""
    lab.add_rule("cedar", "-I INPUT 1", "-p 4 -j REJECT --reject-with icmp-admin-prohibited", RULE)


def play(lab: Lab) -> None:
    """Pods of cedar are not reached, cedar itself is."""
    answered = lab.ping("shop.cart", PAYMENTS, every=1)
    fetched = lab.get("shop.cart", PAYMENTS, HTTP_PORT, timeout=4)
    lab.prove("echo requests to a pod of cedar answered, of 4", answered, answered == 0)
    lab.prove("HTTP requests to a pod of cedar answered, of 1", int(fetched), not fetched)
    lab.run("alder", f"ping -n -c 3 -i 0.5 {lab.cluster.node('cedar').address}")
    refused = lab.matched("cedar", RULE)
    lab.prove("tunnel packets that the host firewall of cedar refused", refused, refused >= 5)


SCENARIO = Scenario(
    name="44-host-firewall-refuses",
    shows="tunnel packets reach the NIC of cedar and are answered there with ICMP 3/10 (host administratively "
    "prohibited) that quotes protocol 4, at most one a second for each sender; none shows on tunl0 of cedar. BGP, "
    "ping and the API server of cedar answer",
    broken="a host firewall on cedar refuses IP protocol 4 before Felix's rules (REJECT with icmp-admin-prohibited)",
    broken_node="cedar",
    broken_link="filter INPUT",
    accept=("IPD6005",),
    points=both_ends(STANDARD, "shop.cart", "shop.payments"),
    prepare=prepare,
    play=play,
    addresses=(("src_pod", str(STANDARD.pod("shop.cart").address)), ("dst_pod", str(PAYMENTS))),
)
