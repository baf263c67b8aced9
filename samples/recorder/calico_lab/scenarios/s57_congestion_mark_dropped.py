"""The fabric marks congestion on packets that never said they understand it."""

from calico_lab.background import STORE_PORT
from calico_lab.captures import both_ends
from calico_lab.cluster import ROUTER, STANDARD
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario

STORE = STANDARD.pod("db.store").address
RULE = "congestion mark"


def prepare(lab: Lab) -> None:
    """Set CE on every third tunnel packet to dogwood."""
    match = f"-p 4 -d {STANDARD.node('dogwood').address} -m statistic --mode nth --every 3 --packet 0"
    lab.add_rule(ROUTER, "-t mangle -A FORWARD", f"{match} -j TOS --set-tos 0x03/0x03", RULE)


def play(lab: Lab) -> None:
    """A third of what goes to dogwood is lost behind its NIC."""
    count = 24
    dropped_before = lab.link_counter("dogwood", "tunl0", "rx.frame_errors")
    answered = lab.ping("shop.cart", STORE, count=count, every=0.25)
    lab.prove(f"echo requests answered, of {count}", answered, count / 3 <= answered < count)
    lab.get("shop.cart", STORE, STORE_PORT, 2_000, timeout=10)
    dropped = lab.link_counter("dogwood", "tunl0", "rx.frame_errors") - dropped_before
    marked = lab.matched(ROUTER, RULE)
    lab.prove("tunnel packets marked CE by the router", marked, marked > 0)
    lab.prove("packets that tunl0 of dogwood discarded as frame errors", dropped, dropped >= 5)


SCENARIO = Scenario(
    name="57-congestion-mark-dropped",
    shows="every third tunnel packet to dogwood arrives at its NIC with CE in the outer header over an inner packet "
    "that is not ECN-capable, and does not come out of tunl0: the kernel discards it at decapsulation (RFC 6040). "
    "What comes unmarked passes",
    broken="the router sets CE on every third packet of protocol 4 to dogwood, whether ECN-capable or not",
    broken_node="underlay",
    broken_link="router -> dogwood",
    accept=("IPD2012",),
    points=both_ends(STANDARD, "shop.cart", "db.store"),
    prepare=prepare,
    play=play,
    addresses=(("src_pod", str(STANDARD.pod("shop.cart").address)), ("dst_pod", str(STORE))),
)
