"""A firewall between the subnets passes protocol 4 to one node only after that node has sent first."""

from calico_lab.background import STORE_PORT, standard
from calico_lab.captures import both_ends, router_leg
from calico_lab.cluster import ROUTER, STANDARD, Cluster
from calico_lab.lab import Lab
from calico_lab.scenario import Scenario
from calico_lab.traffic import DnsClient, Program, UdpSource

ALDER, DOGWOOD = STANDARD.node("alder").address, STANDARD.node("dogwood").address
STORE = STANDARD.pod("db.store").address
RULE = "protocol 4 without state"
STATE_TIMEOUT = 6  # seconds; six hundred where nobody changed it


def background(cluster: Cluster) -> list[Program]:
    """The usual without what alder and dogwood would say to each other by themselves."""
    report = cluster.pod("batch.report").netns
    return [
        program
        for program in standard(cluster)
        if not isinstance(program, UdpSource) and not (isinstance(program, DnsClient) and program.namespace == report)
    ]


def prepare(lab: Lab) -> None:
    """Drop what has no state yet in one direction, and forget states soon."""
    lab.add_rule(ROUTER, "-A FORWARD", f"-p 4 -s {ALDER} -d {DOGWOOD} -m conntrack --ctstate NEW -j DROP", RULE)
    lab.run(ROUTER, f"sysctl -qw net.netfilter.nf_conntrack_generic_timeout={STATE_TIMEOUT}")


def play(lab: Lab) -> None:
    """Fails; works after dogwood has sent; fails again when the state is forgotten."""
    cart = lab.pod("shop.cart").address
    first = lab.ping("shop.cart", STORE, every=1) + lab.get("shop.cart", STORE, STORE_PORT, timeout=4)
    lab.prove("requests from alder answered at first, of 5", first, first == 0)
    reverse = lab.ping("batch.report", cart, count=3)
    lab.prove("echo requests from dogwood answered, of 3", reverse, reverse == 3)
    after = lab.ping("shop.cart", STORE) + lab.get("shop.cart", STORE, STORE_PORT)
    lab.prove("requests from alder answered after that, of 5", after, after == 5)
    lab.pause(STATE_TIMEOUT + 4)
    last = lab.ping("shop.cart", STORE, every=1)
    lab.prove("requests from alder answered when the state is forgotten, of 4", last, last == 0)
    dropped = lab.matched(ROUTER, RULE)
    lab.prove("tunnel packets that the firewall dropped", dropped, dropped >= 9)


SCENARIO = Scenario(
    name="46-stateful-firewall",
    shows="tunnel packets from alder leave for dogwood and are not answered, until dogwood itself sends one to "
    "alder; from then on both directions work, until they have been idle for some seconds. TCP/179 between the two "
    "nodes works all the time, and so does protocol 4 of the other pairs",
    broken="a stateful firewall in the router passes protocol 4 from alder to dogwood only where it has seen "
    f"traffic the other way (state NEW is dropped); it forgets states after {STATE_TIMEOUT} s",
    broken_node="underlay",
    broken_link="router lan77 -> lan78",
    accept=("IPD6001", "IPD6009"),
    points=(*both_ends(STANDARD, "shop.cart", "db.store"), router_leg("lan77"), router_leg("lan78")),
    background=background,
    prepare=prepare,
    play=play,
    addresses=(("src_pod", str(STANDARD.pod("shop.cart").address)), ("dst_pod", str(STORE))),
)
