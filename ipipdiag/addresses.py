"""Addresses between integers and text: the packet table holds integers, people read text."""

from __future__ import annotations

import ipaddress

GATEWAY = 0xA9FE0101  # 169.254.1.1, the next hop of every Calico pod; no interface holds it
HOST_SIDE_MAC = 0xEEEEEEEEEEEE  # ee:ee:ee:ee:ee:ee, which Calico's CNI plugin gives the host side of a pod's veth
BROADCAST_MAC = 0xFFFFFFFFFFFF


def format_address(address: int) -> str:
    """Dotted text of a 32-bit IPv4 address."""
    return str(ipaddress.IPv4Address(int(address)))


def parse_address(text: str) -> int:
    """32-bit integer of dotted IPv4 text; ValueError otherwise."""
    return int(ipaddress.IPv4Address(text))


def format_mac(mac: int) -> str:
    """Colon-separated text of a 48-bit MAC address."""
    return int(mac).to_bytes(6, "big").hex(":")


def parse_mac(text: str) -> int:
    """48-bit integer of colon- or dash-separated text; ValueError otherwise."""
    octets = bytes.fromhex(text.replace(":", "").replace("-", ""))
    if len(octets) != 6:
        raise ValueError(f"not a MAC address: {text!r}")
    return int.from_bytes(octets, "big")
