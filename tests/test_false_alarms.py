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
from ipipdiag.run import RunOptions, analyze
from tests.builders.captures import ETHERNET, pcap
from tests.scenarios import HEALTHY, captures

Frame = tuple[int, bytes, int]  # time_ns, captured bytes, wire length
Change = Callable[[list[Frame]], list[Frame]]
SECOND = 1_000_000_000
FILES = [path for number in HEALTHY for path in captures(number)]


def by_sender(rank: int, *, keep: bool) -> Change:
    """Only, or all but, the frames of the MAC that sends most (0), second most (1), …: a filter, ``tcpdump -Q``."""

    def change(frames: list[Frame]) -> list[Frame]:
        senders = [mac for mac, _ in Counter(frame[1][6:12] for frame in frames).most_common()]
        chosen = senders[rank : rank + 1]
        return [frame for frame in frames if (frame[1][6:12] in chosen) is keep]

    return change


def thinned(share: float) -> Change:
    return lambda frames: [frame for frame in frames if random.Random(frame[1][-40:]).random() > share]


def seen_twice(delay_ns: int) -> Change:
    return lambda frames: sorted(x for time, *rest in frames for x in ((time, *rest), (time + delay_ns, *rest)))


def within(first: float, seconds: float) -> Change:
    """A stretch of the capture, from a share of its frames on."""

    def change(frames: list[Frame]) -> list[Frame]:
        start = frames[int(len(frames) * first)][0] if frames else 0
        return [frame for frame in frames if start <= frame[0] < start + seconds * SECOND]

    return change


ANYWHERE: dict[str, Change] = {
    "first half": lambda frames: frames[: len(frames) // 2],
    "begun in mid-connection": lambda frames: frames[len(frames) // 2 :],
    "first second": within(0, 1),
    "a second in the middle": within(0.5, 1),
    "a tenth lost": thinned(0.1),
    "half lost": thinned(0.5),
    "mirrored": seen_twice(300_000),
    "mirrored late": seen_twice(5_000_000),
    "cut to 60 bytes": lambda frames: [(time, data[:60], wire) for time, data, wire in frames],
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


@pytest.mark.parametrize("change", [*ANYWHERE, *ON_ETHERNET])
def test_changed_healthy_captures_raise_no_alarm(change: str, tmp_path: Path) -> None:
    examined = 0
    for path in FILES:
        for link_type, frames in frames_of(path).items():
            if change in ON_ETHERNET and link_type != ETHERNET:
                continue
            changed = (ANYWHERE | ON_ETHERNET)[change](sorted(frames))
            case = tmp_path / "case"
            case.write_bytes(pcap(changed, link_type, nano=True))
            report = analyze(RunOptions((str(case),)))
            grave = [
                f"{entry.finding.code} {entry.finding.title}"
                for entry in report.findings
                if entry.finding.severity in (Severity.CRITICAL, Severity.ERROR)
            ]
            assert grave == [], f"{path.parent.name}/{path.name}"
            assert not [check.error for check in report.checks if check.status is Status.CRASHED]
            examined += 1
    assert examined >= 40
