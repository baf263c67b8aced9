"""Two processes give the report of one, and leave nothing behind, whatever happens to either."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ipipdiag.capture import Limits
from ipipdiag.facts import ahead
from tests.facts.ahead_cases import CAPTURE, CASES

ROOT = Path(__file__).parents[2]


def run(case: str) -> None:
    """A case in a process of its own: one with threads, as those of the tests may be, is never forked."""
    program = f"from tests.facts import ahead_cases; ahead_cases.{case}()"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
@pytest.mark.parametrize("case", CASES)
def test_two_processes(case: str) -> None:
    run(case)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
def test_two_processes_read_every_sample() -> None:
    run("every_folder_of_samples")


def test_small_captures_and_pipes_are_read_in_one() -> None:
    assert not ahead._pays([str(CAPTURE)], Limits())
    assert not ahead._pays(["-"], Limits(processes=2))
    assert not ahead._pays([str(CAPTURE), "-"], Limits(processes=2))
    assert ahead._pays([str(CAPTURE)], Limits(processes=2))


def test_large_captures_are_read_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = tmp_path / "large.pcap"
    with large.open("wb") as file:
        file.truncate(ahead.LEAST_BYTES)
    monkeypatch.setattr(ahead, "_processors", lambda: 2)
    assert ahead._pays([str(large)], Limits())
    assert not ahead._pays([str(large)], Limits(processes=1))
    monkeypatch.setattr(ahead, "_processors", lambda: 1)
    assert not ahead._pays([str(large)], Limits())
