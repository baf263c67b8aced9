"""The look-up of an address among networks, against going through all of them."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv4Network

from ipipdiag.cluster.prefixes import Prefixes


def networks_around(addresses: list[int], random_: random.Random) -> list[IPv4Network]:
    lengths = (0, 1, 8, 24, 26, 31, 32)
    return [IPv4Network((random_.choice(addresses), random_.choice(lengths)), strict=False) for _ in range(200)]


def test_every_network_that_holds_an_address_is_found_the_most_specific_first() -> None:
    random_ = random.Random(7)
    addresses = [random_.getrandbits(32) for _ in range(20)] + [0, 0xFFFFFFFF]
    networks = networks_around(addresses, random_)
    prefixes = Prefixes((network, number) for number, network in enumerate(networks))
    for address in [*addresses, *(random_.getrandbits(32) for _ in range(100))]:
        holding = [number for number, network in enumerate(networks) if IPv4Address(address) in network]
        expected = sorted(holding, key=lambda number: (-networks[number].prefixlen, number))
        assert [number for values in prefixes.holding(address) for number in values] == expected


def test_what_is_in_no_network_is_not_found() -> None:
    assert not list(Prefixes([]).holding(0x0AF40001))
    prefixes = Prefixes([(IPv4Network("10.244.1.0/26"), "block")])
    assert not list(prefixes.holding(int(IPv4Address("10.244.1.64"))))
    assert list(prefixes.holding(int(IPv4Address("10.244.1.63")))) == [["block"]]
