"""What the tests run with: pinned by version and hash, as setup.cfg allows, under licences that may be used."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PINNED = ROOT / ".ci" / "requirements.txt"

# what metadata calls them; "A AND B" needs both
LICENCES = {
    "0BSD",
    "Apache Software License",
    "Apache-2.0",
    "BSD License",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "MIT",
    "MIT License",
    "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)",
    "PSF-2.0",
    "Zlib",
}


def pinned() -> list[tuple[Requirement, int]]:
    """Each requirement of the pinned set, and how many hashes it has."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"(?m)^\s*#.*\n?", "", PINNED.read_text()))
    return [(Requirement(entry.split("\\")[0].strip()), entry.count("--hash=sha256:")) for entry in entries if entry]


def wanted() -> list[Requirement]:
    """What setup.cfg asks for, to run and to develop."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    lists = settings["options"]["install_requires"], settings["options.extras_require"]["dev"]
    return [Requirement(line) for text in lists for line in text.splitlines() if line]


def test_every_library_is_pinned_with_a_hash() -> None:
    assert len(pinned()) > 30
    for requirement, hashes in pinned():
        assert [entry.operator for entry in requirement.specifier] == ["=="], requirement
        assert hashes, requirement


@pytest.mark.parametrize("requirement", wanted(), ids=lambda requirement: requirement.name)
def test_pinned_version_is_one_that_setup_cfg_allows(requirement: Requirement) -> None:
    name = canonicalize_name(requirement.name)
    versions = [next(iter(entry.specifier)).version for entry, _ in pinned() if canonicalize_name(entry.name) == name]
    assert versions
    assert all(requirement.specifier.contains(version) for version in versions), versions


def test_licences_may_be_used() -> None:
    here = [requirement.name for requirement, _ in pinned() if not requirement.marker or requirement.marker.evaluate()]
    command = [
        sys.executable,
        "-m",
        "piplicenses",
        "--from=mixed",
        "--format=csv",
        "--with-system",
        "--packages",
        *here,
    ]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    licences = {name: licence for name, _, licence in (line.strip('"').split('","') for line in lines)}
    assert len(licences) > 0.8 * len(here)  # all that are installed here
    refused = {
        name: licence
        for name, licence in licences.items()
        if not any(set(choice.split(" AND ")) <= LICENCES for choice in re.split(r" OR |; ", licence))
    }
    assert refused == {}
