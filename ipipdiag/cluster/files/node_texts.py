"""Texts that people collect on a node, line by line: each line is taken for what it looks like, whatever the file.

Known are the outputs of ``ip route``, ``ip addr``, ``ip link`` (also -br, -d, -s), ``ip neigh``, ``arp -a``, ``ipset``,
``iptables-save``, ``nft list ruleset``, ``nstat``, ``conntrack -S``, ``calicoctl node status`` and ``env``. A shell
prompt ``user@host:`` before a command names the node that the lines below it are of. IPv6 is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network

from ipipdiag.addresses import parse_address, parse_mac
from ipipdiag.cluster.node_state import (
    Counter,
    InterfaceAddress,
    IpSet,
    KernelRoute,
    Link,
    Neighbour,
    NodeFact,
    PeerStatus,
    Rule,
    Variable,
)

LINE_LIMIT = 2_000  # characters; longer ones are no output of these commands
LINES_LIMIT = 1_000_000

_PROMPT = re.compile(r"^\[?[\w.-]+@([\w.-]+?)[:\s][^#$]{0,200}[#$]\s*\S")
_ADDRESS = r"\d{1,3}(?:\.\d{1,3}){3}"
_ROUTE = re.compile(
    rf"^(?!.*\blladdr\b)\s*(?:(blackhole|unreachable|prohibit|throw|local|broadcast|unicast)\s+)?(default|{_ADDRESS}(?:/\d+)?)"
    r"((?:\s+(?:via|dev|proto|scope|src|metric|table|mtu|onlink|linkdown|dead|nexthop|weight|pervasive|cache)\b.*)?)$"
)
_NEXT_HOP = re.compile(rf"^\s+nexthop via ({_ADDRESS})(?:\s+dev (\S+))?")
_LINK = re.compile(r"^\d+:\s+([^\s:@]+)(?:@[^\s:]+)?:\s+<([^>]*)>(?:.*?\bmtu (\d+))?")
_BRIEF = re.compile(r"^([\w.-]+)(?:@\S+)?\s+(UNKNOWN|UP|DOWN|LOWERLAYERDOWN|DORMANT)\s+(\S.*)$")
_INET = re.compile(rf"^\s+inet ({_ADDRESS})(?:\s+peer\s+\S+?)?(?:/(\d+))?\s.*?(\S+)\s*$")
_ONE_LINE = re.compile(rf"^\d+:\s+(\S+)\s+inet ({_ADDRESS})/(\d+)\s")
_ETHER = re.compile(r"^\s+link/\S+\s+((?:[0-9a-f]{2}:){5}[0-9a-f]{2})\s")
_TUNNEL = re.compile(r"^\s+ipip\b.*?\bttl (inherit|\d+)\b(?:.*?\b(nopmtudisc|pmtudisc)\b)?")
_NEIGHBOUR = re.compile(
    rf"^({_ADDRESS})\s+dev (\S+)(?:\s+lladdr (\S+))?\s.*?"
    r"(REACHABLE|STALE|DELAY|PROBE|FAILED|INCOMPLETE|PERMANENT|NOARP)"
)
_ARP = re.compile(rf"^\S+ \(({_ADDRESS})\) at (\S+)(?: \[\w+\])?(?: \w+)* on (\S+)")
_SET_NAME = re.compile(r"^Name:\s+(\S+)")
_SET_MEMBER = re.compile(rf"^({_ADDRESS}(?:/\d+)?)(?:\s|$)")
_SET_ADD = re.compile(rf"^add (\S+) ({_ADDRESS}(?:/\d+)?)(?:\s|$)")
_IPTABLES = re.compile(r"^(?:\[(\d+):\d+\]\s+)?-A (\S+)\s+(.*)$")
_NFT_CHAIN = re.compile(r"^\s*chain (\S+) \{")
_NFT_RULE = re.compile(r"^\s+(.*\bcounter packets (\d+) bytes \d+\b.*)$")
_NSTAT = re.compile(r"^((?:Ip|Tcp|Udp|Icmp)[A-Za-z0-9]+)\s+(\d+)(?:\s|$)")
_CONNTRACK = re.compile(r"^cpu=\d+\s+(.*)$")
_PEER = re.compile(rf"^\|\s*({_ADDRESS})\s*\|\s*([^|]*?)\s*\|\s*([^|]*?)\s*\|\s*[^|]*\|\s*([^|]*?)\s*\|")
_VARIABLE = re.compile(r"^(?:export\s+)?((?:CALICO|FELIX|IP|CLUSTER|AS)[A-Z0-9_]*)=(.*)$")
_KEYWORD = {name: re.compile(rf"\b{name} (\S+)") for name in ("via", "dev", "proto", "table")}


def read_node_text(text: str, source: str, node: str) -> Iterator[tuple[str, NodeFact]]:
    """Every entry of a text with the name of the node it is of: ``node``, or the host of the last prompt above it."""
    context = _Context(source)
    for number, line in enumerate(text.split("\n")[:LINES_LIMIT], start=1):
        line = line.rstrip("\r")
        if not line.strip() or len(line) > LINE_LIMIT:
            continue
        prompt = _PROMPT.match(line)
        if prompt:
            yield from ((node, entry) for entry in context.finish())
            node = node or prompt[1]
            continue
        context.number = number
        for read in _READERS:
            try:
                found = read(context, line)
            except ValueError:  # looks right, and holds an impossible number
                continue
            if found is not None:
                yield from ((node, entry) for entry in found)
                break
    yield from ((node, entry) for entry in context.finish())


class _Context:
    """What lines above say of the line at hand: the device, set, chain or route it belongs to."""

    def __init__(self, source: str) -> None:
        self.number = 0
        self.device: str | None = None
        self.rows: str | None = None  # RX or TX: the next line holds its counters
        self.set_name: str | None = None
        self.members: list[IPv4Network] = []
        self.chain = ""
        self.route: KernelRoute | None = None
        self.sums: dict[str, int] = {}
        self._source = source

    @property
    def source(self) -> str:
        """File and line."""
        return f"config: {self._source} line {self.number}"

    def end_set(self) -> list[NodeFact]:
        """The set read so far, if there is one."""
        if self.set_name is None:
            return []
        done = IpSet(self.source, self.set_name, tuple(self.members))
        self.set_name, self.members = None, []
        return [done]

    def finish(self) -> list[NodeFact]:
        """What is complete only when the text ends: the last set, and sums over processors."""
        counters: list[NodeFact] = [
            Counter(self.source, f"conntrack {name}", value) for name, value in self.sums.items()
        ]
        self.sums = {}
        return self.end_set() + counters


Found = list[NodeFact] | None


def _read_link(context: _Context, line: str) -> Found:
    match = _LINK.match(line)
    if match is None:
        return None
    name, flags, mtu = match.groups()
    context.device, context.rows = name, None
    return [Link(context.source, name, int(mtu) if mtu else None, "UP" in flags.split(","))]


def _read_of_link(context: _Context, line: str) -> Found:
    """The indented lines below a device."""
    if context.device is None:
        return None
    if match := _INET.match(line):
        address, length, label = match.groups()
        device = label if label.startswith(context.device) else context.device
        return [InterfaceAddress(context.source, device, parse_address(address), int(length or 32))]
    if match := _ETHER.match(line):
        return [Link(context.source, context.device, mac=parse_mac(match[1]))]
    if match := _TUNNEL.match(line):
        pmtu = None if match[2] is None else match[2] == "pmtudisc"
        return [Link(context.source, context.device, ttl=match[1], has_pmtu_discovery=pmtu)]
    if re.match(r"^\s+[RT]X:\s+bytes", line):
        context.rows = line.split(":")[0].strip()
        return []
    if context.rows and (numbers := re.match(r"^\s+\d+\s+\d+\s+(\d+)\s+(\d+)", line)):
        context.rows = None
        return [Link(context.source, context.device, errors=int(numbers[1]), dropped=int(numbers[2]))]
    return None


def _read_brief(context: _Context, line: str) -> Found:
    """``ip -br addr`` and ``ip -br link``: device, state, then addresses, or a MAC and flags."""
    match = _BRIEF.match(line)
    if match is None:
        return None
    device, state, rest = match.groups()
    found: list[NodeFact] = []
    for word in rest.split():
        address, slash, length = word.partition("/")
        if re.fullmatch(_ADDRESS, address) and (not slash or length.isdigit()):
            found.append(InterfaceAddress(context.source, device, parse_address(address), int(length or 32)))
    flags = re.search(r"<([^>]*)>", rest)
    is_up = "UP" in flags[1].split(",") if flags else True if state == "UP" else False if state == "DOWN" else None
    return [*found, Link(context.source, device, is_up=is_up)]


def _read_one_line(context: _Context, line: str) -> Found:
    match = _ONE_LINE.match(line)
    if match is None:
        return None
    return [InterfaceAddress(context.source, match[1], parse_address(match[2]), int(match[3]))]


def _read_neighbour(context: _Context, line: str) -> Found:
    if match := _NEIGHBOUR.match(line):
        mac = parse_mac(match[3]) if match[3] else None
        return [Neighbour(context.source, parse_address(match[1]), match[2], mac, match[4])]
    if match := _ARP.match(line):
        known = ":" in match[2]
        return [
            Neighbour(context.source, parse_address(match[1]), match[3], parse_mac(match[2]) if known else None, None)
        ]
    return None


def _read_route(context: _Context, line: str) -> Found:
    if (match := _NEXT_HOP.match(line)) and context.route is not None:
        above = context.route
        return [
            KernelRoute(
                context.source, above.kind, above.network, parse_address(match[1]), match[2], above.protocol,
                above.table, "onlink" in line,
            )
        ]  # fmt: skip
    match = _ROUTE.match(line)
    if match is None or (match[1] is None and not match[3].strip()):
        return None
    kind, network, rest = match.groups()
    words = {name: found[1] if (found := pattern.search(rest)) else None for name, pattern in _KEYWORD.items()}
    gateway = words["via"]
    route = KernelRoute(
        source=context.source,
        kind=kind or "unicast",
        network=IPv4Network("0.0.0.0/0" if network == "default" else network, strict=False),
        gateway=parse_address(gateway) if gateway and re.fullmatch(_ADDRESS, gateway) else None,
        device=words["dev"],
        protocol=words["proto"],
        table=words["table"] or ("local" if kind in ("local", "broadcast") else "main"),
        is_onlink="onlink" in rest.split(),
    )
    context.route = route
    has_hops_below = route.kind == "unicast" and route.device is None and route.gateway is None
    return [] if has_hops_below else [route]


def _read_set(context: _Context, line: str) -> Found:
    if match := _SET_NAME.match(line):
        done = context.end_set()
        context.set_name = match[1]
        return done
    if match := _SET_ADD.match(line):
        done = context.end_set() if match[1] != context.set_name else []
        context.set_name = match[1]
        context.members.append(IPv4Network(match[2], strict=False))
        return done
    if context.set_name is not None and (match := _SET_MEMBER.match(line)):
        context.members.append(IPv4Network(match[1], strict=False))
        return []
    return None


def _read_rule(context: _Context, line: str) -> Found:
    if match := _IPTABLES.match(line):
        return [Rule(context.source, match[2], match[3], int(match[1] or 0))]
    if match := _NFT_CHAIN.match(line):
        context.chain = match[1]
        return []
    if context.chain and (match := _NFT_RULE.match(line)):
        return [Rule(context.source, context.chain, match[1].strip(), int(match[2]))]
    return None


def _read_counter(context: _Context, line: str) -> Found:
    if match := _NSTAT.match(line):
        return [Counter(context.source, match[1], int(match[2]))]
    if match := _CONNTRACK.match(line):
        for word in match[1].split():
            name, equals, value = word.partition("=")
            if equals and value.isdigit():
                context.sums[name] = context.sums.get(name, 0) + int(value)
        return []
    return None


def _read_status(context: _Context, line: str) -> Found:
    if match := _PEER.match(line):
        return [PeerStatus(context.source, int(IPv4Address(match[1])), match[2], match[3], match[4])]
    if match := _VARIABLE.match(line):
        return [Variable(context.source, match[1], match[2].strip("\"'"))]
    return None


_READERS: tuple[Callable[[_Context, str], Found], ...] = (
    _read_link,
    _read_of_link,
    _read_one_line,
    _read_brief,
    _read_neighbour,
    _read_set,
    _read_route,
    _read_rule,
    _read_counter,
    _read_status,
)
