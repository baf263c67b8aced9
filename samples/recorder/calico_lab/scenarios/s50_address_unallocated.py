"""A client keeps asking an address that no pod has any more."""

from calico_lab.background import STORE_PORT
from calico_lab.captures import both_ends
from calico_lab.cluster import STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

STORE = STANDARD.pod("db.store").address
GONE = STANDARD.node("dogwood").blocks[0][11]
ARRIVED, FORWARDED = "to the address, in by tunl0", "to the address, forwarded"


def prepare(lab: Lab) -> None:
    """Count on the owner of the block."""
    lab.add_rule("dogwood", "-t raw -A PREROUTING", f"-i tunl0 -d {GONE}", ARRIVED)
    lab.add_rule("dogwood", "-I FORWARD 1", f"-d {GONE}", FORWARDED)


def play(lab: Lab) -> None:
    """The address stays silent; its neighbour in the block answers."""
    gone = lab.ping("shop.cart", GONE, every=1) + lab.get("shop.cart", GONE, STORE_PORT, timeout=8)
    lab.prove("requests to the address answered, of 5", gone, gone == 0)
    there = lab.ping("shop.cart", STORE) + lab.get("shop.cart", STORE, STORE_PORT)
    lab.prove("requests to another address of the block answered, of 5", there, there == 5)
    arrived, forwarded = lab.matched("dogwood", ARRIVED), lab.matched("dogwood", FORWARDED)
    lab.prove("packets to the address that reached dogwood", arrived, arrived >= 7)
    lab.prove("of these, forwarded", forwarded, forwarded == 0)


SCENARIO = Scenario(
    name="50-address-unallocated",
    shows=f"packets of pod shop.cart to {GONE} go to dogwood, which owns the block, come out of tunl0 there and end: "
    "no pod has the address, dogwood does not ask for it by ARP, and the blackhole route of the block is silent. "
    "Other addresses of the block answer",
    broken=f"nobody has {GONE} (a pod that is gone, still in somebody's list of endpoints)",
    broken_node="dogwood",
    broken_link=f"address {GONE}",
    accept=("IPD3004",),
    points=both_ends(STANDARD, "shop.cart", "db.store"),
    prepare=prepare,
    play=play,
    addresses=(
        ("src_pod", str(STANDARD.pod("shop.cart").address)),
        ("dst", str(GONE)),
        ("other_ok", str(STORE)),
    ),
)
