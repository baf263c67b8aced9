"""Ctrl-C and progress, with the program as a process of its own: on a pipe that never ends, and on a terminal."""

from __future__ import annotations

import array
import contextlib
import fcntl
import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from ipipdiag.capture import DamageKind, Limits, open_capture
from ipipdiag.facts.ahead import CaptureHere
from ipipdiag.facts.collect import CaptureCollector
from ipipdiag.facts.shares import ShareFold
from ipipdiag.run import RunOptions, analyze, read_captures
from tests.scenarios import folder

CAPTURE = folder("23") / "a-eth0.pcap"
PROGRAM = "import sys; from ipipdiag.cli.main import main; sys.exit(main(sys.argv[1:]))"
READY = 60.0  # seconds


def start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "analyze", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_until_read(process: subprocess.Popen[bytes]) -> None:
    """Until what was written to its pipe was taken from it, and it handles Ctrl-C by then."""
    assert process.stdin is not None
    deadline = time.monotonic() + READY
    while _waiting(process.stdin.fileno()) and time.monotonic() < deadline:
        time.sleep(0.02)


def _waiting(descriptor: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
def test_ctrl_c_gives_the_report_of_what_was_read(compressed: bool) -> None:
    data = CAPTURE.read_bytes()
    process = start("-f", "json", "-")
    assert process.stdin is not None
    process.stdin.write(gzip.compress(data)[:-20] if compressed else data + data[24:60])  # a record begun
    process.stdin.flush()
    wait_until_read(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=READY)
    report = json.loads(out)
    assert process.returncode == 1  # the fault is in what was read
    assert report["verdict"]["code"] == "IPD2004"
    assert report["inputs"][0]["frames"] > 50
    assert "stopped by the user" in report["errors"][0]["error"]
    assert [finding["severity"] for finding in report["findings"] if finding["code"] == "IPD0002"] == ["notice"]
    assert b"stopped; what was read so far is reported" in err


def test_before_anything_was_read_it_is_an_input_that_cannot_be_read() -> None:
    process = start("-f", "json", "-")
    assert process.stdin is not None
    process.stdin.write(CAPTURE.read_bytes()[:4])
    process.stdin.flush()
    wait_until_read(process)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=READY)
    assert process.returncode == 3
    assert json.loads(out)["verdict"]["state"] == "not_enough_evidence"


def test_what_comes_after_is_named_as_not_read() -> None:
    looks = iter([False, False, False])
    limits = Limits(is_stopped=lambda: next(looks, True))
    captures, errors = read_captures([str(CAPTURE), str(folder("01") / "a-eth0.pcap")], limits)
    assert len(captures) <= 1
    assert any("the user stopped the reading before it" in error.error for error in errors)


def test_a_stop_is_no_cut_record(tmp_path: Path) -> None:
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    limits = Limits(chunk_bytes=4096, batch_frames=10, is_stopped=lambda: stopped)
    with open_capture(CAPTURE, limits) as capture:
        collector = CaptureCollector()
        collector.read(CaptureHere(capture, ShareFold()), stop)
    (summary,) = collector.files
    assert 0 < summary.frames < 60
    assert [damage.kind for damage in summary.damages] == [DamageKind.INTERRUPTED]


def test_progress_tells_file_and_bytes() -> None:
    told: list[tuple[str, int]] = []
    analyze(RunOptions((str(CAPTURE),)), lambda name, count: told.append((name, count)))
    assert told[0] == (str(CAPTURE), 0)
    assert told[-1] == (str(CAPTURE), CAPTURE.stat().st_size)


SLOW = """
import sys
from ipipdiag.cli import progress
progress.PATIENCE = 0.0
from ipipdiag.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("arguments", "shown"), [([], True), (["-q"], False)])
def test_progress_is_for_a_terminal_and_goes_away(arguments: list[str], shown: bool) -> None:
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "analyze", str(CAPTURE), *arguments],
        stdout=subprocess.PIPE,
        stderr=follower,
        env=environment,
    )
    os.close(follower)
    out, _ = process.communicate(timeout=READY)
    text = b""
    with contextlib.suppress(OSError):  # the other end was closed
        while chunk := os.read(leader, 65536):
            text += chunk
    os.close(leader)
    assert out.startswith(b"FAULT FOUND")
    assert (b"a-eth0.pcap" in text) is shown


def test_progress_is_silent_on_a_pipe() -> None:
    done = subprocess.run([sys.executable, "-c", SLOW, "analyze", str(CAPTURE)], capture_output=True, check=False)
    assert done.stderr == b""


# --duration


def error_of(report: dict[str, Any]) -> str:
    (error,) = report["errors"]
    return str(error["error"])


def test_a_pipe_that_is_silent_ends_when_its_time_has_passed() -> None:
    process = start("-f", "json", "--duration", "1.5", "-")
    assert process.stdin is not None
    process.stdin.write(CAPTURE.read_bytes() + CAPTURE.read_bytes()[24:60])  # a record begun
    process.stdin.flush()
    out, err = _read_open(process)
    report = json.loads(out)
    assert process.returncode == 1
    assert report["verdict"]["code"] == "IPD2004"
    frames = report["inputs"][0]["frames"]
    assert frames > 50
    assert error_of(report) == f"reading stopped after {frames} frames, as --duration says"
    assert [finding["severity"] for finding in report["findings"] if finding["code"] == "IPD0002"] == ["notice"]
    assert {"option": "--duration", "value": "1.5", "source": "command line"} in report["settings"]
    assert err.decode().splitlines() == [f"ipipdiag: standard input: {error_of(report)}"]


def test_a_pipe_that_never_says_anything_cannot_be_read() -> None:
    process = start("-f", "json", "--duration", "0.5", "-")
    out, err = _read_open(process)
    assert process.returncode == 3
    assert json.loads(out)["verdict"]["state"] == "not_enough_evidence"
    assert err.decode() == "ipipdiag: standard input: was not read; the reading was ended before its first bytes came\n"


def test_a_pipe_that_never_ends_ends_when_its_time_has_passed() -> None:
    process = start("-f", "json", "--duration", "1", "--fail-on", "never", "-")
    assert process.stdin is not None
    process.stdin.write(CAPTURE.read_bytes())
    records = CAPTURE.read_bytes()[24:] * 50
    begun = time.monotonic()
    with contextlib.suppress(BrokenPipeError):
        while time.monotonic() - begun < READY:
            process.stdin.write(records)
    out, _ = process.communicate(timeout=READY)
    assert process.returncode == 0
    report = json.loads(out)
    assert report["inputs"][0]["frames"] > 1_000
    assert "as --duration says" in report["errors"][0]["error"]


def test_files_after_the_deadline_are_named_as_not_read() -> None:
    other = folder("01") / "a-eth0.pcap"
    captures, errors = read_captures([str(CAPTURE), str(other)], Limits(deadline=time.monotonic() - 1))
    assert not captures
    assert {error.error for error in errors} == {"was not read; --duration had passed before it"}


def test_time_enough_changes_nothing() -> None:
    report = analyze(RunOptions((str(CAPTURE),), duration=READY))
    assert report.errors == ()
    assert report.inputs == analyze(RunOptions((str(CAPTURE),))).inputs


@pytest.mark.parametrize("value", ["0", "-1", "soon"])
def test_a_duration_that_is_none_is_refused(value: str) -> None:
    process = start("--duration", value, "-")
    _, err = process.communicate(timeout=READY)
    assert process.returncode == 2
    assert b"--duration" in err


def _read_open(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """What a process says while its standard input stays open and silent."""
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        return process.stdout.read(), process.stderr.read()
