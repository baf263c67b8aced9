"""BGP messages (RFC 4271) from bytes; where in a stream they begin and end is found by the caller's buffer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from ipipdiag.kinds import BgpMessage

MARKER = b"\xff" * 16
HEADER = 19
LONGEST = 4096  # bytes; Calico's BIRD does not use extended messages (RFC 8654)
EXTENDED_LENGTH = 0x10
IPV4_UNICAST = b"\x00\x01\x01"
PATH_ID = 4

Prefix = tuple[int, int, int]  # network, length, path identifier (-1 without)


class Capability(IntFlag):
    """Capabilities of an OPEN that matter here; the values are our own bits."""

    MULTIPROTOCOL = 1
    ROUTE_REFRESH = 2
    GRACEFUL_RESTART = 4
    FOUR_OCTET_AS = 8
    ADD_PATH_RECEIVE = 16  # IPv4 unicast
    ADD_PATH_SEND = 32


class Attribute(IntEnum):
    """Path attributes that are read."""

    NEXT_HOP = 3
    LOCAL_PREF = 5
    ORIGINATOR_ID = 9
    CLUSTER_LIST = 10
    MP_REACH_NLRI = 14
    MP_UNREACH_NLRI = 15


_CAPABILITIES = {
    1: Capability.MULTIPROTOCOL,
    2: Capability.ROUTE_REFRESH,
    64: Capability.GRACEFUL_RESTART,
    65: Capability.FOUR_OCTET_AS,
}
_FOUR_OCTET_AS, _ADD_PATH = 65, 69
_CAPABILITIES_PARAMETER = 2
_EXTENDED_PARAMETERS = 255  # RFC 9072


@dataclass(frozen=True, slots=True)
class Open:
    """An OPEN: the AS number is that of capability 65 where it is there; hold time in seconds."""

    version: int
    as_number: int
    hold_time: int
    identifier: int
    capabilities: Capability


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """One prefix of an UPDATE; a withdrawn one has next hop 0. Absent attributes are 0, LOCAL_PREF then -1."""

    prefix: int
    prefix_length: int
    path_id: int
    next_hop: int
    is_withdrawn: bool
    local_preference: int
    originator: int
    cluster: int  # first entry of CLUSTER_LIST: the route reflector that passed it on


def find_message(data: bytes | bytearray, start: int = 0) -> int:
    """Where the next plausible message begins: a marker with a sound length and type; -1 if there is none.

    A header that is not all there yet counts as plausible.
    """
    at = data.find(MARKER, start)
    while at >= 0 and not is_plausible(data, at):
        at = data.find(MARKER, at + 1)
    return at


def is_plausible(data: bytes | bytearray, at: int) -> bool:
    """Whether the header at a marker has a length and type that a message can have, as far as it is there."""
    if at + HEADER > len(data):
        return True
    length, kind = int.from_bytes(data[at + 16 : at + 18], "big"), data[at + 18]
    if kind == BgpMessage.KEEPALIVE:
        return length == HEADER
    return HEADER <= length <= LONGEST and kind in (1, 2, 3, 5)


def read_messages(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and body of each whole message, from the first marker on."""
    at = find_message(payload)
    while at >= 0 and at + HEADER <= len(payload):
        length, kind = int.from_bytes(payload[at + 16 : at + 18], "big"), payload[at + 18]
        if at + length > len(payload):
            return
        yield kind, payload[at + HEADER : at + length]
        at = find_message(payload, at + length)


def read_open(body: bytes) -> Open | None:
    """The values of an OPEN; None where it is too short."""
    if len(body) < 10:
        return None
    as_number = int.from_bytes(body[1:3], "big")
    capabilities = Capability(0)
    for code, value in _read_capabilities(body):
        capabilities |= _CAPABILITIES.get(code, Capability(0))
        if code == _FOUR_OCTET_AS and len(value) == 4:
            as_number = int.from_bytes(value, "big")
        elif code == _ADD_PATH:
            for at in range(0, len(value) - 3, 4):
                if value[at : at + 3] == IPV4_UNICAST:
                    capabilities |= Capability.ADD_PATH_RECEIVE if value[at + 3] & 1 else Capability(0)
                    capabilities |= Capability.ADD_PATH_SEND if value[at + 3] & 2 else Capability(0)
    hold_time, identifier = int.from_bytes(body[3:5], "big"), int.from_bytes(body[5:9], "big")
    return Open(body[0], as_number, hold_time, identifier, capabilities)


