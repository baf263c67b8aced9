"""Where each capture was taken: from the user's word, then what the packets show, then the names of interface and file.

Decisive in content are who sends gateway ARP and ee:ee:ee:ee:ee:ee frames (a pod's link), a link without a link-layer
header (tunl0), and outer headers (a node's NIC, or the fabric between nodes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np

from ipipdiag.addresses import GATEWAY, HOST_SIDE_MAC, format_address
from ipipdiag.capture import CaptureSummary, Interface
from ipipdiag.decode.link import link_type_name
from ipipdiag.facts.collect import CaptureFacts, PointFacts
from ipipdiag.kinds import PacketType, Tunnel
from ipipdiag.points.model import PlacementSource, Point, PointOption, Role
from ipipdiag.points.owners import Host, find_host, find_pod_link
from ipipdiag.protocols import BGP_PORT

LINKTYPE_SLL = 113
RAW_LINK_TYPES = frozenset({12, 14, 101, 228})
ARPHRD_TUNNEL = 768  # hardware type of tunl0 in Linux cooked captures
VXLAN_MAC_PREFIX = 0x66  # first byte of the MAC that Felix gives vxlan.calico


@dataclass(frozen=True, slots=True)
class _Guess:
    """A role that one kind of evidence suggests; ``alternatives`` are roles it cannot tell apart."""

    role: Role
    reason: str
    alternatives: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True)
class Names:
    """What flags and files name: nodes by their address, pod addresses by the name of the host side of their veth."""

    nodes: Mapping[int, str]
    pod_interfaces: Mapping[str, int]


def place_points(
    captures: Sequence[CaptureFacts],
    options: Sequence[PointOption],
    node_names: Mapping[int, str],
    pod_interfaces: Mapping[str, int] | None = None,
) -> tuple[Point, ...]:
    """Every point of the run with its role, numbered p1, p2, … in the order of the inputs (c1, c2, …).

    ``node_names`` are names by address, ``pod_interfaces`` pod addresses by the name of the host side of their veth.
    """
    points: list[Point] = []
    first_input = 1
    for capture in captures:
        interfaces = {interface.number: interface for interface in capture.files[0].interfaces}
        drops = _drops(capture.files)
        option = _option_for(capture.files, options)
        for facts in capture.points:
            interface = interfaces[facts.key.interface]
            number = len(points) + 1
            names = Names(node_names, pod_interfaces or {})
            point = _place(number, f"c{first_input}", capture.files, interface, facts, drops, option, names)
            points.append(_with_named_pod(point, names.pod_interfaces))
        first_input += len(capture.files)
    return tuple(points)


def _with_named_pod(point: Point, pod_interfaces: Mapping[str, int]) -> Point:
    """A pod's link where no packet says whose it is, with the pod that cluster files give its interface."""
    if not point.is_pod_link or point.pods:
        return point
    words = [point.interface_name or "", *_words(PurePath(point.input_name).name)]
    address = next((pod_interfaces[word] for word in words if word in pod_interfaces), None)
    return point if address is None else replace(point, pods=(address,), pod=format_address(address))


def _words(file_name: str) -> list[str]:
    """The words of a file name."""
    return re.split(r"[^A-Za-z0-9.]+|\.(?=pcap)", file_name.lower())


def _option_for(files: Sequence[CaptureSummary], options: Sequence[PointOption]) -> PointOption | None:
    names = {name for file in files for name in (file.name, PurePath(file.name).name)}
    return next((option for option in options if option.file in names), None)


def _place(
    number: int,
    input_id: str,
    files: Sequence[CaptureSummary],
    interface: Interface,
    facts: PointFacts,
    drops: Mapping[int, int],
    option: PointOption | None,
    names: Names,
) -> Point:
    content = _from_content(interface, facts)
    named = _from_name(interface.name, names, whole=True) if interface.name else None
    file_named = _from_name(PurePath(files[0].name).name, names, whole=False)
    role, source, reason = _decide(content, named, file_named, option)
    host = find_pod_link(facts) if role in (Role.POD, Role.CALI) else Host()
    if role in (Role.NODE, Role.ANY):
        host = find_host(facts)
    node = option.node if option and option.node else None
    if node is None and host.address is not None:
        node = names.nodes.get(host.address, format_address(host.address))
    return Point(
        id=f"p{number}",
        input=input_id,
        input_name=files[0].name,
        interface=interface.number,
        interface_index=facts.key.interface_index,
        interface_name=interface.name,
        link_type=interface.link_type,
        link_name=link_type_name(interface.link_type),
        snap_length=interface.snap_length,
        drops=drops.get(interface.number),
        role=role,
        source=source,
        reason=reason,
        node=node,
        pod=format_address(host.pods[0]) if host.pods else None,
        own_mac=host.mac,
        own_addresses=host.addresses,
        host_macs=host.host_macs,
        pods=host.pods,
        contradiction=_contradiction(role, source, content),
        facts=facts,
    )


def _drops(files: Sequence[CaptureSummary]) -> dict[int, int]:
    """What each interface says it lost; one that does not say is absent."""
    drops: dict[int, int] = {}
    for statistics in (entry for file in files for entry in file.statistics):
        for count in (statistics.dropped_by_interface, statistics.dropped_by_system):
            if count is not None:
                drops[statistics.interface] = drops.get(statistics.interface, 0) + count
    return drops


