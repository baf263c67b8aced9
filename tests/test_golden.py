"""Golden reports: whole reports as users read them, compared byte for byte.

They are written anew by ``pytest tests/test_golden.py --update-golden``, and read line by line before they are
committed.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from ipipdiag.report.formats import draws, render
from ipipdiag.report.presentation import Presentation
from ipipdiag.run import RunOptions, analyze
from tests.scenarios import SAMPLES, captures, folder

GOLDEN = Path(__file__).parent / "golden"

REPORTS = {
    "01-all": [path.name for path in captures("01")],
    "07-all": [path.name for path in captures("07")],
    "07-one-nic": ["a-eth0.pcap"],
    "07-two-nics": ["a-eth0.pcap", "b-eth0.pcap"],
    "09-all-with-cluster": [path.name for path in captures("09")],
    "20-all-with-cluster": [path.name for path in captures("20")],
    "14-all": [path.name for path in captures("14")],
    "23-one-nic": ["a-eth0.pcap"],
    "91-cut": ["a-eth0-cut-in-packet.pcap"],
}


# also shown to visitors, as samples/NN-…/report.html, report.md and report.json: `make examples` writes them anew
EXAMPLES = ("01-all", "07-all", "09-all-with-cluster", "14-all", "20-all-with-cluster")
EXAMPLE_FORMATS = ("html", "json", "md")
SHOWN = list(product(EXAMPLES, EXAMPLE_FORMATS))
WRITTEN = sorted({*product(REPORTS, ("text", "json")), *SHOWN})
SUFFIXES = {"text": "txt"}


@pytest.mark.parametrize(("name", "output_format"), WRITTEN)
def test_report_is_as_it_was_read(
    name: str, output_format: str, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.chdir(folder(name.split("-")[0]))
    files = ("calico-diagnostics",) if name.endswith("-with-cluster") else ()
    options = RunOptions(tuple(REPORTS[name]), cluster_files=files, with_exhibits=draws(output_format))
    report = analyze(options)
    rendered = render(output_format, report, Presentation())
    golden = GOLDEN / f"{name}.{SUFFIXES.get(output_format, output_format)}"
    if pytestconfig.getoption("--update-golden"):
        golden.write_bytes(rendered)
    assert rendered == golden.read_bytes()


@pytest.mark.parametrize(("name", "output_format"), SHOWN)
def test_samples_show_reports_that_are_as_they_were_read(name: str, output_format: str) -> None:
    shown = folder(name.split("-")[0]) / f"report.{output_format}"
    assert shown.resolve() == GOLDEN / f"{name}.{output_format}"
    index = (SAMPLES / "README.md").read_text()
    assert f"]({shown.parent.name}/{shown.name})" in index


def test_readme_shows_the_beginning_of_a_real_report() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    shown = readme.split("$ ipipdiag analyze a-eth0.pcap b-eth0.pcap\n")[1].split("\n```")[0]
    assert len(shown.splitlines()) > 15
    assert (GOLDEN / "07-two-nics.txt").read_text().startswith(shown)
