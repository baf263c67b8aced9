"""Replaced addresses: prefixes are kept, special ones stay, and nothing becomes special."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipipdiag.addresses import parse_address, parse_mac
from ipipdiag.redaction.addresses import AddressMap

KEY = bytes(range(32))
MAP = AddressMap(KEY)
ADDRESSES = st.integers(0, (1 << 32) - 1)


def is_special(address: int) -> bool:
    text = IPv4Address(address)
    return text.is_multicast or text.is_loopback or text.is_link_local or address >> 24 == 0 or address >> 28 == 15


def shared(one: int, other: int, width: int) -> int:
    return width - (one ^ other).bit_length()


@given(ADDRESSES.filter(lambda address: not is_special(address)), st.integers(8, 32), ADDRESSES)
@example(parse_address("169.1.0.0"), 8, parse_address("169.0.0.0"))
def test_addresses_share_as_long_a_prefix_as_before(address: int, length: int, other: int) -> None:
    other = (address >> (32 - length) << (32 - length)) | (other & ((1 << (32 - length)) - 1))
    if is_special(other):
        return
    assert shared(MAP.ipv4(address), MAP.ipv4(other), 32) == shared(address, other, 32)


@given(ADDRESSES)
def test_nothing_becomes_special_and_special_ones_stay(address: int) -> None:
    made = MAP.ipv4(address)
    assert is_special(made) == is_special(address)
    if is_special(address):
        assert made == address


def test_no_two_addresses_become_one() -> None:
    block = range(parse_address("10.244.166.0"), parse_address("10.244.168.0"))
    assert len({MAP.ipv4(address) for address in block}) == len(block)


@pytest.mark.parametrize(
    "text", ["169.254.1.1", "169.254.20.10", "127.0.0.1", "224.0.0.5", "255.255.255.255", "0.0.0.0"]
)
def test_addresses_that_tell_nothing_stay(text: str) -> None:
    assert MAP.ipv4(parse_address(text)) == parse_address(text)


def test_keys_differ_and_one_key_is_alike() -> None:
    addresses = [parse_address(f"192.0.2.{last}") for last in range(256)]
    one, again, other = ([AddressMap(key).ipv4(a) for a in addresses] for key in (KEY, KEY, KEY[::-1]))
    assert one == again
    assert one != other


def test_macs_are_replaced_but_for_calicos_and_groups() -> None:
    for stays in ("ee:ee:ee:ee:ee:ee", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:05", "00:00:00:00:00:00"):
        assert MAP.mac(parse_mac(stays)) == parse_mac(stays)
    made = MAP.mac(parse_mac("52:54:00:0a:32:22"))
    assert made != parse_mac("52:54:00:0a:32:22")
    assert made >> 40 & 3 == 2  # locally administered, of one machine
    assert MAP.mac(parse_mac("33:33:ff:0a:32:22")) >> 24 == 0x3333FF


def test_ipv6_keeps_what_kind_it_is() -> None:
    for text in ("fe80::5054:ff:fe0a:3222", "2001:db8::1", "ff02::1:ff0a:3222"):
        address = IPv6Address(text)
        made = IPv6Address(MAP.ipv6(int(address)))
        assert made != address
        assert (made.is_link_local, made.is_multicast) == (address.is_link_local, address.is_multicast)
    assert MAP.ipv6(1) == 1
