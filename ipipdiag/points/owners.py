"""Which machine stands at a point: its MAC, its own addresses, and at a pod's link which side is the pod's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ipipdiag.addresses import BROADCAST_MAC, GATEWAY, HOST_SIDE_MAC
from ipipdiag.kinds import PacketType, Tunnel
from ipipdiag.protocols import ARP_REPLY, ARP_REQUEST, BGP_PORT, INITIAL_TTLS, SHORTEST_BLOCK
from ipipdiag.table import distinct

if TYPE_CHECKING:
    from ipipdiag.facts.collect import PointFacts

SHARE_OF_UNICAST = 0.95  # a NIC sees little unicast traffic of others: a flooding switch, a bridge
MULTICAST_BIT = 1 << 40


@dataclass(frozen=True, slots=True)
class Host:
    """The machine at a point, as far as it shows.

    ``address`` is the one it is best known by: a speaker of BGP, else an outer source, else an ARP reply's sender.
    """

    mac: int | None = None
    address: int | None = None
    addresses: tuple[int, ...] = ()
    host_macs: tuple[int, ...] = ()
    pods: tuple[int, ...] = ()


def find_host(facts: PointFacts) -> Host:
    """The node at a NIC: the MAC that sends or receives nearly every unicast frame there, and the addresses it uses."""
    mac = _common_mac(facts)
    if mac is None:
        return Host()
    flows = facts.flows.select(facts.flows.source_mac == mac)
    bare = flows.tunnel == Tunnel.NONE
    is_bgp = bare & ((flows.source_port == BGP_PORT) | (flows.destination_port == BGP_PORT))
    is_local = np.isin(flows.ttl_max, INITIAL_TTLS)
    # a router forwards tunnel packets with the outer TTL below the inner one; the sending node copies it
    is_first_hop = ~bare & (flows.outer_ttl_max == flows.ttl_max)
    arp = facts.arp_messages
    replies = arp.sender[(arp.operation == ARP_REPLY) & (arp.sender_mac == mac)]
    by_strength = [
        *_most_frequent(flows.source[is_bgp & is_local], flows.packets[is_bgp & is_local]),
        *_most_frequent(flows.outer_source[is_first_hop], flows.packets[is_first_hop]),
        *_most_frequent(replies, np.ones(len(replies), dtype=np.int64)),
    ]
    addresses = tuple(dict.fromkeys(by_strength))
    return Host(mac=mac, address=addresses[0] if addresses else None, addresses=addresses)


def _common_mac(facts: PointFacts) -> int | None:
    """The MAC common to the unicast frames; where two machines share all of them, the one that shows as sender.

    A sender shows by Linux's packet type "outgoing", or by checksums that its NIC has yet to fill in.
    """
    flows = facts.flows
    outgoing = distinct(flows.source_mac[(flows.packet_type == PacketType.OUTGOING) & (flows.source_mac >= 0)])
    if len(outgoing) == 1:
        return int(outgoing[0])
    common = common_macs(facts)
    if len(common) > 1:
        partial = flows.source_mac[flows.partial_checksums > 0]
        common = [mac for mac in common if (partial == mac).any()]
    return common[0] if len(common) == 1 else None


def common_macs(facts: PointFacts) -> list[int]:
    """The MACs that send or receive nearly every unicast frame: the capturing machine's is one of them at its NIC."""
    pairs = facts.mac_pairs.select(facts.mac_pairs.destination_mac & MULTICAST_BIT == 0)
    total = int(pairs.frames_sent.sum())
    shares: Counter[int] = Counter()
    for source, destination, count in zip(
        pairs.source_mac.tolist(), pairs.destination_mac.tolist(), pairs.frames_sent.tolist(), strict=True
    ):
        shares[source] += count
        shares[destination] += count
    return [mac for mac, count in shares.items() if mac >= 0 and count >= SHARE_OF_UNICAST * total]


def _most_frequent(values: npt.NDArray[np.int64], weights: npt.NDArray[np.int64]) -> list[int]:
    counts: Counter[int] = Counter()
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        counts[value] += weight
    return [value for value, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if value]


def find_pod_link(facts: PointFacts) -> Host:
    """Both sides of a pod's veth: the host side's MACs, the node address it asks from, the pod's addresses."""
    arp = facts.arp_messages
    asks_gateway = (arp.operation == ARP_REQUEST) & (arp.target == GATEWAY)
    pod_macs = {int(mac) for mac in arp.sender_mac[asks_gateway]} - {HOST_SIDE_MAC}
    senders = {int(mac) for mac in facts.mac_pairs.source_mac} - {BROADCAST_MAC}
    host_macs = senders - pod_macs if pod_macs else senders & {HOST_SIDE_MAC}
    if not pod_macs:
        pod_macs = senders - host_macs
    pods = _most_frequent(arp.sender[asks_gateway], np.ones(int(asks_gateway.sum()), dtype=np.int64))
    is_pod_reply = (arp.operation == ARP_REPLY) & np.isin(arp.sender_mac, list(pod_macs))
    if not pods:
        pods = _most_frequent(arp.sender[is_pod_reply], np.ones(int(is_pod_reply.sum()), dtype=np.int64))
    if not pods:
        flows = facts.flows.select(np.isin(facts.flows.source_mac, list(pod_macs)))
        pods = _most_frequent(flows.source, flows.packets)[:1]
    asked_by_host = (arp.operation == ARP_REQUEST) & np.isin(arp.sender_mac, list(host_macs)) & (arp.sender != GATEWAY)
    # the node asks with its own address, or with that of its tunl0, which lies in one of its blocks: not a node address
    asked_by_host &= (arp.sender ^ arp.target) >> (32 - SHORTEST_BLOCK) != 0
    askers = _most_frequent(arp.sender[asked_by_host], np.ones(int(asked_by_host.sum()), dtype=np.int64))
    return Host(
        mac=min(host_macs, default=None, key=lambda mac: (mac != HOST_SIDE_MAC, mac)),
        address=askers[0] if askers else None,
        addresses=tuple(askers),
        host_macs=tuple(sorted(host_macs)),
        pods=tuple(pods),
    )
