"""Completion in shells, and help pages that show what to type."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ipipdiag.cli.main import main

Output = pytest.CaptureFixture[str]
PROGRAM = "import sys; from ipipdiag.cli.main import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_names_the_program(shell: str, capsys: Output) -> None:
    assert main(["completion", shell]) == 0
    shown = capsys.readouterr().out
    assert "_IPIPDIAG_COMPLETE" in shown
    assert f"{shell}_complete" in shown


def completed(words: str) -> set[str]:
    """What bash would be offered behind these words; the last one is not finished."""
    environment = {
        **os.environ,
        "_IPIPDIAG_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return {line.partition(",")[2] or line for line in done.stdout.splitlines()}


def test_codes_names_options_and_files_are_completed() -> None:
    assert completed("ipipdiag explain IPD600") >= {"IPD6001", "IPD6002"}
    assert completed("ipipdiag explain ProtocolF") == {"IPD6001"}
    assert "IPD0001" in completed("ipipdiag analyze --skip IPD")
    assert "--fail-on" in completed("ipipdiag analyze --fa")
    assert {"md", "sarif", "csv"} <= completed("ipipdiag analyze -f ")


def test_files_are_left_to_the_shell() -> None:
    for words in ("ipipdiag analyze sam", "ipipdiag analyze --cluster sam", "ipipdiag diff a"):
        environment = {**os.environ, "_IPIPDIAG_COMPLETE": "bash_complete", "COMP_WORDS": words}
        environment["COMP_CWORD"] = str(words.count(" "))
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.startswith("file,"), words


WITH_EXAMPLES = ("analyze", "capture-plan", "completion", "diff", "expect", "explain", "inspect", "schema")


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_every_help_page_has_examples_that_fit(name: str, capsys: Output) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Examples:\n" in shown
    assert f"ipipdiag {name}" in shown.split("Examples:")[1]
    assert max(map(len, shown.splitlines())) <= 100
