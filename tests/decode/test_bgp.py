"""BGP messages from bytes: which give no route, which prefixes are read, what an OPEN says."""

from __future__ import annotations

import pytest

from ipipdiag.addresses import format_address
from ipipdiag.decode.bgp import Capability, read_messages, read_open, read_update
from ipipdiag.kinds import BgpMessage
from tests.builders.packets import bgp_keepalive, bgp_notification, bgp_open, bgp_update, ip_number
from tests.decode.frame_kinds import NODE_A, NODE_B

BLOCK, OTHER = "10.244.1.0/26", "10.244.2.64/26"


def routes(payload: bytes) -> list[tuple[int, int, int, int]]:
    return [
        (entry.prefix, entry.prefix_length, entry.next_hop, int(entry.is_withdrawn))
        for kind, body in read_messages(payload)
        if kind == BgpMessage.UPDATE
        for entry in read_update(body)
    ]


def route(prefix: str, next_hop: str = "0.0.0.0", withdrawn: int = 0) -> tuple[int, int, int, int]:
    address, _, length = prefix.partition("/")
    return ip_number(address), int(length), ip_number(next_hop), withdrawn


@pytest.mark.parametrize(
    "payload", [bgp_open(), bgp_keepalive(), bgp_notification(4), bgp_update(), b"\0" * 40, b"\xff" * 40]
)
def test_no_routes(payload: bytes) -> None:
    assert routes(payload) == []


@pytest.mark.parametrize("path_id", [None, 1, 700])
@pytest.mark.parametrize("multiprotocol", [False, True])
def test_announced_and_withdrawn(path_id: int | None, multiprotocol: bool) -> None:
    update = bgp_update([BLOCK, OTHER], NODE_A, ["10.244.9.0/26"], path_id, multiprotocol)
    expected = [route(BLOCK, NODE_A), route(OTHER, NODE_A), route("10.244.9.0/26", withdrawn=1)]
    assert routes(update) == expected


def test_a_default_route_is_read_plainly() -> None:
    assert routes(bgp_update(["0.0.0.0/0"], NODE_A)) == [route("0.0.0.0/0", NODE_A)]


@pytest.mark.parametrize("before", [b"", bgp_keepalive(), b"\x01\x02\x03", b"\x00\xff", b"\xff\xff"])
def test_messages_behind_others_or_the_rest_of_one(before: bytes) -> None:
    payload = before + bgp_update([BLOCK], NODE_A) + bgp_update([OTHER], NODE_B)
    assert routes(payload) == [route(BLOCK, NODE_A), route(OTHER, NODE_B)]


def test_a_message_that_goes_on_elsewhere_is_left() -> None:
    whole = bgp_update([BLOCK], NODE_A)
    assert routes(whole + bgp_update([OTHER], NODE_B)[:-1]) == [route(BLOCK, NODE_A)]


def test_every_cut_of_an_update_is_harmless() -> None:
    update = bgp_update([BLOCK], NODE_A, [OTHER], path_id=1)
    for length in range(len(update)):
        assert list(read_messages(update[:length])) == []
        assert routes(update[:length].ljust(len(update), b"\x7f")) is not None


def test_agreed_path_identifiers_are_read_and_refused_ones_are_not() -> None:
    ((_, body),) = read_messages(bgp_update(["0.0.0.0/0", BLOCK], NODE_A, path_id=1))
    assert [(entry.path_id, entry.prefix_length) for entry in read_update(body, has_path_ids=True)] == [(1, 0), (1, 26)]
    ((_, body),) = read_messages(bgp_update(["0.0.0.0/0"] * 5, NODE_A))
    assert [entry.path_id for entry in read_update(body, has_path_ids=False)] == [-1] * 5


def test_open_with_its_capabilities() -> None:
    capabilities = (
        b"\x01\x04\0\x01\0\x01"
        + b"\x41\x04\x00\x01\x00\x0a"
        + b"\x45\x04\0\x01\x01\x03"
        + b"\x40\x02\0\x78"
        + b"\x02\0"
    )
    ((_, body),) = read_messages(bgp_open(23456, 240, "192.0.2.9", capabilities))
    opened = read_open(body)
    assert opened is not None
    assert (opened.version, opened.as_number, opened.hold_time) == (4, 65546, 240)
    assert format_address(opened.identifier) == "192.0.2.9"
    assert opened.capabilities == ~Capability(0)


@pytest.mark.parametrize("length", range(40))
def test_every_cut_of_an_open_is_harmless(length: int) -> None:
    body = bgp_open(capabilities=b"\x41\x04\x00\x01\x00\x0a\x45\x04\0\x01\x01\x03")[19:]
    opened = read_open(body[:length])
    assert (opened is None) == (length < 10)
