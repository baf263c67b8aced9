"""The table of verdicts in samples/README.md is what is said now; python -m tests.verdicts writes it anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verdicts import BEGIN, END, INDEX, captures_in, rows, scenarios


@pytest.mark.parametrize("folder", scenarios(), ids=lambda folder: folder.name)
def test_table_says_what_is_said_now(folder: Path) -> None:
    table = INDEX.read_text().split(BEGIN)[1].split(END)[0].splitlines()
    for line in rows(folder):
        assert line in table


def test_every_capture_of_every_scenario_is_in_the_table() -> None:
    table = INDEX.read_text().split(BEGIN)[1].split(END)[0]
    for folder in scenarios():
        assert f"| {folder.name} |" in table
        for path in captures_in(folder):
            assert path.name in table
