"""What ipipdiag says of every sample, a digest a report: ``python -m tests.environments.answers``.

``compare.py`` runs this under other Pythons and other versions of the libraries; the lines must be the same. A report
that could not be made is a line as well, so that one failure does not hide the others.
"""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Iterator
from pathlib import Path

from ipipdiag.report.formats import render
from ipipdiag.report.presentation import Presentation
from ipipdiag.run import RunOptions, analyze

SAMPLES = Path(__file__).parents[2] / "samples"
CLUSTER_FILES = "calico-diagnostics"
FORMATS = ("json", "text", "md", "html", "sarif", "junit", "csv")


def runs(folder: Path) -> Iterator[tuple[str, RunOptions]]:
    """The captures of a scenario together: alone, and with what was collected of its cluster."""
    captures = tuple(str(path) for path in sorted(folder.iterdir()) if ".pcap" in path.name)
    yield "captures", RunOptions(captures, with_exhibits=True)
    if (folder / CLUSTER_FILES).is_dir():
        files = (str(folder / CLUSTER_FILES),)
        yield "captures and cluster", RunOptions(captures, cluster_files=files, with_exhibits=True)


def answers(folder: Path) -> Iterator[str]:
    """A line for each run and format: the folder, how it was run, the format, the digest of the report."""
    for how, options in runs(folder):
        report = analyze(options)
        for name in FORMATS:
            yield f"{folder.name} {how} {name} {hashlib.sha256(render(name, report, Presentation())).hexdigest()}"


def main() -> None:
    """Print the lines of all samples."""
    for folder in sorted(path for path in SAMPLES.iterdir() if any(path.glob("*.pcap*"))):
        try:
            for line in answers(folder):
                print(line)
        except Exception:  # compare.py shows what differs
            print(folder.name, "failed:", traceback.format_exc(limit=-3).replace("\n", " | "))


if __name__ == "__main__":
    main()
