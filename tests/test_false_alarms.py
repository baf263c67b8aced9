"""Healthy captures as tickets bring them — filtered, cut, begun late, with holes, seen twice — raise no alarm."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from ipipdiag.capture import open_capture
from ipipdiag.checks.model import Severity, Status
from ipipdiag.kinds import PacketType
from ipipdiag.run import RunOptions, analyze
from tests.builders.captures import ETHERNET, RAW, SLL, SLL2, pcap
from tests.builders.packets import IPIP, TCP, Layer, sll, sll2
from tests.scenarios import HEALTHY, captures, folder, nodes

Frame = tuple[int, bytes, int]  # time_ns, captured bytes, wire length
Change = Callable[[list[Frame]], list[Frame]]
SECOND = 1_000_000_000
HOST_SIDE, ARPHRD_TUNNEL = bytes.fromhex("ee" * 6), 768
FILES = [path for number in HEALTHY for path in captures(number)]


def by_sender(rank: int, *, keep: bool) -> Change:
    """Only, or all but, the frames of the MAC that sends most (0), second most (1), …: a filter, ``tcpdump -Q``."""

    def change(frames: list[Frame]) -> list[Frame]:
        senders = [mac for mac, _ in Counter(frame[1][6:12] for frame in frames).most_common()]
        chosen = senders[rank : rank + 1]
        return [frame for frame in frames if (frame[1][6:12] in chosen) is keep]

    return change


def thinned(share: float) -> Change:
    """Frames lost at random, each sighting of a packet by itself; the same ones in every run."""

    def change(frames: list[Frame]) -> list[Frame]:
        chance = random.Random(len(frames))
        return [frame for frame in frames if chance.random() > share]

    return change


def seen_twice(delay_ns: int) -> Change:
    return lambda frames: sorted(x for time, *rest in frames for x in ((time, *rest), (time + delay_ns, *rest)))


def within(first: float, seconds: float) -> Change:
    """A stretch of the capture, from a share of its frames on."""

    def change(frames: list[Frame]) -> list[Frame]:
        start = frames[int(len(frames) * first)][0] if frames else 0
        return [frame for frame in frames if start <= frame[0] < start + seconds * SECOND]

    return change


def about_one_address(*, as_source: bool) -> Change:
    """Filtered to the address that most frames name, wherever it stands (``host``), or as the source (``src host``)."""

    def change(frames: list[Frame]) -> list[Frame]:
        named = Counter(ends for _, data, _ in frames for ends in _addresses(data))
        if not named:
            return frames
        address = named.most_common(1)[0][0][0]
        return [
            frame for frame in frames if any(address in ends[: 1 if as_source else 2] for ends in _addresses(frame[1]))
        ]

    return change


def without_tcp(*, flags: int = 0xFF, equal: int | None = None) -> Change:
    """TCP filtered by its flags: kept are segments whose masked flags are not the given value (None: no TCP at all)."""

    def change(frames: list[Frame]) -> list[Frame]:
        return [
            frame
            for frame in frames
            if (found := _tcp_flags(frame[1])) is None or (equal is not None and found & flags != equal)
        ]

    return change


def _ip_headers(data: bytes) -> list[int]:
    """Where the IPv4 headers of a frame begin, of Ethernet with or without a tag, or of a link without a header."""
    starts = []
    at = 14 if data[12:14] == b"\x08\0" else 18 if data[12:14] == b"\x81\0" and data[16:18] == b"\x08\0" else None
    if at is None and data[:1] == b"\x45":
        at = 0
    while at is not None and data[at : at + 1] == b"\x45" and len(data) >= at + 20:
        starts.append(at)
        at = at + 20 if data[at + 9] == IPIP else None
    return starts


def _addresses(data: bytes) -> list[tuple[bytes, bytes]]:
    """Source and destination of every IPv4 header, outermost first."""
    return [(data[at + 12 : at + 16], data[at + 16 : at + 20]) for at in _ip_headers(data)]


def _tcp_flags(data: bytes) -> int | None:
    """Flags of a TCP segment; None of anything else."""
    starts = _ip_headers(data)
    if not starts or data[starts[-1] + 9] != TCP or len(data) < starts[-1] + 34:
        return None
    return data[starts[-1] + 33]


SYN_AND_ACK = 0x12
ANYWHERE: dict[str, Change] = {
    "first half": lambda frames: frames[: len(frames) // 2],
    "begun in mid-connection": lambda frames: frames[len(frames) // 2 :],
    "first second": within(0, 1),
    "a second in the middle": within(0.5, 1),
    "a tenth lost": thinned(0.1),
    "half lost": thinned(0.5),
    "a third lost": thinned(1 / 3),
    "merged twice": seen_twice(0),
    "mirrored": seen_twice(300_000),
    "mirrored late": seen_twice(5_000_000),
    "cut to 60 bytes": lambda frames: [(time, data[:60], wire) for time, data, wire in frames],
    "one address": about_one_address(as_source=False),
    "from one address": about_one_address(as_source=True),
    "without TCP": without_tcp(),
    "without SYN-ACK": without_tcp(flags=SYN_AND_ACK, equal=SYN_AND_ACK),
    "without SYN": without_tcp(flags=SYN_AND_ACK, equal=0x02),
    "without pure acknowledgements": without_tcp(equal=0x10),
}
ON_ETHERNET: dict[str, Change] = {
    "without ARP": lambda frames: [frame for frame in frames if frame[1][12:14] != b"\x08\x06"],
    "without ARP replies": lambda frames: [
        frame for frame in frames if frame[1][12:14] + frame[1][20:22] != b"\x08\x06\0\x02"
    ],
    "one sender": by_sender(0, keep=True),
    "all but one sender": by_sender(0, keep=False),
    "another sender": by_sender(1, keep=True),
    "all but another sender": by_sender(1, keep=False),
}
AMONG_OTHERS: dict[str, Change] = {
    "begun a second late": lambda frames: [frame for frame in frames if frame[0] >= frames[0][0] + SECOND],
    "ended a second early": lambda frames: [frame for frame in frames if frame[0] < frames[-1][0] - SECOND],
    **{
        name: ANYWHERE[name]
        for name in (
            "begun in mid-connection",
            "a second in the middle",
            "a tenth lost",
            "merged twice",
            "mirrored",
            "cut to 60 bytes",
            "from one address",
            "without TCP",
        )
    },
    "one sender": ON_ETHERNET["one sender"],
}


@cache
def frames_of(path: Path) -> dict[int, list[Frame]]:
    """The frames of a file by link type."""
    found: dict[int, list[Frame]] = {}
    with open_capture(path) as capture:
        for batch in capture.batches():
            columns = ("time_ns", "offset", "captured_length", "wire_length", "interface")
            for time_ns, offset, length, wire, interface in batch.frames.rows(*columns):
                data = batch.buffer[offset : offset + length].tobytes()
                found.setdefault(capture.interfaces[interface].link_type, []).append((time_ns, data, wire))
    return found


def alarms(*paths: Path, cluster_files: tuple[str, ...] = ()) -> list[str]:
    """Findings of severity error and critical, with all checks run and none crashed."""
    report = analyze(RunOptions(tuple(str(path) for path in paths), cluster_files=cluster_files))
    assert not [check.error for check in report.checks if check.status is Status.CRASHED]
    return [
        f"{entry.finding.code} {entry.finding.title}"
        for entry in report.findings
        if entry.finding.severity in (Severity.CRITICAL, Severity.ERROR)
    ]


def write(path: Path, frames: list[Frame], link_type: int) -> Path:
    """A capture file whose name says nothing."""
    path.write_bytes(pcap(frames, link_type, nano=True))
    return path


@pytest.mark.parametrize("change", [*ANYWHERE, *ON_ETHERNET])
def test_changed_healthy_captures_raise_no_alarm(change: str, tmp_path: Path) -> None:
    examined = 0
    for path in FILES:
        for link_type, frames in frames_of(path).items():
            if change in ON_ETHERNET and link_type != ETHERNET:
                continue
            changed = (ANYWHERE | ON_ETHERNET)[change](sorted(frames))
            name = f"{path.parent.name}/{path.name}"
            found = alarms(write(tmp_path / "case", changed, link_type))
            assert found == [], name
            examined += 1
    assert examined >= 40


@pytest.mark.parametrize("change", AMONG_OTHERS)
@pytest.mark.parametrize("number", HEALTHY)
def test_one_changed_capture_among_others_raises_no_alarm(number: str, change: str, tmp_path: Path) -> None:
    """Captures of one ticket begin and end apart, and one of them is filtered, cut or has holes: nothing is lost."""
    single = [(path, frames_of(path)) for path in captures(number) if len(frames_of(path)) == 1]
    sorts = {"tunnel": "tunl0", "NIC": "eth0", "pod's link": "cali"}
    found = []
    for place, word in sorts.items():
        chosen = next((path for path, _ in single if word in path.name and "pod" not in path.name), None)
        if chosen is None:
            continue
        written = []
        for position, (path, by_link) in enumerate(single):
            ((link_type, frames),) = by_link.items()
            frames = sorted(frames)
            if path is chosen and frames and (link_type == ETHERNET or change != "one sender"):
                frames = AMONG_OTHERS[change](frames)
            written.append(write(tmp_path / f"x{position}", frames, link_type))
        told = (str(folder(number) / "calico-diagnostics"),) if place == "NIC" else ()
        found += alarms(*written, cluster_files=told)
    assert found == []


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("number", HEALTHY)
def test_healthy_nodes_recorded_on_any_raise_no_alarm(number: str, version: int, tmp_path: Path) -> None:
    """All captures of a node as one of its interface ``any``, in both versions of Linux cooked records."""
    examined = 0
    for node in nodes(number):
        cooked: list[Frame] = []
        for index, path in enumerate(sorted(path for path in captures(number) if path.name.startswith(f"{node}-"))):
            word = path.name.split("-")[1]
            if len(frames_of(path)) == 1 and "." in word and not word.startswith("any"):
                ((link_type, frames),) = frames_of(path).items()
                cooked += [(time, as_cooked(data, link_type, version, index), wire + 4) for time, data, wire in frames]
        if cooked:
            assert alarms(write(tmp_path / node, sorted(cooked), SLL if version == 1 else SLL2)) == []
            examined += 1
    assert examined


def as_cooked(data: bytes, link_type: int, version: int, index: int) -> bytes:
    """A frame as the interface ``any`` records it; what its host side or node sends is outgoing."""
    packet = Layer.of(data if link_type == RAW else data[14:])
    source = bytes(6) if link_type == RAW else data[6:12]
    fields = {
        "source": int.from_bytes(source, "big"),
        "packet_type": PacketType.OUTGOING if source == HOST_SIDE else PacketType.HOST,
        "hardware_type": ARPHRD_TUNNEL if link_type == RAW else 1,
        "ether_type": 0x0800 if link_type == RAW else int.from_bytes(data[12:14], "big"),
        "address_length": 0 if link_type == RAW else 6,
    }
    return sll(packet, **fields) if version == 1 else sll2(packet, interface_index=index + 2, **fields)
