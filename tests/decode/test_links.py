"""Link layers: what each leaves unread, and where the network header is found behind it."""

from __future__ import annotations

import pytest

from ipipdiag.decode import Decoded
from ipipdiag.kinds import Layer, Network, StopReason
from tests.builders.captures import ETHERNET, NULL, PPP, RAW, SLL, SLL2, cut, decode_frames
from tests.builders.packets import MAC_A, QINQ, arp, ethernet, ip_number, ipip, ipv4, mac_number, sll, sll2, tcp, vlan
from tests.decode.frame_kinds import ipv6

INNER = ipv4(tcp(flags="S"), "10.244.1.5", "10.244.2.7")
WRAPPED = ipip(INNER, "172.18.0.2", "172.18.0.3")
POD = ip_number("10.244.1.5")


def stop_of(decoded: Decoded) -> tuple[int, int]:
    return decoded.packets.stop_layer[0].item(), decoded.packets.stop_reason[0].item()


def test_an_unknown_link_type_is_named_only() -> None:
    decoded = decode_frames([bytes(60)], 147)
    assert stop_of(decoded) == (Layer.LINK, StopReason.UNSUPPORTED)
    assert decoded.packets.network[0] == Network.NONE


@pytest.mark.parametrize(
    ("link_type", "frame", "length"),
    [(NULL, b"\2\0\0\0" + INNER, 2), (ETHERNET, ethernet(INNER), 13), (SLL, sll(INNER), 15), (SLL2, sll2(INNER), 19)],
)
def test_a_cut_link_header_stops_at_the_link(link_type: int, frame: bytes, length: int) -> None:
    assert stop_of(decode_frames([cut(frame, length)], link_type)) == (Layer.LINK, StopReason.CAPTURED_LENGTH)
    assert stop_of(decode_frames([frame[:length]], link_type)) == (Layer.LINK, StopReason.TOTAL_LENGTH)


@pytest.mark.parametrize("network", [0x86DD, 0x88CC])
def test_other_networks_are_named(network: int) -> None:
    assert stop_of(decode_frames([ethernet(ipv6(b""), ether_type=network)])) == (Layer.NETWORK, StopReason.UNSUPPORTED)


def test_a_length_is_not_an_ether_type() -> None:
    packets = decode_frames([ethernet(bytes(46), ether_type=46)]).packets
    assert (packets.ether_type[0], packets.network[0]) == (0, Network.OTHER)


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (ETHERNET, ethernet(WRAPPED)),
        (ETHERNET, ethernet(vlan(WRAPPED, 100))),
        (ETHERNET, ethernet(vlan(vlan(WRAPPED, 200), 100, tag_type=QINQ))),
        (RAW, WRAPPED),
        (12, WRAPPED),
        (228, WRAPPED),
        (SLL, sll(WRAPPED)),
        (SLL2, sll2(vlan(WRAPPED, 100))),
        (NULL, b"\2\0\0\0" + WRAPPED),
        (NULL, b"\0\0\0\2" + WRAPPED),
        (PPP, b"\xff\x03\0\x21" + WRAPPED),
        (PPP, b"\0\x21" + WRAPPED),
    ],
)
def test_the_inner_packet_is_found(link_type: int, frame: bytes) -> None:
    decoded = decode_frames([frame], link_type)
    assert stop_of(decoded) == (Layer.COMPLETE, StopReason.NONE)
    assert decoded.packets.inner_source[0] == POD


def test_the_outermost_tag_is_kept() -> None:
    packets = decode_frames([ethernet(vlan(vlan(WRAPPED, 200), 100, tag_type=QINQ))]).packets
    assert (packets.vlan_count[0], packets.vlan_id[0], packets.ether_type[0]) == (2, 100, 0x0800)


def test_a_cut_tag_stops_there() -> None:
    assert stop_of(decode_frames([cut(ethernet(vlan(WRAPPED, 100)), 16)])) == (Layer.VLAN, StopReason.CAPTURED_LENGTH)


def test_cooked_headers_tell_direction_and_interface() -> None:
    packets = decode_frames([sll2(INNER, MAC_A, packet_type=4, interface_index=9)], SLL2).packets
    assert (packets.packet_type[0], packets.interface_index[0], packets.hardware_type[0]) == (4, 9, 1)
    assert packets.source_mac[0] == mac_number(MAC_A)
    assert packets.destination_mac[0] == -1


def test_an_address_that_is_not_a_mac_is_left_out() -> None:
    assert decode_frames([sll(INNER, address_length=4)], SLL).packets.source_mac[0] == -1


@pytest.mark.parametrize(
    "packet", [INNER, WRAPPED, ipv4(bytes(40), "8.0.1.2", "10.0.0.1", protocol=89), ipv6(bytes(8))]
)
def test_a_sound_raw_record_begins_where_it_begins(packet: bytes) -> None:
    assert decode_frames([packet], RAW).packets.record_offset[0] == 0


@pytest.mark.parametrize("first", ["02:42:ac:12:00:02", "42:01:0a:80:00:02", "60:45:bd:00:00:01"])
@pytest.mark.parametrize(("packet", "offset"), [(WRAPPED, 34), (INNER, 14)])
def test_a_raw_record_that_begins_too_early(first: str, packet: bytes, offset: int) -> None:
    """The last two MACs, of cloud networks, look like IP versions 4 and 6."""
    packets = decode_frames([ethernet(packet, destination=first)], RAW).packets
    assert (packets.record_offset[0], packets.inner_source[0]) == (offset, POD)


def test_arp_for_other_networks_is_not_read() -> None:
    message = bytearray(arp(1, MAC_A, "10.0.0.1"))
    message[5] = 16
    decoded = decode_frames([ethernet(bytes(message), ether_type=0x0806)])
    assert stop_of(decoded) == (Layer.ARP, StopReason.UNSUPPORTED)
    assert len(decoded.arp_messages) == 0
