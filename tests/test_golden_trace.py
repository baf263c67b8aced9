"""Golden answers of `ipipdiag trace`: as users read them, compared byte for byte.

They are written anew by ``pytest tests/test_golden_trace.py --update-golden``, and read line by line before they are
committed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ipipdiag.report.presentation import Presentation
from ipipdiag.report.trace import json, text
from ipipdiag.run import RunOptions, TraceOptions, trace
from ipipdiag.trace.query import EndOption, FrameOption
from tests.scenarios import captures, folder

GOLDEN = Path(__file__).parent / "golden"
ANSWERS = {
    "01-all": TraceOptions(),
    "07-all": TraceOptions(),
    "07-frame": TraceOptions(frame=FrameOption("a-eth0.pcap", 37)),
    "17-all": TraceOptions(),
    "24-service": TraceOptions(destination=EndOption("10.96.0.10", 53)),
    "25-two-ends": TraceOptions(EndOption("10.244.166.179"), EndOption("10.244.136.13")),
}


@pytest.mark.parametrize(("name", "output_format"), [*((name, "text") for name in ANSWERS), ("07-frame", "json")])
def test_answer_is_as_it_was_read(
    name: str, output_format: str, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    number = name.split("-")[0]
    monkeypatch.chdir(folder(number))
    report = trace(RunOptions(tuple(path.name for path in captures(number))), ANSWERS[name])
    rendered = (text if output_format == "text" else json).render(report, Presentation())
    golden = GOLDEN / f"trace-{name}.{'txt' if output_format == 'text' else 'json'}"
    if pytestconfig.getoption("--update-golden"):
        golden.write_bytes(rendered)
    assert rendered == golden.read_bytes()


def test_readme_shows_the_beginning_of_a_real_answer() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    shown = readme.split("--src 10.244.166.179 --dst 10.244.136.13\n")[1].split("\n```")[0]
    assert len(shown.splitlines()) > 15
    assert (GOLDEN / "trace-25-two-ends.txt").read_text().startswith(shown)
