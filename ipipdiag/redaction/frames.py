"""Frames redacted: addresses replaced in every header, checksums adjusted, everything after the last header cut.

The lengths that headers state, and the length on the wire, stay: they are what MTU faults are told by.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from ipipdiag.inspection.dissect import dissect
from ipipdiag.inspection.model import FrameRecord, Header, Kind
from ipipdiag.protocols import UDP
from ipipdiag.redaction.addresses import AddressMap

MAC, ADDRESS = 6, 4  # bytes
NO_OPERATION = 1  # IPv4 option that stands for nothing (RFC 791); others may hold addresses
IPV4_FIXED, IPV4_CHECKSUM, IPV4_PROTOCOL, IPV4_ENDS = 20, 10, 9, 12  # length, and offsets
REDIRECT = 5  # ICMP type whose header holds an address (RFC 792)
CHECKSUM_OF = {Kind.TCP: 16, Kind.UDP: 6, Kind.ICMP: 2}  # offset in the header

# where a header's MACs and IPv4 addresses are
_MACS = {Kind.ETHERNET: (0, 6), Kind.ARP: (8, 18), Kind.COOKED: (6,), Kind.COOKED2: (12,)}
_ADDRESSES = {Kind.IPV4: (12, 16), Kind.ARP: (14, 24)}
_ADDRESS_LENGTH = {Kind.COOKED: 4, Kind.COOKED2: 11}  # of the link-layer address, where a cooked header says so


def redact_frame(record: FrameRecord, addresses: AddressMap) -> FrameRecord:
    """The frame with its addresses replaced, cut after the last header that could be decoded.

    Bytes of the record before the first header (kernels 5.8 to 5.10) are left out, for they hold addresses as well.
    """
    skipped = record.record_offset
    original = record.data[skipped:]
    wire_length = max(record.wire_length - skipped, 0)
    headers = dissect(original, wire_length, record.link_type).headers
    data = bytearray(original)
    for header in headers:
        _replace_addresses(data, header, addresses)
    for position in range(len(headers) - 1, -1, -1):  # what is inside changes the checksums around it
        _adjust_checksum(data, original, headers, position)
    end = max((header.start + header.length for header in headers), default=0)
    return replace(record, data=bytes(data[:end]), wire_length=wire_length, record_offset=0)


def _replace_addresses(data: bytearray, header: Header, addresses: AddressMap) -> None:
    for offset in _MACS.get(header.kind, ()):
        _replace_mac(data, header, header.start + offset, addresses)
    for offset in _ADDRESSES.get(header.kind, ()):
        _replace_address(data, header.start + offset, addresses)
    if header.kind is Kind.IPV4 and header.length > IPV4_FIXED:
        options = range(header.start + IPV4_FIXED, header.start + header.length)
        data[options.start : options.stop] = bytes([NO_OPERATION]) * len(options)
    if header.kind is Kind.ICMP and data[header.start] == REDIRECT:
        _replace_address(data, header.start + 4, addresses)


def _replace_mac(data: bytearray, header: Header, at: int, addresses: AddressMap) -> None:
    if header.kind in _ADDRESS_LENGTH:
        offset = header.start + _ADDRESS_LENGTH[header.kind]
        length = data[offset] if header.kind is Kind.COOKED2 else int.from_bytes(data[offset : offset + 2], "big")
        if length != MAC:  # of a tunnel the field holds IPv4 addresses, of others what the link has
            data[at : at + 8] = bytes(8)
            return
    data[at : at + MAC] = addresses.mac(int.from_bytes(data[at : at + MAC], "big")).to_bytes(MAC, "big")


def _replace_address(data: bytearray, at: int, addresses: AddressMap) -> None:
    data[at : at + ADDRESS] = addresses.ipv4(int.from_bytes(data[at : at + ADDRESS], "big")).to_bytes(ADDRESS, "big")


def _adjust_checksum(data: bytearray, original: bytes, headers: tuple[Header, ...], position: int) -> None:
    """Make a header's checksum as right, or as wrong, as it was (RFC 1624, equation 3)."""
    header = headers[position]
    if header.kind is Kind.IPV4:
        checksum = header.start + IPV4_CHECKSUM
        _add(data, checksum, _change(original, data, header.start, header.start + header.length, checksum))
        return
    if header.kind is Kind.QUOTED_TRANSPORT or header.kind not in CHECKSUM_OF:
        _adjust_quoted_udp(data, original, headers, position)
        return
    at = header.start + CHECKSUM_OF[header.kind]
    change = _change(original, data, header.start, min(header.end, len(data)), at)
    if header.kind is Kind.ICMP:
        _add(data, at, change)
        return
    if header.kind is Kind.UDP and data[at : at + 2] == b"\0\0":
        return  # none was computed (RFC 768)
    enclosing = _enclosing(headers, position)
    if enclosing is None:
        return
    pseudo = _change_of_ends(original, data, enclosing)
    if _is_left_to_the_nic(original, enclosing, header, at):
        made = (int.from_bytes(data[at : at + 2], "big") + pseudo) % 0xFFFF  # not complemented yet
        data[at : at + 2] = made.to_bytes(2, "big")
    else:
        _add(data, at, change + pseudo)


