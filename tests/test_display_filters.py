"""Display filters that reports print: they compile in tshark, and select the frames they stand beside."""

from __future__ import annotations

import inspect
import subprocess
from pathlib import Path

import pytest

from ipipdiag.checks import display_filters
from tests.scenarios import FAULTY, HEALTHY, captures, report_on

pytestmark = pytest.mark.needs_tshark

SOME_CAPTURE = captures("07")[1]


def select(path: Path, display_filter: str) -> set[int]:
    """The frames that tshark selects; an error of its filter compiler fails the test."""
    command = ["tshark", "-n", "-r", str(path), "-Y", display_filter, "-T", "fields", "-e", "frame.number"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{display_filter}: {done.stderr}"
    return {int(number) for number in done.stdout.split()}


def examples() -> list[str]:
    """Every template, filled in with some address for each of its parameters."""
    filled = []
    for name, template in inspect.getmembers(display_filters, inspect.isfunction):
        if template.__module__ == display_filters.__name__ and not name.startswith("_"):
            values = {
                parameter: (1, 2)
                if parameter == "numbers"
                else 3
                if parameter in ("kind", "code", "source_port", "destination_port")
                else 0x0A000000 + place
                for place, parameter in enumerate(inspect.signature(template).parameters, start=1)
            }
            filled.append(template(**values))
    return filled


def test_every_template_compiles() -> None:
    filters = examples()
    assert len(filters) >= 10
    select(SOME_CAPTURE, " || ".join(f"({display_filter})" for display_filter in filters))


@pytest.mark.parametrize("number", (*HEALTHY, *FAULTY))
def test_filters_select_the_frames_they_claim(number: str) -> None:
    report = report_on(*captures(number))
    paths = {entry.id: Path(entry.name) for entry in report.inputs}
    claims: dict[tuple[Path, str], set[int]] = {}
    for entry in report.findings:
        for evidence in entry.finding.evidence:
            claims.setdefault((paths[evidence.input], evidence.display_filter), set()).update(evidence.frames)
    by_frame_numbers = {claim for claim in claims if claim[1].startswith("frame.number")}
    missed = [
        (path.name, display_filter)
        for (path, display_filter), frames in claims.items()
        if (path, display_filter) not in by_frame_numbers and not frames <= select(path, display_filter)
    ]
    assert missed == []
    for path in {path for path, _ in by_frame_numbers}:  # these cannot miss: that they compile is enough
        select(path, " || ".join(f"({text})" for where, text in by_frame_numbers if where == path))
