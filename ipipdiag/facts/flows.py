"""Flows: for every directed 5-tuple and every form it takes on the link, how many packets and how they looked.

One conversation that travels bare one way and wrapped the other is two rows; a flow that changes its next hop has a row
a next hop. Duplicate sightings of one packet are merged before flows are counted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipipdiag.decode.packets import Packets
from ipipdiag.facts.groups import Column, Groups
from ipipdiag.facts.tally import (
    Tally,
    derived,
    frame_numbers,
    key,
    largest,
    late_frame_numbers,
    smallest,
    total,
)
from ipipdiag.kinds import ABSENT_MAC, Checksum, Tunnel
from ipipdiag.protocols import ACK, DNS_PORT, ECHO_REPLY, ECHO_REQUEST, RST, SYN, UDP

NO_TTL = 255


class Flows(Tally):
    """A row a directed 5-tuple, form (tunnel and outer addresses) and pair of MACs.

    The ports of ICMP echo messages are their identifier, both of them, so that a reply is the reverse of its request;
    of other protocols -1. Lengths are in bytes of the inner IP packet. TTLs of an absent outer header are 0.
    """

    tunnel: npt.NDArray[np.int64] = key()  # Tunnel
    outer_source: npt.NDArray[np.int64] = key()  # 0: bare
    outer_destination: npt.NDArray[np.int64] = key()
    source_mac: npt.NDArray[np.int64] = key()  # ABSENT_MAC: the link has none
    destination_mac: npt.NDArray[np.int64] = key()
    packet_type: npt.NDArray[np.int64] = key()  # PacketType, of cooked captures
    source: npt.NDArray[np.int64] = key()
    destination: npt.NDArray[np.int64] = key()
    protocol: npt.NDArray[np.int64] = key()
    source_port: npt.NDArray[np.int64] = key()
    destination_port: npt.NDArray[np.int64] = key()
    packets: npt.NDArray[np.int64] = total()
    bytes: npt.NDArray[np.int64] = total()
    first_ns: npt.NDArray[np.int64] = smallest()
    last_ns: npt.NDArray[np.int64] = largest()
    last_frame: npt.NDArray[np.int64] = largest()
    vni: npt.NDArray[np.int64] = largest()  # VXLAN network identifier; -1 without
    ttl_min: npt.NDArray[np.int64] = smallest()
    ttl_max: npt.NDArray[np.int64] = largest()
    outer_ttl_min: npt.NDArray[np.int64] = smallest()
    outer_ttl_max: npt.NDArray[np.int64] = largest()
    length_max: npt.NDArray[np.int64] = largest()
    payload_max: npt.NDArray[np.int64] = largest()  # bytes of transport payload; -1 unknown
    mss_max: npt.NDArray[np.int64] = largest()  # of SYN and SYN-ACK; -1 without
    mss_frame: npt.NDArray[np.int64] = largest()  # last frame that carried an MSS; 0 without
    requests: npt.NDArray[np.int64] = total()  # packets that must be answered: SYN, echo request, DNS query
    first_request_ns: npt.NDArray[np.int64] = smallest()  # largest int64 without
    last_request_ns: npt.NDArray[np.int64] = largest()  # -1 without
    late_requests: npt.NDArray[np.int64] = late_frame_numbers()  # frames of the last requests, the last one first
    syns: npt.NDArray[np.int64] = total()
    syn_acks: npt.NDArray[np.int64] = total()
    resets: npt.NDArray[np.int64] = total()
    echo_requests: npt.NDArray[np.int64] = total()
    echo_replies: npt.NDArray[np.int64] = total()
    data_packets: npt.NDArray[np.int64] = total()  # TCP with payload
    payload_bytes: npt.NDArray[np.int64] = total()  # of TCP
    payloads_unknown: npt.NDArray[np.int64] = total()  # TCP packets whose payload the headers do not tell (BIG TCP)
    acknowledgement_min: npt.NDArray[np.int64] = smallest()  # raw TCP acknowledgement numbers; largest int64 without
    acknowledgement_max: npt.NDArray[np.int64] = largest()  # -1 without
    partial_checksums: npt.NDArray[np.int64] = total()
    checksums_right: npt.NDArray[np.int64] = total()  # TCP without payload, captured whole; so are the next two
    checksums_open: npt.NDArray[np.int64] = total()  # those that hold the pseudo-header sum
    checksums_wrong: npt.NDArray[np.int64] = total()  # those that hold another value
    fragments: npt.NDArray[np.int64] = total()  # inner fragments
    frames: npt.NDArray[np.int64] = frame_numbers()
    answers: npt.NDArray[np.int64] = derived()  # packets of the reverse 5-tuple at this point, in any form
    answers_bare: npt.NDArray[np.int64] = derived()  # those of them that are not wrapped
    last_answer_ns: npt.NDArray[np.int64] = derived()  # -1 without
    last_answer_frame: npt.NDArray[np.int64] = derived()  # 0 without


NO_TIME = np.iinfo(np.int64).max


def flow_groups(packets: Packets) -> Groups:
    """The packets of each flow; those without an inner IPv4 header by what is left of a flow's key."""
    has_inner = packets.inner_header_length > 0
    return Groups.of([has_inner, *_keys(packets).values()])


def flows_of(packets: Packets, groups: Groups) -> Flows:
    """The flows of a batch by their groups (:func:`flow_groups`)."""
    has_inner = packets.inner_header_length[groups.first] > 0
    return flow_rows(packets).aggregate(groups).select(has_inner)


