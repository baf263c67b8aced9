"""A pod with a fixed address is deleted on one node and created on another."""

from dataclasses import replace
from ipaddress import IPv4Network

from calico_lab.background import HTTP_PORT
from calico_lab.captures import host_side, in_pod, nic, tunnel
from calico_lab.cluster import STANDARD
from calico_lab.lab import Lab
from calico_lab.nodes import add_pod, remove_pod
from calico_lab.scenario import Scenario
from calico_lab.traffic import HttpServer

BEFORE = STANDARD.pod("shop.catalog")
AFTER = replace(BEFORE, node="dogwood")


def play(lab: Lab) -> None:
    """Asked before and after; the old node forgets the pod before the new one starts it."""
    before = lab.ping("shop.cart", BEFORE.address) + lab.get("shop.cart", BEFORE.address, HTTP_PORT)
    lab.prove("requests answered on birch, of 5", before, before == 5)
    remove_pod(BEFORE)
    add_pod(lab.cluster, AFTER)
    lab.play([HttpServer(AFTER.netns, AFTER.address, HTTP_PORT)])
    speaker = lab.speakers["dogwood"]
    speaker.reconfigure((*speaker.own_networks(), IPv4Network(AFTER.address)))
    lab.pause(3)
    after = lab.ping("shop.cart", AFTER.address) + lab.get("shop.cart", AFTER.address, HTTP_PORT)
    lab.prove("requests answered on dogwood, of 5", after, after == 5)
    route = lab.run("alder", f"ip -4 route show {AFTER.address}/32")
    lab.prove("route to it on alder", route, str(lab.cluster.node("dogwood").address) in route)
    lab.pause(5)


SCENARIO = Scenario(
    name="58-pod-moves",
    shows=f"healthy: pod shop.catalog with the fixed address {BEFORE.address} is deleted on birch and created on "
    "dogwood, which announces it as a /32 out of birch's block; from then on packets for it go to dogwood instead "
    "of birch, and come from there. For a second in between nobody has the address",
    healthy=True,
    at_end=STANDARD.with_pod(AFTER),
    points=(
        in_pod(STANDARD, "shop.cart"),
        host_side(STANDARD, "shop.cart"),
        tunnel(STANDARD, "alder"),
        nic(STANDARD, "alder"),
        nic(STANDARD, "birch"),
        tunnel(STANDARD, "dogwood"),
        nic(STANDARD, "dogwood"),
    ),
    play=play,
    addresses=(("src_pod", str(STANDARD.pod("shop.cart").address)), ("moves", str(BEFORE.address))),
)