def _read_capabilities(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Code and value of each capability in the optional parameters (RFC 5492, RFC 9072)."""
    size, at = 1, 10
    if body[9] == _EXTENDED_PARAMETERS and len(body) > 12 and body[10] == _EXTENDED_PARAMETERS:
        size, at = 2, 13
    while at + 1 + size <= len(body):
        kind, length = body[at], int.from_bytes(body[at + 1 : at + 1 + size], "big")
        value = body[at + 1 + size : at + 1 + size + length]
        at += 1 + size + length
        inside = 0
        while kind == _CAPABILITIES_PARAMETER and inside + 2 <= len(value):
            yield value[inside], value[inside + 2 : inside + 2 + value[inside + 1]]
            inside += 2 + value[inside + 1]


def read_update(body: bytes, has_path_ids: bool | None = None) -> list[RouteEntry]:
    """Every route of an UPDATE (RFC 4271, 4.3), announced ones first.

    ``has_path_ids`` says whether the session agreed on ADD-PATH; None where its OPENs were not seen.
    """
    withdrawn_length = int.from_bytes(body[:2], "big")
    attributes_at = 2 + withdrawn_length
    if len(body) < 4 or attributes_at + 2 > len(body):
        return []
    attributes_length = int.from_bytes(body[attributes_at : attributes_at + 2], "big")
    nlri_at = attributes_at + 2 + attributes_length
    if nlri_at > len(body):
        return []
    attributes = dict(_read_attributes(body[attributes_at + 2 : nlri_at]))
    withdrawn = _read_prefixes(body[2:attributes_at], has_path_ids)
    unreachable = attributes.get(Attribute.MP_UNREACH_NLRI, b"")
    if unreachable[:3] == IPV4_UNICAST:
        withdrawn += _read_prefixes(unreachable[3:], has_path_ids)
    next_hop = _number(attributes, Attribute.NEXT_HOP)
    announced = [(*prefix, next_hop) for prefix in _read_prefixes(body[nlri_at:], has_path_ids)]
    reachable = attributes.get(Attribute.MP_REACH_NLRI, b"")
    if reachable[:3] == IPV4_UNICAST and len(reachable) >= 9 and reachable[3] == 4:
        hop = int.from_bytes(reachable[4:8], "big")
        announced = [(*prefix, hop) for prefix in _read_prefixes(reachable[9:], has_path_ids)] + announced
    preference = _number(attributes, Attribute.LOCAL_PREF, -1)
    originator = _number(attributes, Attribute.ORIGINATOR_ID)
    cluster = int.from_bytes(attributes.get(Attribute.CLUSTER_LIST, b"")[:4], "big")
    return [
        RouteEntry(prefix, length, path_id, hop, False, preference, originator, cluster)
        for prefix, length, path_id, hop in announced
    ] + [RouteEntry(prefix, length, path_id, 0, True, -1, 0, 0) for prefix, length, path_id in withdrawn]


def _number(attributes: dict[int, bytes], kind: Attribute, absent: int = 0) -> int:
    value = attributes.get(kind, b"")
    return int.from_bytes(value, "big") if len(value) == 4 else absent


def _read_attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 3 <= len(data):
        flags, kind = data[at], data[at + 1]
        size = 2 if flags & EXTENDED_LENGTH else 1
        length = int.from_bytes(data[at + 2 : at + 2 + size], "big")
        start = at + 2 + size
        if start + length > len(data):
            return
        yield kind, data[start : start + length]
        at = start + length


def _read_prefixes(data: bytes, has_path_ids: bool | None) -> list[Prefix]:
    """The prefixes of a field, with path identifiers (RFC 7911) as agreed, or where they cannot be read without.

    Where the OPENs were not seen, a field is read plainly if that uses it up with sound prefixes, else with an
    identifier before each.
    """
    if has_path_ids is not None:
        return _parse_prefixes(data, has_path_ids) or []
    plain, identified = _parse_prefixes(data, False), _parse_prefixes(data, True)
    if plain is not None and (identified is None or not _looks_identified(data)):
        return plain
    return identified or []


def _looks_identified(data: bytes) -> bool:
    """Whether a field that reads both ways begins with a small identifier rather than with default routes."""
    return data[:3] == b"\x00\x00\x00" and len(data) > PATH_ID


def _parse_prefixes(data: bytes, has_path_ids: bool) -> list[Prefix] | None:
    """The prefixes if they use the field up, have at most 32 bits and no host bits; else None."""
    prefixes: list[Prefix] = []
    at, path_id = 0, -1
    while at < len(data):
        if has_path_ids:
            path_id = int.from_bytes(data[at : at + PATH_ID], "big")
            at += PATH_ID
        if at >= len(data):
            return None
        length = data[at]
        size = (length + 7) // 8
        octets = data[at + 1 : at + 1 + size]
        if length > 32 or len(octets) < size:
            return None
        prefix = int.from_bytes(octets.ljust(4, b"\0"), "big")
        if prefix & ((1 << (32 - length)) - 1):
            return None
        prefixes.append((prefix, length, path_id))
        at += 1 + size
    return prefixes
