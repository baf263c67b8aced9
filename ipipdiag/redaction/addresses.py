"""Addresses and MACs replaced: two addresses that share a prefix share one of the same length afterwards.

The way of Crypto-PAn (Xu, Fan, Ammar, Moon: Prefix-preserving IP address anonymization, 2002): each bit is flipped, or
not, by what a pseudo-random function makes of the bits before it. The first octet of IPv4 is permuted instead, so that
no address becomes loopback, link-local or multicast.
"""

from __future__ import annotations

from functools import cache

from ipipdiag.addresses import BROADCAST_MAC, HOST_SIDE_MAC
from ipipdiag.redaction.key import Prf

THIS_NETWORK, LOOPBACK, FIRST_MULTICAST = 0, 127, 224  # first octets (RFC 6890, RFC 5771)
LINK_LOCAL = (169, 254)  # RFC 3927; Calico's gateway 169.254.1.1 is in it
LINK_LOCAL_NETWORK = LINK_LOCAL[0] << 8 | LINK_LOCAL[1]
GROUP_BIT, LOCAL_BIT = 1 << 40, 1 << 41  # of a MAC's first octet (IEEE 802)
IPV4_GROUPS, BRIDGE_GROUPS = 0x01005E, 0x0180C2  # first three octets of MACs that stand for no machine
IPV6_GROUPS = 0x3333  # first two octets; the others are the end of an IPv6 address
FIXED_IPV6 = ((0xFE80, 10, 64), (0xFF00, 8, 16))  # prefix, its length, and how many leading bits of such stay


class AddressMap:
    """The replacements of one key; the same address always gets the same one. ``ipv4``, ``ipv6`` and ``mac`` map
    integers.
    """

    def __init__(self, key: bytes) -> None:
        self._flips = Prf(key, "addresses")
        self._macs = Prf(key, "macs")
        octets = Prf(key, "octets")
        ordinary = [octet for octet in range(1, FIRST_MULTICAST) if octet not in (LOOPBACK, LINK_LOCAL[0])]
        self._first = dict(zip(ordinary, sorted(ordinary, key=lambda octet: octets(bytes([1, octet]))), strict=True))
        self.ipv4 = cache(self._ipv4)
        self.ipv6 = cache(self._ipv6)
        self.mac = cache(self._mac)

    def _ipv4(self, address: int) -> int:
        """The replacement of an IPv4 address; loopback, link-local, multicast and the like stay."""
        first, second = address >> 24, address >> 16 & 0xFF
        if first in (THIS_NETWORK, LOOPBACK) or first >= FIRST_MULTICAST or (first, second) == LINK_LOCAL:
            return address
        if first == LINK_LOCAL[0]:
            return self._flipped(address, 32, 8)
        return (self._first[first] << 24) | (self._flipped(address, 32, 8) & 0xFFFFFF)

    def _ipv6(self, address: int) -> int:
        """The replacement of an IPv6 address; of link-local ones the last 64 bits, of groups all but the first 16."""
        if address <= 1:  # unspecified, loopback
            return address
        for prefix, length, stays in FIXED_IPV6:
            if address >> (128 - length) == prefix >> (16 - length):
                return self._flipped(address, 128, stays)
        return self._flipped(address, 128, 0)

    def _flipped(self, address: int, width: int, stays: int) -> int:
        """The address with every bit after the first ``stays`` flipped or not, by what stands before it.

        Bits behind the beginning of 169.254 stay, so that nothing else becomes that, or that anything else.
        """
        flips = 0
        for length in range(stays, width):
            prefix = address >> (width - length)
            is_beside_link_local = width == 32 and length < 16 and prefix == LINK_LOCAL_NETWORK >> (16 - length)
            before = bytes([width, length]) + prefix.to_bytes(16, "big")
            flips = (flips << 1) | (0 if is_beside_link_local else self._flips(before)[0] >> 7)
        return address ^ flips

    def _mac(self, mac: int) -> int:
        """The replacement of a MAC: locally administered; Calico's own, broadcast and groups stay."""
        if mac in (0, HOST_SIDE_MAC, BROADCAST_MAC) or mac >> 24 in (IPV4_GROUPS, BRIDGE_GROUPS):
            return mac
        made = int.from_bytes(self._macs(mac.to_bytes(6, "big"))[:6], "big")
        if mac >> 32 == IPV6_GROUPS:
            return (mac & ~0xFFFFFF) | (made & 0xFFFFFF)
        return (made & ~(GROUP_BIT | LOCAL_BIT)) | LOCAL_BIT | (mac & GROUP_BIT)
