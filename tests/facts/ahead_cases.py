"""Runs in one process and in two, compared: to be called in a process that has no thread but its first."""

from __future__ import annotations

import gzip
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipipdiag.capture import DamageKind, Limits
from ipipdiag.facts import ahead
from ipipdiag.report.formats import render
from ipipdiag.report.presentation import Presentation
from ipipdiag.run import RunOptions, analyze, read_captures
from tests.builders.captures import pcap
from tests.builders.packets import bgp_keepalive, ethernet, ipv4, tcp
from tests.scenarios import SAMPLES, folder

POISON = 0xA5
CAPTURE = folder("23") / "a-eth0.pcap"
children: list[int] = []


class WatchedChild(ahead._Child):
    """A child that is counted; what still looks at a slot when it is handed back finds nonsense there."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        children.append(self._process)

    def hand_back(self, batch: ahead._Batch) -> None:
        end = max(end for _, end in batch.places)
        self._slots._at(batch.slot)[:end] = bytes([POISON]) * end
        super().hand_back(batch)


def watch() -> None:
    ahead._Child = WatchedChild  # type: ignore[assignment, misc]


def report_of(names: list[str], processes: int, **limits: Any) -> bytes:
    report = analyze(RunOptions(tuple(names)), limits=Limits(processes=processes, **limits))
    return render("json", report, Presentation())


def assert_same(names: list[str], **limits: Any) -> bytes:
    """The same report from one process and from two, of which nothing is left."""
    watch()
    one, before = report_of(names, 1, **limits), len(children)
    assert report_of(names, 2, **limits) == one, names
    assert len(children) == before + 1, names
    assert_nobody_is_left()
    return one


def assert_nobody_is_left() -> None:
    try:
        left = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return
    raise AssertionError(f"a child is left: {left}")


def every_folder_of_samples() -> None:
    folders = sorted({path.parent for path in SAMPLES.glob("*/*.pcap*")})
    for place, path in enumerate(folders):
        assert_same([str(path)], batch_frames=(131_072, 20, 1_000)[place % 3])


def some_folders() -> None:
    for name, frames in (("01", 131_072), ("23", 7), ("10", 1), ("20", 40), ("91", 16)):
        assert_same([str(folder(name))], batch_frames=frames)


def each_kind_of_input() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        at = Path(scratch)
        data = CAPTURE.read_bytes()
        (at / "a.pcap.gz").write_bytes(gzip.compress(data))
        (at / "b.pcap.gz").write_bytes(gzip.compress(data)[:-30])
        (at / "c.pcap").write_bytes(data[:-5])
        (at / "d.pcap").write_bytes(b"no capture at all")
        (at / "e.pcap").write_bytes(b"")
        (at / "f.pcap").write_bytes(data[:24])
        names = [str(path) for path in sorted(at.iterdir())]
        report = assert_same([*names, str(at / "missing.pcap")], batch_frames=9)
        assert b"no such file" in report
        assert b"is not a capture file" in report
        assert b"is empty" in report
        assert_same(names, batch_frames=9, max_frames=20)


def batches_that_fit_into_no_slot() -> None:
    ahead.SLOT_BYTES = 4096
    segment = ethernet(ipv4(tcp(bgp_keepalive() * 100, source_port=179), "192.0.2.1", "192.0.2.2"))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "a.pcap"
        path.write_bytes(pcap([segment] * 50))
        assert_same([str(path)], batch_frames=5)
        assert_same([str(CAPTURE)], batch_frames=2)


def a_child_that_is_killed() -> None:
    watch()
    one = report_of([str(folder("01")), str(CAPTURE)], 1, batch_frames=5)
    for after in (0, 4, 40):
        told = 0

        def kill(name: str, count: int, after: int = after) -> None:
            nonlocal told
            told += 1
            if told == after + 1 and children:
                os.kill(children[-1], signal.SIGKILL)

        report = analyze(
            RunOptions((str(folder("01")), str(CAPTURE))), kill, limits=Limits(processes=2, batch_frames=5)
        )
        assert render("json", report, Presentation()) == one
        assert_nobody_is_left()


def a_user_who_ends_the_reading() -> None:
    watch()
    is_stopped = False

    def stop(name: str, count: int) -> None:
        nonlocal is_stopped
        is_stopped = count > 0

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "a.pcap"
        path.write_bytes(CAPTURE.read_bytes() + CAPTURE.read_bytes()[24:] * 200)
        limits = Limits(processes=2, batch_frames=10, chunk_bytes=4096, is_stopped=lambda: is_stopped)
        captures, errors = read_captures([str(path), str(CAPTURE)], limits, stop)
    assert len(children) == 1
    (file,) = captures[0].files
    assert 0 < file.frames < 4000
    assert [damage.kind for damage in file.damages] == [DamageKind.INTERRUPTED]
    assert "the user stopped the reading before it" in errors[0].error
    assert_nobody_is_left()


def an_error_on_the_way() -> None:
    """What goes wrong with the facts ends the child as well."""
    watch()

    def fail(name: str, count: int) -> None:
        raise RuntimeError("on the way")

    try:
        read_captures([str(CAPTURE)], Limits(processes=2, batch_frames=5), fail)
    except RuntimeError:
        assert_nobody_is_left()
    else:
        raise AssertionError("nothing was raised")


CASES: dict[str, Callable[[], None]] = {
    case.__name__: case
    for case in (
        some_folders,
        each_kind_of_input,
        batches_that_fit_into_no_slot,
        a_child_that_is_killed,
        a_user_who_ends_the_reading,
        an_error_on_the_way,
    )
}
