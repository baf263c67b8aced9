"""A node comes back with another AS number than its peers expect."""

from calico_lab.background import HTTP_PORT, STORE_PORT
from calico_lab.captures import both_ends, nic
from calico_lab.cluster import STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

STORE = STANDARD.pod("db.store").address
PAYMENTS = STANDARD.pod("shop.payments").address
WRONG = 64513


def play(lab: Lab) -> None:
    """Works; then the sessions of one node end and are refused."""
    before = lab.get("shop.cart", STORE, STORE_PORT)
    lab.prove("requests to a pod of dogwood answered before, of 1", int(before), before)
    speaker = lab.speakers["dogwood"]
    speaker.reconfigure(speaker.own_networks(), as_number=WRONG)
    lab.pause(2)
    after = lab.ping("shop.cart", STORE, every=1) + lab.get("shop.cart", STORE, STORE_PORT, timeout=4)
    other = lab.get("shop.cart", PAYMENTS, HTTP_PORT)
    lab.prove("requests to a pod of dogwood answered after, of 5", after, after == 0)
    lab.prove("requests to a pod of cedar answered after, of 1", int(other), other)
    lab.pause(16)
    refused = lab.speakers["alder"].log.read_text().count("Bad peer AS")
    lab.prove("times that BIRD on alder logged Bad peer AS", refused, refused >= 2)


SCENARIO = Scenario(
    name="54-wrong-as",
    shows="the sessions of dogwood end, and whenever it dials again, its OPEN says AS 64513 and each peer answers "
    "NOTIFICATION 2/2 (bad peer AS). Its block is withdrawn meanwhile: packets for it leave the other nodes bare to "
    "the default gateway, and so do the packets of its own pods. The other sessions stay up",
    broken=f"BIRD on dogwood runs with AS {WRONG}, all others with 64512, and all expect 64512 of each other",
    broken_node="dogwood",
    broken_link="AS number",
    accept=("IPD4003",),
    points=(*both_ends(STANDARD, "shop.cart", "db.store"), nic(STANDARD, "cedar")),
    play=play,
    addresses=(("src_pod", str(STANDARD.pod("shop.cart").address)), ("dst_pod", str(STORE))),
)
