"""The samples as a person finds them: every scenario has a page that names its files and says what to expect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scenarios import SAMPLES

SCENARIOS = sorted(path.parent for path in SAMPLES.glob("*/truth.json"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_page_names_every_capture_and_the_verdict(scenario: Path) -> None:
    page = (scenario / "README.md").read_text()
    for path in scenario.iterdir():
        if ".pcap" in path.name:
            assert f"| {path.name} |" in page
    truth = json.loads((scenario / "truth.json").read_text())
    verdict = page.split("## Verdict")[1]
    for code in truth.get("accept", []):
        assert code in verdict


def test_index_names_every_scenario() -> None:
    index = (SAMPLES / "README.md").read_text()
    assert all(f"]({scenario.name}/README.md)" in index for scenario in SCENARIOS)
