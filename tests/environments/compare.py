"""The same answers under every Python and every version of the libraries that setup.cfg allows.

    python tests/environments/compare.py [--python NAME]... [--folder FOLDER]

Makes a virtual environment for each Python that can be had, with the newest libraries, and one for the oldest Python
with the lowest versions that setup.cfg allows; what answers.py prints there must be the same to the last byte. Prints
a line for each environment; 1 where one differs or could not be made.
"""

from __future__ import annotations

import argparse
import configparser
import difflib
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHONS = ("python3.11", "python3.12", "python3.13")
SHOWN = 12  # lines of a difference


def requirements() -> list[str]:
    """What setup.cfg says that ipipdiag needs to run."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    return settings["options"]["install_requires"].split()


def lowest(requirement: str) -> str:
    """The requirement at its lower bound: ``click>=8.1`` gives ``click==8.1``."""
    pinned, bounds = re.subn(">=", "==", requirement)
    if bounds != 1:
        raise ValueError(f"setup.cfg: {requirement} has no lower bound")
    return pinned


@dataclass(frozen=True)
class Environment:
    """A Python and versions of the libraries."""

    name: str
    python: str
    packages: tuple[str, ...]

    def make(self, folder: Path) -> Path:
        """Create the environment and return its interpreter; subprocess.CalledProcessError where that fails."""
        home = folder / self.name.replace(" ", "-")
        shutil.rmtree(home, ignore_errors=True)
        _run(self.python, "-m", "venv", str(home))
        interpreter = home / "bin" / "python"
        _run(str(interpreter), "-m", "pip", "install", "--quiet", *self.packages)
        return interpreter


def _run(*command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return done.stdout


def environments(pythons: list[str]) -> list[Environment]:
    """One for each Python that answers, oldest first, and one of lowest versions for the oldest."""
    there = [python for python in pythons if shutil.which(python) and _answers(python)]
    newest = tuple(requirements())
    made = [Environment(f"{Path(python).name} newest", python, newest) for python in there]
    if there:
        pinned = tuple(lowest(requirement) for requirement in requirements())
        made.append(Environment(f"{Path(there[0]).name} lowest", there[0], pinned))
    return made


def _answers(python: str) -> bool:
    """Whether it runs: the name may be that of a version manager's shim for a version that is not chosen."""
    return subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0


VERSIONS = """
import importlib.metadata, platform
print("Python " + platform.python_version(), *(
    f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "pandas", "click", "rich", "jinja2", "pyyaml")
), sep=", ")
"""


def ask(environment: Environment, folder: Path) -> tuple[list[str], str]:
    """What answers.py says there, and the versions; no answers, and why, where the environment could not be made."""
    try:
        interpreter = str(environment.make(folder))
        versions = _run(interpreter, "-c", VERSIONS).strip()
        return _run(interpreter, "-W", "error", "-m", "tests.environments.answers").splitlines(), versions
    except subprocess.CalledProcessError as error:
        return [], error.stderr[-2000:]


def main() -> int:
    """Compare all environments with the first."""
    parser = argparse.ArgumentParser(description="Compare the answers under other Pythons and versions of libraries.")
    parser.add_argument("--python", action="append", help=f"an interpreter to try (default: {', '.join(PYTHONS)})")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "environments")
    arguments = parser.parse_args()
    pythons = arguments.python or list(PYTHONS)
    wanted = environments(pythons)
    for python in pythons:
        if python not in {environment.python for environment in wanted}:
            print(f"{python}: not to be had here")
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        results = list(workers.map(lambda environment: ask(environment, arguments.folder), wanted))
    first = next((said for said, _ in results if said), [])
    failures = 0
    for environment, (said, note) in zip(wanted, results, strict=True):
        differences = list(difflib.unified_diff(first, said, lineterm="", n=0))[2:] if said else []
        failures += not said or bool(differences)
        outcome = "failed" if not said else "different" if differences else f"the same {len(said)} reports"
        print(f"{environment.name}: {outcome} ({note})", *differences[:SHOWN], sep="\n")
    return 1 if failures or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
