"""The pool has natOutgoing false: pods leave the cluster with addresses nobody outside can answer."""

from dataclasses import replace

from calico_lab.captures import host_side, in_pod, nic, router_leg
from calico_lab.cluster import OUTSIDE_NETWORK, OUTSIDE_WEB, ROUTER, STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

CLUSTER = replace(STANDARD, nat_outgoing=False)
OUT, BACK = "out with a pod address", "back to a pod address"


def prepare(lab: Lab) -> None:
    """Count in the router."""
    lab.add_rule(ROUTER, "-t raw -A PREROUTING", f"-s {CLUSTER.pool} -d {OUTSIDE_NETWORK}", OUT)
    lab.add_rule(ROUTER, "-t raw -A PREROUTING", f"-s {OUTSIDE_NETWORK} -d {CLUSTER.pool}", BACK)


def play(lab: Lab) -> None:
    """Requests to the outside fail; those between pods work."""
    outside = [lab.get("shop.cart", OUTSIDE_WEB, 80, timeout=3.5) for _ in range(3)]
    lab.prove("requests to the outside answered, of 3", sum(outside), not any(outside))
    inside = lab.ping("shop.cart", lab.pod("shop.payments").address)
    lab.prove("echo requests to a pod of another node answered, of 4", inside, inside == 4)
    out, back = lab.matched(ROUTER, OUT), lab.matched(ROUTER, BACK)
    lab.prove("packets to the outside that reached the router with a pod address", out, out > 0)
    lab.prove("answers to pod addresses that the router has no route for", back, back > 0)


SCENARIO = Scenario(
    name="43-nat-outgoing-missing",
    shows=f"connections of pods to {OUTSIDE_WEB} leave the NICs of alder and cedar with the pod's address; the "
    "answers reach the router, which does not know the pool, and nothing comes back. Traffic between pods works",
    broken="the pool has natOutgoing false: nothing is masqueraded, and the outside has no route to pod addresses",
    broken_node="alder,cedar",
    broken_link="nat POSTROUTING",
    accept=("IPD7002",),
    cluster=CLUSTER,
    points=(
        in_pod(CLUSTER, "shop.cart"),
        host_side(CLUSTER, "shop.cart"),
        nic(CLUSTER, "alder"),
        nic(CLUSTER, "cedar"),
        router_leg("lan77"),
    ),
    prepare=prepare,
    play=play,
    addresses=(("src_pod", str(CLUSTER.pod("shop.cart").address)), ("outside", str(OUTSIDE_WEB))),
)