def _keys(packets: Packets) -> dict[str, Column]:
    is_echo = _is_echo(packets)
    return {
        "tunnel": packets.tunnel,
        "outer_source": packets.outer_source,
        "outer_destination": packets.outer_destination,
        "source_mac": packets.source_mac,
        "destination_mac": packets.destination_mac,
        "packet_type": packets.packet_type,
        "source": packets.inner_source,
        "destination": packets.inner_destination,
        "protocol": packets.inner_protocol,
        "source_port": np.where(is_echo, packets.icmp_id, packets.source_port),
        "destination_port": np.where(is_echo, packets.icmp_id, packets.destination_port),
    }


def _is_echo(packets: Packets) -> npt.NDArray[np.bool_]:
    is_echo: npt.NDArray[np.bool_] = (packets.icmp_type == ECHO_REQUEST) | (packets.icmp_type == ECHO_REPLY)
    return is_echo


def flow_rows(packets: Packets) -> Flows:
    """A row for each packet; those without an inner IPv4 header are of no flow."""
    is_tcp, is_udp = packets.tcp_header_length > 0, packets.inner_protocol == UDP
    flags = packets.tcp_flags
    is_syn = is_tcp & (flags & (SYN | ACK) == SYN)
    is_syn_ack = is_tcp & (flags & (SYN | ACK) == SYN | ACK)
    acknowledges = is_tcp & (flags & (ACK | RST) == ACK)
    is_echo_request = packets.icmp_type == ECHO_REQUEST
    is_request = is_syn | is_echo_request | (is_udp & (packets.destination_port == DNS_PORT))
    has_mss = (is_syn | is_syn_ack) & (packets.tcp_mss >= 0)
    none = np.zeros(len(packets), dtype=np.int64)
    return Flows.unmerged(
        **_keys(packets),
        packets=np.ones(len(packets), dtype=np.bool_),
        bytes=packets.inner_total_length,
        first_ns=packets.time_ns,
        last_ns=packets.time_ns,
        last_frame=packets.number,
        vni=packets.vni,
        ttl_min=packets.inner_ttl,
        ttl_max=packets.inner_ttl,
        outer_ttl_min=packets.outer_ttl,
        outer_ttl_max=packets.outer_ttl,
        length_max=packets.inner_total_length,
        payload_max=packets.payload_length,
        mss_max=np.where(has_mss, packets.tcp_mss, -1),
        mss_frame=np.where(has_mss, packets.number, 0),
        requests=is_request,
        first_request_ns=np.where(is_request, packets.time_ns, NO_TIME),
        last_request_ns=np.where(is_request, packets.time_ns, -1),
        late_requests=np.where(is_request, packets.number, 0)[:, None],
        syns=is_syn,
        syn_acks=is_syn_ack,
        resets=is_tcp & (flags & RST != 0),
        echo_requests=is_echo_request,
        echo_replies=packets.icmp_type == ECHO_REPLY,
        data_packets=is_tcp & (packets.payload_length > 0),
        payload_bytes=np.where(is_tcp, np.maximum(packets.payload_length, 0), 0),
        payloads_unknown=is_tcp & (packets.payload_length < 0),
        acknowledgement_min=np.where(acknowledges, packets.tcp_acknowledgement, np.int64(NO_TIME)),
        acknowledgement_max=np.where(acknowledges, packets.tcp_acknowledgement, np.int64(-1)),
        partial_checksums=packets.checksum_partial,
        checksums_right=packets.tcp_checksum == Checksum.RIGHT,
        checksums_open=packets.tcp_checksum == Checksum.LEFT_OPEN,
        checksums_wrong=packets.tcp_checksum == Checksum.WRONG,
        fragments=packets.inner_more_fragments | (packets.inner_fragment_offset > 0),
        frames=packets.number[:, None],
        answers=none,
        answers_bare=none,
        last_answer_ns=none - 1,
        last_answer_frame=none,
    )


def with_answers(flows: Flows) -> Flows:
    """The same flows, each with how many packets its reverse 5-tuple has at this point, and which was the last."""
    count = len(flows)
    if count == 0:
        return flows
    forward = [flows.source, flows.destination, flows.protocol, flows.source_port, flows.destination_port]
    backward = [flows.destination, flows.source, flows.protocol, flows.destination_port, flows.source_port]
    groups = Groups.of([np.concatenate(pair) for pair in zip(forward, backward, strict=True)])
    codes = groups.codes
    sent, sent_bare, last_frame = (np.zeros(len(groups), dtype=np.int64) for _ in range(3))
    last_ns = np.full(len(groups), -1, dtype=np.int64)
    np.add.at(sent, codes[:count], flows.packets)
    np.add.at(sent_bare, codes[:count], np.where(flows.tunnel == Tunnel.NONE, flows.packets, 0))
    np.maximum.at(last_ns, codes[:count], flows.last_ns)
    np.maximum.at(last_frame, codes[:count], flows.last_frame)
    # an echo reply answers a request, not another reply: a flow of one's own address is its own reverse
    own = flows.source == flows.destination
    reverse = codes[count:]
    return flows.with_columns(
        answers=np.where(own, 0, sent[reverse]),
        answers_bare=np.where(own, 0, sent_bare[reverse]),
        last_answer_ns=np.where(own, -1, last_ns[reverse]),
        last_answer_frame=np.where(own, 0, last_frame[reverse]),
    )


__all__ = ["ABSENT_MAC", "Flows", "flow_rows", "with_answers"]