def _adjust_quoted_udp(data: bytearray, original: bytes, headers: tuple[Header, ...], position: int) -> None:
    """The checksum of quoted UDP is within the eight bytes that an ICMP error must quote; of TCP it is not."""
    header, enclosing = headers[position], _enclosing(headers, position)
    if header.kind is not Kind.QUOTED_TRANSPORT or enclosing is None:
        return
    at = header.start + CHECKSUM_OF[Kind.UDP]
    if original[enclosing.start + IPV4_PROTOCOL] == UDP and data[at : at + 2] != b"\0\0":
        _add(data, at, _change_of_ends(original, data, enclosing))


def _enclosing(headers: tuple[Header, ...], position: int) -> Header | None:
    before = headers[position - 1] if position else None
    return before if before is not None and before.kind is Kind.IPV4 else None


def _is_left_to_the_nic(original: bytes, ipv4: Header, transport: Header, at: int) -> bool:
    """Whether the checksum is the sum of the pseudo-header alone (RFC 9293, 3.1), as offloading leaves it."""
    length = transport.end - transport.start
    total = _sum(original[ipv4.start + IPV4_ENDS : ipv4.start + IPV4_FIXED]) + original[ipv4.start + IPV4_PROTOCOL]
    total += (length >> 16) + (length & 0xFFFF)
    return total % 0xFFFF == int.from_bytes(original[at : at + 2], "big") % 0xFFFF


def _change_of_ends(original: bytes, data: bytearray, ipv4: Header) -> int:
    """By how much the sum of the pseudo-header has risen."""
    start, end = ipv4.start + IPV4_ENDS, ipv4.start + IPV4_FIXED
    return _sum(data[start:end]) - _sum(original[start:end])


def _change(original: bytes, data: bytearray, start: int, end: int, checksum: int) -> int:
    """By how much the ones' complement sum of some bytes has risen, without those of the checksum at a position."""
    within = slice(checksum - start, checksum - start + 2)
    before, after = bytearray(original[start:end]), data[start:end]
    before[within] = after[within] = b"\0\0"
    return _sum(after) - _sum(before)


def _sum(data: bytes | bytearray) -> int:
    padded = bytes(data) + b"\0" * (len(data) % 2)
    return sum(struct.unpack(f"!{len(padded) // 2}H", padded))


def _add(data: bytearray, at: int, change: int) -> None:
    """A complemented checksum over bytes whose sum has risen."""
    made = 0xFFFF - (0xFFFF - int.from_bytes(data[at : at + 2], "big") + change) % 0xFFFF
    data[at : at + 2] = made.to_bytes(2, "big")
