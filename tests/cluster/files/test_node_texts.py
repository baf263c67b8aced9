"""Texts of nodes in the layouts people paste: iproute2 plain, brief, detailed and with counters, old tools, prompts."""

from __future__ import annotations

import tempfile
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipipdiag.addresses import format_address, format_mac
from ipipdiag.cluster.files.load import load_configuration
from ipipdiag.cluster.files.members import Complaints
from ipipdiag.cluster.files.node_texts import read_node_text
from ipipdiag.cluster.node_state import (
    Counter,
    InterfaceAddress,
    IpSet,
    KernelRoute,
    Link,
    Neighbour,
    NodeFact,
    NodeState,
    Rule,
)

SAMPLES = Path(__file__).parents[3] / "samples"


def facts(text: str) -> list[NodeFact]:
    return [fact for _, fact in read_node_text(text, "x.txt", "n")]


def route_texts(text: str) -> list[str]:
    return [
        f"{route.kind} {route.network} {format_address(route.gateway) if route.gateway else '-'} {route.device} "
        f"{route.protocol} {route.table}"
        for route in facts(text)
        if isinstance(route, KernelRoute)
    ]


def test_routes_of_calico() -> None:
    text = """default via 192.0.2.1 dev ens5 proto dhcp src 192.0.2.11 metric 100
172.20.9.0/28 via 192.0.2.12 dev tunl0 proto bird onlink
172.20.8.0/28 via 192.0.2.13 dev tunl0 proto 80 onlink mtu 1480
blackhole 172.20.1.0/28 proto bird
172.20.1.5 dev cali0123456789a scope link
local 192.0.2.11 dev ens5 table local proto kernel scope host src 192.0.2.11
"""
    assert route_texts(text) == [
        "unicast 0.0.0.0/0 192.0.2.1 ens5 dhcp main",
        "unicast 172.20.9.0/28 192.0.2.12 tunl0 bird main",
        "unicast 172.20.8.0/28 192.0.2.13 tunl0 80 main",
        "blackhole 172.20.1.0/28 - None bird main",
        "unicast 172.20.1.5/32 - cali0123456789a None main",
        "local 192.0.2.11/32 - ens5 kernel local",
    ]


def test_route_with_several_next_hops() -> None:
    text = """172.20.9.0/28 proto bird
\tnexthop via 192.0.2.12 dev tunl0 weight 1 onlink
\tnexthop via 192.0.2.13 dev tunl0 weight 1 onlink
"""
    assert route_texts(text) == [
        "unicast 172.20.9.0/28 192.0.2.12 tunl0 bird main",
        "unicast 172.20.9.0/28 192.0.2.13 tunl0 bird main",
    ]


FULL = """1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
2: ens5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 9001 qdisc mq state UP group default qlen 1000
    link/ether 02:11:00:00:00:0a brd ff:ff:ff:ff:ff:ff
    inet 192.0.2.11/24 brd 192.0.2.255 scope global dynamic ens5
       valid_lft 2500sec preferred_lft 2500sec
    inet6 fe80::1/64 scope link
5: tunl0@NONE: <NOARP> mtu 1480 qdisc noqueue state DOWN group default qlen 1000
    link/ipip 0.0.0.0 brd 0.0.0.0 promiscuity 0
    ipip any remote any local any ttl 64 pmtudisc addrgenmode eui64
    RX:  bytes packets errors dropped  missed   mcast
           168       2      3       4       0       0
"""


def test_devices_and_addresses_in_full() -> None:
    found = facts(FULL)
    addresses = [(entry.device, format_address(entry.address), entry.prefix_length) for entry in found
                 if isinstance(entry, InterfaceAddress)]  # fmt: skip
    assert addresses == [("lo", "127.0.0.1", 8), ("ens5", "192.0.2.11", 24)]
    state = _state(FULL)
    ens5, tunl0 = state.link("ens5"), state.link("tunl0")
    assert ens5 is not None
    assert tunl0 is not None
    assert (ens5.mtu, ens5.is_up, format_mac(ens5.mac or 0)) == (9001, True, "02:11:00:00:00:0a")
    assert (tunl0.mtu, tunl0.is_up, tunl0.ttl, tunl0.has_pmtu_discovery) == (1480, False, "64", True)
    assert (tunl0.errors, tunl0.dropped) == (3, 4)


def _state(text: str) -> NodeState:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "nodes", "n", "x.txt")
        path.parent.mkdir(parents=True)
        path.write_text(text)
        return load_configuration([folder], Complaints()).node_states[0]


