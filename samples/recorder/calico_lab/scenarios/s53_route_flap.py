"""A node withdraws its block and announces it again, three times."""

import threading

from calico_lab.captures import both_ends
from calico_lab.cluster import STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

ORDERS = STANDARD.pod("shop.orders").address
FLAPS = 3
AWAY, BACK = 2.5, 3.0  # seconds


def play(lab: Lab) -> None:
    """Ping all the while."""
    answered: list[int] = []
    count = 45
    pinging = threading.Thread(target=lambda: answered.append(lab.ping("shop.cart", ORDERS, count=count, every=0.4)))
    pinging.start()
    lab.pause(1.5)
    speaker = lab.speakers["birch"]
    missing = 0
    for _ in range(FLAPS):
        speaker.reconfigure(())
        lab.pause(AWAY)
        missing += not lab.run("alder", f"ip -4 route show {speaker.node.blocks[0]}")
        speaker.reconfigure(speaker.own_networks())
        lab.pause(BACK)
    pinging.join()
    lab.prove("times that alder had no route to the block", missing, missing == FLAPS)
    lab.prove(f"echo requests answered, of {count}", answered[0], 0 < answered[0] < count)


SCENARIO = Scenario(
    name="53-route-flap",
    shows=f"birch withdraws its block by BGP UPDATE and announces it again some seconds later, {FLAPS} times; its "
    "sessions stay up. In between, packets for its pods leave the other nodes bare to the default gateway and are "
    "lost; afterwards they go by IPIP again",
    broken="BIRD on birch withdraws the node's block and announces it again (its static routes come and go)",
    broken_node="birch",
    broken_link="announcement of 172.29.3.160/28",
    accept=("IPD3011", "IPD4005"),
    points=both_ends(STANDARD, "shop.cart", "shop.orders"),
    play=play,
    addresses=(("src_pod", str(STANDARD.pod("shop.cart").address)), ("dst_pod", str(ORDERS))),
)
