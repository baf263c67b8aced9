"""BGP streams put together: what a capture can do to them, and tshark on every sample, message by message."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipipdiag.addresses import format_address
from ipipdiag.capture import Interface, open_capture
from ipipdiag.decode import decode
from ipipdiag.facts.bgp import Bgp, BgpFold, BgpMessages, BgpRoutes
from ipipdiag.facts.collect import collect_facts
from ipipdiag.kinds import BgpMessage
from tests.builders.captures import ETHERNET, batch_of_frames, cut
from tests.builders.packets import bgp_keepalive, bgp_notification, bgp_open, bgp_update, ethernet, ipv4, tcp
from tests.decode.oracle import SAMPLES
from tests.decode.tshark import TSHARK

A, B = "192.0.2.11", "192.0.2.12"
BLOCKS = ["172.20.1.0/28", "172.20.2.16/28", "172.20.3.32/28"]
STREAM = bgp_keepalive() + bgp_update(BLOCKS[:2], A) + bgp_notification(6, 2) + bgp_update([BLOCKS[2]], A)
MEANT = [BgpMessage.KEEPALIVE, BgpMessage.UPDATE, BgpMessage.NOTIFICATION, BgpMessage.UPDATE]
FIRST = 0xFFFFFFF0  # the sequence numbers wrap within the stream


def segment(payload: bytes, at: int, flags: str = "PA", back: bool = False) -> bytes:
    ports = (179, 41000) if back else (41000, 179)
    ends = (B, A) if back else (A, B)
    return ethernet(ipv4(tcp(payload, *ports, flags, sequence=(FIRST + at) % (1 << 32)), *ends))


def read(frames: list[bytes], batch: int = 1000) -> Bgp:
    fold = BgpFold()
    for start in range(0, len(frames), batch):
        part = batch_of_frames(frames[start : start + batch])
        fold.step(decode(part, [Interface(0, ETHERNET, 0)]), part.buffer)
    return fold.finish()


def kinds(frames: list[bytes]) -> list[int]:
    return read(frames).messages.type.tolist()


def pieces(*lengths: int) -> list[bytes]:
    """The stream in segments of these lengths, the last one the rest."""
    frames, at = [], 0
    for length in (*lengths, len(STREAM)):
        if STREAM[at : at + length]:
            frames.append(segment(STREAM[at : at + length], at))
        at += length
    return frames


def test_whole_stream_in_one_segment() -> None:
    bgp = read([segment(STREAM, 0)])
    assert bgp.messages.type.tolist() == MEANT
    assert bgp.routes.prefix_length.tolist() == [28, 28, 28]
    assert bgp.messages.announced.tolist() == [-1, 2, -1, 1]
    assert bgp.messages.code.tolist() == [-1, -1, 6, -1]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_cut_anywhere_into_segments_and_batches(lengths: list[int], batch: int) -> None:
    assert read(pieces(*lengths), batch).messages.type.tolist() == MEANT


def test_a_byte_a_segment() -> None:
    assert kinds(pieces(*[1] * len(STREAM))) == MEANT


def test_retransmissions_and_overlaps_count_once() -> None:
    frames = [segment(STREAM[:30], 0), segment(STREAM[10:50], 10), segment(STREAM[:30], 0), segment(STREAM[30:], 30)]
    assert kinds(frames) == MEANT
    assert kinds([*frames, *frames]) == MEANT


def test_segments_out_of_order_wait() -> None:
    first, second, third = pieces(40, 40)
    bgp = read([first, third, second])
    assert bgp.messages.type.tolist() == MEANT
    assert bgp.messages.number.tolist()[-1] == 3


def test_lost_segment_costs_its_messages_only() -> None:
    frames = [segment(bgp_keepalive(), 0), segment(bgp_update([BLOCKS[0]], A)[20:], 40)]
    later = 40 + len(bgp_update([BLOCKS[0]], A)) - 20
    frames.append(segment(bgp_notification(4), later))
    assert kinds(frames) == [BgpMessage.KEEPALIVE, BgpMessage.NOTIFICATION]


def test_capture_that_begins_within_a_message() -> None:
    assert kinds([segment(STREAM[25:], 25)]) == MEANT[2:]


def test_snap_length_costs_the_message_it_cut() -> None:
    frames = pieces(19, 60)
    frames[1] = cut(frames[1], len(frames[1]) - 30)
    assert kinds(frames) == [BgpMessage.KEEPALIVE, *kinds([segment(STREAM[79:], 79)])]


def test_new_connection_on_the_same_ports_begins_anew() -> None:
    frames = [segment(STREAM[:25], 0), segment(b"", 5_000_000, "S"), segment(STREAM, 5_000_001)]
    assert kinds(frames) == [BgpMessage.KEEPALIVE, *MEANT]


def test_other_protocol_on_port_179_says_nothing() -> None:
    assert kinds([segment(b"GET / HTTP/1.1\r\n" * 30, 0), segment(b"\xff" * 300, 480)]) == []


def test_open_agrees_on_path_identifiers() -> None:
    both = b"\x45\x04\0\x01\x01\x03"
    update = bgp_update(["0.0.0.0/0"], A, path_id=7)
    frames = [segment(bgp_open(capabilities=both), 0), segment(bgp_open(capabilities=both), 0, back=True)]
    frames.append(segment(update, len(bgp_open(capabilities=both))))
    assert read(frames).routes.path_id.tolist() == [7]


def test_controls_of_connections_are_kept() -> None:
    controls = read([segment(b"", 0, "S"), segment(b"", 0, "SA", back=True), segment(b"", 1, "R")]).controls
    assert controls.flags.tolist() == [2, 18, 4]
    assert controls.source_port.tolist() == [41000, 179, 41000]


NODE_FILES = sorted(path for path in SAMPLES.glob("*/*") if ".pcap" in path.name and "damaged" not in path.parent.name)
FIELDS = (
    "bgp.type",
    "bgp.open.holdtime",
    "bgp.open.identifier",
    "bgp.open.myas",
    "bgp.notify.major_error",
    "bgp.nlri_prefix",
    "bgp.mp_reach_nlri_ipv4_prefix",
    "bgp.withdrawn_prefix",
    "bgp.mp_unreach_nlri_ipv4_prefix",
    "bgp.update.path_attribute.next_hop",
    "bgp.update.path_attribute.local_pref",
    "bgp.update.path_attribute.originator_id",
    "bgp.prefix_length",
)


@pytest.mark.needs_tshark
@pytest.mark.parametrize("path", NODE_FILES, ids=lambda path: f"{path.parent.name[:3]}{path.name}")
def test_messages_are_those_of_tshark(path: Path) -> None:
    """Frame by frame: types, and the values of OPEN, NOTIFICATION and UPDATE.

    Of messages that the snap length cut tshark shows the beginning; here only whole ones count.
    """
    ours, theirs = _ours(path), _of_tshark(path)
    if "snap" in path.name:
        theirs = {number: theirs[number] for number in ours}
    assert ours == theirs


def _ours(path: Path) -> dict[int, dict[str, list[str]]]:
    found: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    with open_capture(path) as capture:
        points = collect_facts(capture).points
    for point in points:
        _add_messages(found, point.bgp_messages)
        _add_routes(found, point.bgp_routes)
    return {number: {name: sorted(values) for name, values in entry.items()} for number, entry in found.items()}


def _add_messages(found: dict[int, dict[str, list[str]]], messages: BgpMessages) -> None:
    for number, kind, hold, identifier, system, code in messages.rows(
        "number", "type", "hold_time", "identifier", "as_number", "code"
    ):
        entry = found[number]
        entry["type"].append(str(kind))
        if kind == BgpMessage.OPEN:
            entry["open"] += [str(hold), format_address(identifier), str(system)]
        if kind == BgpMessage.NOTIFICATION:
            entry["code"].append(str(code))


def _add_routes(found: dict[int, dict[str, list[str]]], routes: BgpRoutes) -> None:
    for number, prefix, length, withdrawn in routes.rows("number", "prefix", "prefix_length", "withdrawn"):
        found[number]["withdrawn" if withdrawn else "announced"].append(format_address(prefix))
        found[number]["lengths"].append(str(length))
    for number, hop, preference, originator in sorted(
        set(routes.rows("number", "next_hop", "local_preference", "originator"))
    ):
        if hop:
            found[number]["attributes"] += [format_address(hop), str(preference)]
        if originator:
            found[number]["attributes"].append(format_address(originator))


def _of_tshark(path: Path) -> dict[int, dict[str, list[str]]]:
    command = [str(TSHARK), "-n", "-r", str(path), "-Y", "bgp.type", "-T", "fields", "-E", "aggregator=,"]
    command += ["-e", "frame.number"]
    for name in FIELDS:
        command += ["-e", name]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[int, dict[str, list[str]]] = {}
    for line in output.splitlines():
        number, *columns = line.split("\t")
        values = {
            name: [text for text in column.split(",") if text] for name, column in zip(FIELDS, columns, strict=True)
        }
        entry = {
            "type": values["bgp.type"],
            "open": values["bgp.open.holdtime"] + values["bgp.open.identifier"] + values["bgp.open.myas"],
            "code": values["bgp.notify.major_error"],
            "attributes": values["bgp.update.path_attribute.next_hop"]
            + values["bgp.update.path_attribute.local_pref"]
            + values["bgp.update.path_attribute.originator_id"],
        }
        announced = values["bgp.nlri_prefix"] + values["bgp.mp_reach_nlri_ipv4_prefix"]
        withdrawn = values["bgp.withdrawn_prefix"] + values["bgp.mp_unreach_nlri_ipv4_prefix"]
        lengths = values["bgp.prefix_length"]
        entry |= {"withdrawn": withdrawn, "announced": announced}
        entry["lengths"] = lengths
        found[int(number)] = {name: sorted(texts) for name, texts in entry.items() if texts}
    return found