def _decide(
    content: _Guess | None, named: _Guess | None, file_named: _Guess | None, option: PointOption | None
) -> tuple[Role, PlacementSource, str]:
    if option:
        return option.role, PlacementSource.USER, "said by --point"
    names = ((named, PlacementSource.INTERFACE_NAME), (file_named, PlacementSource.FILE_NAME))
    if content:
        for guess, _ in names:
            if guess and guess.role in content.alternatives:
                return guess.role, PlacementSource.INFERRED, f"{content.reason}; {guess.reason}"
        return content.role, PlacementSource.INFERRED, content.reason
    for guess, source in names:
        if guess:
            return guess.role, source, guess.reason
    return Role.UNKNOWN, PlacementSource.UNKNOWN, "neither packets nor names tell"


def _contradiction(role: Role, source: PlacementSource, content: _Guess | None) -> str | None:
    if source is not PlacementSource.USER or content is None or role in {content.role, *content.alternatives}:
        return None
    return f"--point says {role.value}, but the packets look like {content.role.value}: {content.reason}"


def _from_content(interface: Interface, facts: PointFacts) -> _Guess | None:
    if interface.link_type == LINKTYPE_SLL:
        return _Guess(Role.ANY, "Linux cooked v1 records do not tell the interface")
    if reason := _pod_link_reason(facts):
        if side := _cooked_side(facts):
            return _Guess(side, f"{reason}; the capturing side sends as the {'pod' if side is Role.POD else 'node'}")
        return _Guess(Role.POD, reason, frozenset({Role.POD, Role.CALI}))
    is_wrapped = len(facts.tunnels) > 0 or bool((facts.flows.tunnel == Tunnel.VXLAN).any())
    is_raw = interface.link_type in RAW_LINK_TYPES or ARPHRD_TUNNEL in facts.extent.hardware_types
    if is_raw and not is_wrapped:
        if interface.name and interface.name not in ("tunl0", "any"):
            return None
        return _Guess(Role.TUNL0, "packets without link-layer and outer header, as on tunl0", frozenset({Role.TUNL0}))
    if is_wrapped:
        if _forwards_tunnels(facts):
            return _Guess(Role.FABRIC, "tunnel packets leave it with a lowered outer TTL, as a router sends them")
        return _Guess(Role.NODE, "outer headers between nodes", frozenset({Role.FABRIC}))
    if _is_vxlan_device(facts):
        return _Guess(Role.VXLAN, "bare packets between MACs that Felix gives vxlan.calico")
    if ((facts.flows.source_port == BGP_PORT) | (facts.flows.destination_port == BGP_PORT)).any():
        return _Guess(Role.NODE, "BGP between nodes", frozenset({Role.FABRIC}))
    return None


def _pod_link_reason(facts: PointFacts) -> str | None:
    arp = facts.arp_messages
    if ((arp.target == GATEWAY) | (arp.sender == GATEWAY)).any():
        return "ARP for the gateway 169.254.1.1"
    if (facts.mac_pairs.source_mac == HOST_SIDE_MAC).any():
        return "frames from ee:ee:ee:ee:ee:ee"
    return None


def _cooked_side(facts: PointFacts) -> Role | None:
    """Which end of a pod's link a Linux cooked capture was taken at: what it calls outgoing, that end sent."""
    sent = facts.mac_pairs.source_mac[facts.mac_pairs.packet_type == PacketType.OUTGOING]
    if len(sent) == 0:
        return None
    return Role.CALI if set(sent.tolist()) <= set(find_pod_link(facts).host_macs) else Role.POD


def _forwards_tunnels(facts: PointFacts) -> bool:
    """Whether the machine at this point sends on tunnel packets of others: their outer TTL is below the inner one."""
    headers = facts.tunnel_headers
    host = find_host(facts)
    if host.mac is None or len(headers) == 0:
        return False
    own = headers.source_mac == host.mac
    return bool(own.any() and (headers.outer_ttl[own] < headers.inner_ttl[own]).all())


def _is_vxlan_device(facts: PointFacts) -> bool:
    pairs = facts.mac_pairs.select(facts.mac_pairs.ipv4 > 0)
    macs = np.concatenate([pairs.source_mac, pairs.destination_mac])
    return len(macs) > 0 and bool((macs >> 40 == VXLAN_MAC_PREFIX).all())


_NAMES: tuple[tuple[Role, str], ...] = (
    (Role.CALI, r"cali[0-9a-f]{4,}"),
    (Role.TUNL0, r"tunl0?"),
    (Role.VXLAN, r"vxlan(\.calico)?"),
    (Role.ANY, r"any"),
    (Role.FABRIC, r"(switch|sw|router|rtr|span|mirror|fabric|tor|leaf|spine)\d*"),
    (Role.POD, r"pod\w*"),
    (Role.NODE, r"(eth|ens|eno|enp|em|bond|team|nic|node)\w*"),
)


def _from_name(name: str, names: Names, *, whole: bool) -> _Guess | None:
    """The role that the name of an interface (``whole``) or words of a file name suggest."""
    words = [name] if whole else _words(name)
    for word in words:
        if word in names.pod_interfaces:
            kind = "interface" if whole else "file"
            return _Guess(Role.CALI, f"{kind} name has {word!r}, a pod's interface by the cluster files")
    for role, pattern in _NAMES:
        for word in words:
            if re.fullmatch(pattern, word.lower()):
                return _Guess(role, f"{'interface' if whole else 'file'} name has {word!r}")
    return None
