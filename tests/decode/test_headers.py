"""IPv4, what wraps it and what it carries; lengths that lie are never followed beyond what encloses them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipipdiag.decode import Decoded
from ipipdiag.decode import ipv4 as ipv4_headers
from ipipdiag.decode import tcp_options as tcp_options_reader
from ipipdiag.kinds import Checksum, Layer, StopReason, Tunnel
from tests.builders.captures import cut, decode_frames
from tests.builders.packets import (
    PARTIAL,
    ethernet,
    fragments,
    icmp_error,
    ip_number,
    ipip,
    ipv4,
    tcp,
    tcp_options,
    udp,
)
from tests.builders.packets import (
    Layer as Built,
)
from tests.decode.frame_kinds import (
    NODE_A,
    POD_A,
    POD_B,
    ROUTER,
    data,
    datagram,
    ip_packets,
    nested,
    ping,
    syn,
    wrapped,
)

PACKETS = ip_packets()


def decoded(packet: bytes) -> Decoded:
    return decode_frames([ethernet(packet)])


def row(packet: bytes) -> dict[str, Any]:
    return {name: column[0].item() for name, column in decoded(packet).packets.columns().items()}


def stop(packet: bytes) -> tuple[int, int]:
    values = row(packet)
    return values["stop_layer"], values["stop_reason"]


@pytest.mark.parametrize("depth", [1, 3, 60])
def test_headers_nested_in_headers(depth: int) -> None:
    values = row(nested(depth))
    assert (values["depth"], values["tunnel"]) == (depth, Tunnel.IPIP)
    assert (values["outer_id"], values["inner_source"]) == (1000 + depth - 1, ip_number(POD_A))
    assert values["icmp_id"] == 77


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(PACKETS)), st.integers(0, 140), st.integers(0, 255)), max_size=30))
def test_what_is_quick_to_read_is_read_alike(chosen: list[tuple[str, int, int]]) -> None:
    """Plain headers and usual options get no other columns than all others would; each packet cut, with a byte bent."""
    frames = []
    for name, length, value in chosen:
        bent = bytearray(ethernet(PACKETS[name]))
        bent[14 + length % (len(bent) - 14)] ^= value
        frames.append(cut(bytes(bent), 14 + length))
    quick = decode_frames(frames)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ipv4_headers, "PLAIN", 0)
        patch.setattr(tcp_options_reader, "USUAL_LENGTH", 99)
        slow = decode_frames(frames)
    for table in fields(Decoded):
        one, other = getattr(quick, table.name), getattr(slow, table.name)
        for name in one.column_names():
            assert getattr(one, name).tolist() == getattr(other, name).tolist(), name


def test_nesting_is_followed_so_far() -> None:
    assert stop(nested(70)) == (Layer.INNER_IPV4, StopReason.DEPTH)


@pytest.mark.parametrize(
    ("name", "layer", "reason"),
    [
        ("later outer fragment", Layer.INNER_IPV4, StopReason.FRAGMENT),
        ("later inner fragment", Layer.TRANSPORT, StopReason.FRAGMENT),
        ("first outer fragment", Layer.COMPLETE, StopReason.NONE),
        ("first inner fragment", Layer.COMPLETE, StopReason.NONE),
        ("ospf", Layer.TRANSPORT, StopReason.UNSUPPORTED),
    ],
)
def test_fragments_and_unknown_protocols(name: str, layer: Layer, reason: StopReason) -> None:
    assert stop(PACKETS[name]) == (layer, reason)


@pytest.mark.parametrize(
    ("name", "tunnel"),
    [("gre", Tunnel.GRE), ("ipv6 in ipv4", Tunnel.IPV6), ("wireguard", Tunnel.WIREGUARD), ("datagram", Tunnel.NONE)],
)
def test_tunnels_that_are_only_named(name: str, tunnel: Tunnel) -> None:
    assert row(PACKETS[name])["tunnel"] == tunnel


def test_another_datagram_to_the_wireguard_port_is_none() -> None:
    assert row(ipv4(udp(b"\x09\0\0\0" + bytes(28), 51820, 51820), POD_A, POD_B))["tunnel"] == Tunnel.NONE


@pytest.mark.parametrize("name", ["vxlan arp", "vxlan ipv6"])
def test_vxlan_that_carries_no_ipv4(name: str) -> None:
    values = row(PACKETS[name])
    assert (values["tunnel"], values["vni"], values["inner_header_length"]) == (Tunnel.VXLAN, 4096, 0)
    assert (values["stop_layer"], values["stop_reason"]) == (Layer.TUNNEL, StopReason.UNSUPPORTED)


def test_vxlan_is_looked_into() -> None:
    values = row(PACKETS["vxlan"])
    assert (values["outer_source"], values["inner_source"]) == (ip_number(NODE_A), ip_number(POD_A))
    assert (values["tcp_mss"], values["depth"]) == (1460, 0)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (ipv4(bytes(20), POD_A, POD_B, header_length=16), StopReason.HEADER_LENGTH),
        (ipv4(bytes(20), POD_A, POD_B, version=5), StopReason.VERSION),
        (ipv4(bytes(20), POD_A, POD_B, total_length=19), StopReason.TOTAL_LENGTH),
        (syn()[:19], StopReason.TOTAL_LENGTH),
    ],
)
def test_a_header_that_cannot_be(packet: bytes, reason: StopReason) -> None:
    assert stop(Built.of(packet)) == (Layer.INNER_IPV4, reason)
    assert stop(wrapped(packet)) == (Layer.INNER_IPV4, reason)


def test_a_total_length_beyond_the_frame_ends_with_it() -> None:
    assert row(ipv4(udp(b"12345", 1, 2), POD_A, POD_B, total_length=9000))["payload_length"] == 5


def test_an_inner_length_beyond_the_outer_packet_ends_with_it() -> None:
    inner = ipv4(udp(b"12345", 1, 2), POD_A, POD_B, total_length=9000)
    assert row(wrapped(inner))["payload_length"] == 5
    assert row(wrapped(inner, total_length=45))["payload_length"] == -1


def test_no_total_length_means_all_of_it() -> None:
    assert row(ipv4(tcp(bytes(30)), POD_A, POD_B, total_length=0))["payload_length"] == 30


def test_padding_is_no_payload() -> None:
    assert row(ipv4(tcp(), POD_A, POD_B) + bytes(6))["payload_length"] == 0


@pytest.mark.parametrize("name", ["outer options", "inner options"])
def test_options_are_summed_and_skipped(name: str) -> None:
    values = row(PACKETS[name])
    assert (values["inner_checksum_good"], values["stop_layer"]) == (True, Layer.COMPLETE)


@pytest.mark.parametrize("packet", [tcp(b"x"), udp(b"x", 1, 2), udp(b"x", 1, 2, checksum=0)])
def test_a_whole_checksum_is_not_partial(packet: Built) -> None:
    assert not row(ipv4(packet, POD_A, POD_B))["checksum_partial"]


@pytest.mark.parametrize("packet", [tcp(b"x", checksum=PARTIAL), udp(b"x", 1, 2, checksum=PARTIAL)])
def test_a_checksum_left_to_the_nic(packet: Built) -> None:
    assert row(ipv4(packet, POD_A, POD_B))["checksum_partial"]
    assert row(wrapped(ipv4(packet, POD_A, POD_B)))["checksum_partial"]


@pytest.mark.parametrize(
    ("packet", "shown"),
    [
        (tcp(flags="S"), Checksum.RIGHT),
        (tcp(flags="S", options=tcp_options(mss=1440, timestamps=(1, 2))), Checksum.RIGHT),
        (tcp(flags="S", checksum=PARTIAL), Checksum.LEFT_OPEN),
        (tcp(flags="S", checksum=77), Checksum.WRONG),
        (tcp(b"payload"), Checksum.UNKNOWN),
        (udp(b"payload", 1, 2), Checksum.UNKNOWN),
    ],
)
def test_checksums_of_segments_without_payload_are_verified(packet: Built, shown: Checksum) -> None:
    assert row(ipv4(packet, POD_A, POD_B))["tcp_checksum"] == shown
    assert row(wrapped(ipv4(packet, POD_A, POD_B)))["tcp_checksum"] == shown


def test_a_segment_that_is_cut_or_fragmented_is_not_verified() -> None:
    whole = ipv4(tcp(flags="S", options=tcp_options(mss=1440)), POD_A, POD_B)
    frame = cut(ethernet(whole), len(whole) + 10)
    assert decode_frames([frame]).packets.tcp_checksum[0] == Checksum.UNKNOWN
    assert row(ipv4(tcp(flags="S"), POD_A, POD_B, more_fragments=True))["tcp_checksum"] == Checksum.UNKNOWN


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (b"\x02\x00\x05\xb4", StopReason.HEADER_LENGTH),
        (b"\x02\x01\x05\xb4", StopReason.HEADER_LENGTH),
        (b"\x01\x01\x02\x04", StopReason.HEADER_LENGTH),
        (b"\xfe\x04ab", StopReason.NONE),
        (b"\x02\x03\x05\x00", StopReason.NONE),
        (b"\0\x02\x04\x05", StopReason.NONE),
    ],
)
def test_options_that_give_no_segment_size(options: bytes, reason: StopReason) -> None:
    values = row(ipv4(tcp(options=options), POD_A, POD_B))
    assert (values["tcp_mss"], values["stop_reason"]) == (-1, reason)


def test_options_before_a_malformed_one_count() -> None:
    values = row(ipv4(tcp(options=b"\x02\x04\x05\xb4\x03\x00\0\0"), POD_A, POD_B))
    assert (values["tcp_mss"], values["tcp_window_scale"]) == (1460, -1)
    assert values["stop_layer"] == Layer.TCP_OPTIONS


def test_md5_is_seen() -> None:
    assert row(ipv4(tcp(options=b"\x13\x12" + bytes(16)), POD_A, POD_B))["tcp_md5"]


def test_a_tcp_header_below_twenty_bytes() -> None:
    packet = ipv4(tcp(b"x", header_length=16), POD_A, POD_B)
    assert stop(packet) == (Layer.TRANSPORT, StopReason.HEADER_LENGTH)
    assert row(packet)["payload_length"] == -1


def errors(quoted: bytes, **fields: Any) -> dict[str, Any]:
    table = decoded(ipv4(icmp_error(3, 4, quoted, **fields), ROUTER, NODE_A)).icmp_errors
    return {name: column[0].item() for name, column in table.columns().items()}


def test_a_quoted_tunnel_packet_has_two_headers() -> None:
    values = errors(wrapped(data()), next_hop_mtu=1400)
    assert values["next_hop_mtu"] == 1400
    assert (values["quoted_outer_source"], values["quoted_source"]) == (ip_number(NODE_A), ip_number(POD_A))
    assert (values["quoted_source_port"], values["quoted_tcp_sequence"]) == (40000, 5)


def test_a_quoted_bare_packet_has_one() -> None:
    values = errors(ping())
    assert (values["quoted_outer_header_length"], values["quoted_source"]) == (0, ip_number(POD_A))
    assert (values["quoted_icmp_type"], values["quoted_icmp_id"], values["quoted_source_port"]) == (8, 77, -1)


def test_a_quote_that_ends_after_the_outer_header() -> None:
    values = errors(wrapped(data())[:28])
    assert (values["quoted_outer_header_length"], values["quoted_header_length"]) == (20, 0)


def test_a_quoted_later_fragment_shows_nothing_inside() -> None:
    packet = ipv4(icmp_error(11, 1, fragments(wrapped(datagram()), 24)[1]), ROUTER, NODE_A)
    assert stop(packet) == (Layer.ICMP_QUOTE, StopReason.FRAGMENT)


def test_a_quote_cut_in_its_transport_says_so() -> None:
    frame = ethernet(ipv4(icmp_error(11, 0, ipip(ping(), NODE_A, ROUTER)), ROUTER, NODE_A))
    whole = 14 + 20 + 8 + 20 + 20 + 8
    for length, reason in ((whole - 1, StopReason.CAPTURED_LENGTH), (whole, StopReason.NONE)):
        assert decode_frames([cut(frame, length)]).packets.stop_reason[0] == reason
