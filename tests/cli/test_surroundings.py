"""The whole program in poor surroundings: nowhere to write, no locale, no home, input that stops or grows."""

from __future__ import annotations

import json
import os
import resource
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from ipipdiag.capture import Limits
from ipipdiag.run import read_captures
from tests.builders.captures import pcap
from tests.builders.packets import ethernet, ipv4
from tests.scenarios import folder

PROGRAM = [sys.executable, "-c", "import sys; from ipipdiag.cli.main import main; sys.exit(main())"]
BROKEN = folder("23") / "a-eth0.pcap"
ROOT = Path(__file__).parents[2]


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONUTF8"))}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


def run(*arguments: object, data: bytes | None = None, **changes: str) -> subprocess.CompletedProcess[bytes]:
    command = [*PROGRAM, *(str(argument) for argument in arguments)]
    return subprocess.run(command, input=data, capture_output=True, env=environment(**changes), check=False)


def test_a_disk_that_fills_up_leaves_nothing_half_written(tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))

    target = tmp_path / "report.json"
    command = [*PROGRAM, "analyze", "-f", "json", "-o", str(target), str(BROKEN)]
    done = subprocess.run(
        command, capture_output=True, env=environment(PYTHONDONTWRITEBYTECODE="1"), preexec_fn=small_files, check=False
    )
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [f"ipipdiag: {target}: cannot be written (File too large)"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("output_format", ["text", "json"])
def test_closed_standard_output_is_no_traceback(output_format: str) -> None:
    command = ["sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, "analyze", "-f", output_format, str(BROKEN)]
    done = subprocess.run(command, capture_output=True, env=environment(), check=False)
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert line == "ipipdiag: standard output: cannot be written (it is closed)"


def test_closed_standard_error_is_silence() -> None:
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *PROGRAM, "analyze", "-f", "json", str(BROKEN), "missing"]
    done = subprocess.run(command, capture_output=True, env=environment(), check=False)
    assert done.returncode == 1
    assert [error["name"] for error in json.loads(done.stdout)["errors"]] == ["missing"]


def test_closed_standard_input_cannot_be_read() -> None:
    command = ["sh", "-c", 'exec "$@" <&-', "sh", *PROGRAM, "analyze", "-"]
    done = subprocess.run(command, capture_output=True, env=environment(), check=False)
    assert done.returncode == 3
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("ipipdiag: standard input: is closed")
    command[-1] = str(BROKEN)
    assert subprocess.run(command, capture_output=True, env=environment(), check=False).returncode == 1


def test_without_a_locale_the_report_is_whole() -> None:
    plain = run("analyze", BROKEN, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert plain.returncode == 1
    assert plain.stderr == b""
    assert plain.stdout == run("analyze", BROKEN, LC_ALL="C.UTF-8").stdout


def test_a_home_that_is_not_there_or_cannot_be_read_changes_nothing() -> None:
    usual = run("analyze", BROKEN)
    for home in ("/nonexistent", "/proc/1/nothing", ""):
        done = run("analyze", BROKEN, HOME=home, XDG_CONFIG_HOME=home)
        assert (done.returncode, done.stdout, done.stderr) == (1, usual.stdout, b""), home


def test_a_pipe_that_breaks_gives_what_came_before() -> None:
    done = run("analyze", "-f", "json", "-", data=BROKEN.read_bytes()[:-7])
    report = json.loads(done.stdout)
    whole = json.loads(run("analyze", "-f", "json", BROKEN).stdout)
    assert done.returncode == 1
    assert report["inputs"][0]["frames"] == whole["inputs"][0]["frames"] - 1
    assert "IPD0002" in [finding["code"] for finding in report["findings"]]


def test_a_file_that_grows_is_read_to_an_end(tmp_path: Path) -> None:
    path = tmp_path / "growing.pcap"
    frame = ethernet(ipv4(bytes(8), "172.20.1.5", "172.20.9.7", 17))
    path.write_bytes(pcap([frame] * 100))
    record = struct.pack("<IIII", 1_700_000_100, 0, len(frame), len(frame)) + frame
    grown = 0

    def grow(name: str, read: int) -> None:
        nonlocal grown
        if read and grown < 5:  # whoever writes it is ahead of us some times, then stops within a record
            grown += 1
            with path.open("ab") as file:
                file.write(record * 10 if grown < 5 else record[:-1])

    (capture,), errors = read_captures([str(path)], Limits(batch_frames=16, chunk_bytes=1_024), grow)
    assert not errors
    assert grown == 5
    assert capture.files[0].frames == 140
    assert [damage.kind.value for damage in capture.files[0].damages] == ["cut_record"]


def test_nothing_is_written_at_home_or_beside(tmp_path: Path) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    kept = {name: value for name, value in environment().items() if not name.startswith("XDG_")}
    done = subprocess.run(
        [*PROGRAM, "analyze", str(BROKEN)],
        capture_output=True,
        env={**kept, "HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=here,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, b"")
    assert [*home.iterdir(), *here.iterdir()] == []


def test_without_a_terminal_and_with_an_environment_of_nothing() -> None:
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [*PROGRAM, "analyze", str(BROKEN)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=bare, start_new_session=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout == run("analyze", BROKEN).stdout


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = ["sh", "-c", '"$@" | head -c 1', "sh", *PROGRAM, "analyze", "-v", "-f", "json", str(BROKEN)]
    done = subprocess.run(command, capture_output=True, env=environment(), check=False)
    assert len(done.stdout) == 1
    assert b"Traceback" not in done.stderr
