"""Routes in BGP UPDATE messages: which segments give none, which prefixes are read, and tshark on the samples."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ipipdiag.capture import Interface, open_capture
from ipipdiag.decode import decode
from ipipdiag.decode.bgp import read_messages, read_routes
from tests.builders.captures import ETHERNET, batch_of_frames, cut
from tests.builders.packets import bgp_keepalive, bgp_notification, bgp_open, bgp_update, ethernet, ip_number, ipv4, tcp
from tests.decode.frame_kinds import NODE_A, NODE_B
from tests.decode.oracle import SAMPLES
from tests.decode.tshark import TSHARK

BLOCK, OTHER = "10.244.1.0/26", "10.244.2.64/26"
NODE_FILES = sorted(path for path in SAMPLES.glob("*/?-eth0.pcap") if not path.parent.name.startswith("91-"))


def frame(payload: bytes) -> bytes:
    return ethernet(ipv4(tcp(payload, 179, 50001, "PA"), NODE_A, NODE_B))


def routes(payload: bytes, length: int | None = None) -> list[tuple[int, int, int, int]]:
    data = frame(payload)
    batch = batch_of_frames([data if length is None else cut(data, length)])
    decoded = decode(batch, [Interface(0, ETHERNET, 0)])
    table = read_routes(batch.buffer, decoded.bgp_segments, decoded.packets)
    columns = (table.prefix, table.prefix_length, table.next_hop, table.withdrawn)
    return list(zip(*(column.tolist() for column in columns), strict=True))


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
    assert routes(whole, len(frame(whole)) - 1) == []


def test_every_cut_of_an_update_is_harmless() -> None:
    update = bgp_update([BLOCK], NODE_A, [OTHER], path_id=1)
    for length in range(len(update)):
        assert list(read_messages(update[:length])) == []
        assert routes(update[:length].ljust(len(update), b"\x7f")) is not None


@pytest.mark.needs_tshark
@pytest.mark.parametrize("path", NODE_FILES, ids=lambda path: path.parent.name + "-" + path.stem)
def test_prefixes_are_those_of_tshark(path: Path) -> None:
    """Frame by frame: the prefixes of all UPDATE messages, without putting segments together."""
    ours: dict[int, set[int]] = {}
    with open_capture(path) as capture:
        for batch in capture.batches():
            decoded = decode(batch, capture.interfaces)
            table = read_routes(batch.buffer, decoded.bgp_segments, decoded.packets)
            for number, prefix in zip(table.number.tolist(), table.prefix.tolist(), strict=True):
                ours.setdefault(number, set()).add(prefix)
    assert ours == _prefixes_of(path)


def _prefixes_of(path: Path) -> dict[int, set[int]]:
    names = ("frame.number", "bgp.nlri_prefix", "bgp.mp_reach_nlri_ipv4_prefix", "bgp.withdrawn_prefix",
             "bgp.mp_unreach_nlri_ipv4_prefix")  # fmt: skip
    command = [str(TSHARK), "-n", "-r", str(path), "-Y", "bgp.type == 2", "-T", "fields", "-E", "aggregator=,"]
    command += ["-o", "tcp.desegment_tcp_streams:FALSE"]
    for name in names:
        command += ["-e", name]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[int, set[int]] = {}
    for line in output.splitlines():
        number, *lists = line.split("\t")
        if prefixes := {ip_number(text) for part in lists for text in part.split(",") if text}:
            found[int(number)] = prefixes
    return found
