"""Names, addresses and MACs in texts, in the spellings that reports use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pytest

from ipipdiag.redaction.names import Kind, Secret
from ipipdiag.redaction.redactor import Redactor

KEY = bytes(range(32))


def redactor() -> Redactor:
    made = Redactor(KEY)
    made.learn(
        [
            Secret(Kind.NODE, "ip-10-0-0-7.acme.example"),
            Secret(Kind.POD, "shop/web-b"),
            Secret(Kind.POD, "shop/web"),
            Secret(Kind.FILE, "captures/acme/node7.pcap.gz"),
            Secret(Kind.FILE, "acme-calie0123456789.pcap"),
            Secret(Kind.INTERFACE, "eth0"),
            Secret(Kind.INTERFACE, "acme-uplink"),
            Secret(Kind.POD, "kube-system/coredns-5d4"),
        ]
    )
    return made


@pytest.mark.parametrize(
    ("text", "leaks"),
    [
        ("pod shop/web-b (10.1.2.3) is on ip-10-0-0-7.acme.example", ["shop", "web", "10.1.2.3", "acme", "10-0-0-7"]),
        ("kubectl -n shop get pod web -o wide", ["shop", "web"]),
        ("10-1-2-3.shop.pod.cluster.local", ["10-1-2-3", "shop"]),
        ("ARP reply from 52:54:00:0a:32:22, or 52-54-00-0A-32-22", ["0a:32", "0A-32"]),
        ("see captures/acme/node7.pcap.gz, that is node7.pcap.gz", ["acme", "node7"]),
        ("acme-calie0123456789.pcap frames 1, 2", ["acme", "e0123456789"]),
        ("route to 10.1.2.64/26 by calie0123456789 and acme-uplink", ["10.1.2", "e0123456789", "acme"]),
        ("router solicitation from fe80::5054:ff:fe0a:3222", ["fe0a", "3222"]),
        ("ip.src#1 == 10.1.2.3 && tcp.port == 179", ["10.1.2.3"]),
    ],
)
def test_nothing_of_the_original_is_left(text: str, leaks: list[str]) -> None:
    made = redactor().text(text)
    for leak in leaks:
        assert leak not in made
    assert redactor().text(text) == made


@pytest.mark.parametrize(
    "text",
    [
        "169.254.1.1 is answered by ee:ee:ee:ee:ee:ee within 0.3 ms on eth0",
        "2026-11-23 23:42:46.332 UTC, 12 of 1500 packets, version 3.33.0",
        "pods of kube-system at default",
        "IPD6001 ProtocolFourBlocked: frames 37, 47",
    ],
)
def test_what_tells_nothing_stays(text: str) -> None:
    assert redactor().text(text) == text


def test_network_stays_a_network_that_holds_its_addresses() -> None:
    made = redactor()
    network, address = made.text("10.244.166.128/26"), made.text("10.244.166.179")
    from ipaddress import IPv4Address, IPv4Network

    assert IPv4Address(address) in IPv4Network(network)
    assert network.endswith("/26")
    assert made.text("10.244.166.179/26") == f"{address}/26"


class Level(StrEnum):
    """A value that is no text of a report."""

    SHOP = "shop"


@dataclass(frozen=True)
class Part:
    text: str
    level: Level
    numbers: tuple[int, ...]
    inner: tuple[str, ...]
    by_name: dict[str, str]


def test_every_text_of_a_structure_is_redacted_and_the_rest_stays() -> None:
    part = Part("shop/web", Level.SHOP, (1, 2), ("10.1.2.3",), {"shop": "web"})
    made = redactor().within(part)
    assert made.level is Level.SHOP
    assert made.numbers == (1, 2)
    for text in (made.text, *made.inner, *made.by_name, *made.by_name.values()):
        assert not any(leak in text for leak in ("shop", "web", "10.1.2.3"))