def test_brief_and_one_line_layouts() -> None:
    text = """eth0@if3         UP             10.9.0.1/24 fe80::1/64
tunl0@NONE       UNKNOWN        172.20.1.0/32
cali01@if4       DOWN           02:99:00:00:00:05 <BROADCAST,MULTICAST>
3: ens5    inet 192.0.2.11/24 brd 192.0.2.255 scope global ens5\\       valid_lft forever
"""
    addresses = [(entry.device, format_address(entry.address)) for entry in facts(text)
                 if isinstance(entry, InterfaceAddress)]  # fmt: skip
    assert addresses == [("eth0", "10.9.0.1"), ("tunl0", "172.20.1.0"), ("ens5", "192.0.2.11")]
    assert [entry.is_up for entry in facts(text) if isinstance(entry, Link)] == [True, None, False]


def test_neighbours_of_both_tools() -> None:
    text = """192.0.2.12 dev ens5 lladdr 02:11:00:00:00:0b REACHABLE
192.0.2.13 dev ens5  FAILED
? (192.0.2.14) at 02:11:00:00:00:0c [ether] on ens5
gw (192.0.2.1) at <incomplete> on ens5
"""
    found = [(format_address(entry.address), entry.mac is not None) for entry in facts(text)
             if isinstance(entry, Neighbour)]  # fmt: skip
    assert found == [("192.0.2.12", True), ("192.0.2.13", False), ("192.0.2.14", True), ("192.0.2.1", False)]


def test_sets_in_both_layouts() -> None:
    text = """Name: cali40all-hosts-net
Type: hash:net
Members:
192.0.2.11
192.0.2.0/25
Name: other
Members:
create saved hash:net family inet
add saved 198.51.100.0/24
"""
    sets = {entry.name: [str(member) for member in entry.members] for entry in facts(text) if isinstance(entry, IpSet)}
    assert sets == {
        "cali40all-hosts-net": ["192.0.2.11/32", "192.0.2.0/25"],
        "other": [],
        "saved": ["198.51.100.0/24"],
    }


def test_rules_and_counters() -> None:
    text = """[9:756] -A cali-INPUT -p ipencap -m comment --comment "Drop IPIP packets from non-Calico hosts" -j DROP
-A POSTROUTING -j MASQUERADE
table ip filter {
\tchain filter-cali-INPUT {
\t\tip protocol 4 counter packets 7 bytes 588 drop comment "cali:abc Drop IPIP packets from non-Calico hosts"
TcpExtIPReversePathFilter       8                  0.0
cpu=0   found=1 invalid=2 insert_failed=3 drop=0
cpu=1   found=1 invalid=5 insert_failed=4 drop=0
"""
    rules = [(entry.chain, entry.packets) for entry in facts(text) if isinstance(entry, Rule)]
    assert rules == [("cali-INPUT", 9), ("POSTROUTING", 0), ("filter-cali-INPUT", 7)]
    counters = {entry.name: entry.value for entry in facts(text) if isinstance(entry, Counter)}
    assert counters["TcpExtIPReversePathFilter"] == 8
    assert counters["conntrack insert_failed"] == 7


def test_prompts_name_the_node_of_what_follows() -> None:
    text = """root@alpha:~# ip route
172.20.9.0/28 via 192.0.2.12 dev tunl0 proto bird onlink
[admin@beta ~]$ ip r
172.20.1.0/28 via 192.0.2.11 dev tunl0 proto bird onlink
"""
    nodes = [node for node, fact in read_node_text(text, "ticket.txt", "")]
    assert nodes[0] == "alpha"


def test_status_and_environment() -> None:
    text = """| 192.0.2.12   | node-to-node mesh | up    | 08:12:11 | Established |
| 192.0.2.13   | node-to-node mesh | start | 08:12:11 | Connect     |
CALICO_IPV4POOL_IPIP=CrossSubnet
"""
    kinds = [type(fact).__name__ for fact in facts(text)]
    assert kinds == ["PeerStatus", "PeerStatus", "Variable"]


@pytest.mark.parametrize(
    "line",
    [
        "999.1.1.1 dev eth0 scope link",
        "1.2.3.4/77 dev eth0",
        "x" * 5000,
        "2: : <> mtu",
        "1.2.3.4 dev e lladdr zz REACHABLE x",
    ],
)
def test_line_that_holds_nonsense_says_nothing(line: str) -> None:
    assert facts(line) == []


@given(st.text(alphabet=st.sampled_from("0123456789.:/<>[]-| \n\tabcdefinetdevialoUPmtu"), max_size=400))
@settings(deadline=None)
def test_no_text_raises(text: str) -> None:
    facts(text)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*/calico-diagnostics")), ids=lambda path: path.parent.name)
def test_archives_of_the_samples_are_understood_whole(path: Path) -> None:
    complaints = Complaints()
    configuration = load_configuration([str(path)], complaints)
    assert complaints.lines == []
    assert {state.name for state in configuration.node_states} == {node.name for node in configuration.nodes}
    for state in configuration.node_states:
        assert state.routes
        assert state.rules
        assert any(entry.address == int(IPv4Address("127.0.0.1")) for entry in state.addresses)
        assert state.link("tunl0")
