"""Known vulnerabilities in a pinned set of libraries: audit.py REQUIREMENTS FOLDER.

Makes an environment with pip-audit in the folder. The list of vulnerabilities comes from the package index; where that
does not have one, or cannot be reached, nothing was looked at, and that is what is said. 1 where something is known.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path


def audit(requirements: str, folder: Path) -> tuple[str, int]:
    """What to print, and the exit code."""
    venv.create(folder, with_pip=True, clear=True)
    python = str(folder / "bin" / "python")
    installed = subprocess.run([python, "-m", "pip", "install", "--quiet", "pip-audit"], capture_output=True, text=True)
    if installed.returncode:
        return f"audit skipped: pip-audit could not be installed\n{installed.stderr[-500:]}", 0
    command = [python, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--format", "json", "-r", requirements]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        libraries = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return f"audit skipped: the list of vulnerabilities cannot be had here\n{done.stderr[-300:]}", 0
    looked_up = [library for library in libraries if "vulns" in library]
    known = [
        f"{library['name']} {library['version']}: {vulnerability['id']}, mended in {vulnerability['fix_versions']}"
        for library in looked_up
        for vulnerability in library["vulns"]
    ]
    if not looked_up:
        return f"audit skipped: the package index has no vulnerabilities of any of {len(libraries)} libraries", 0
    said = [f"{len(looked_up)} of {len(libraries)} libraries looked up, {len(known)} vulnerabilities known", *known]
    return "\n".join(said), 1 if known else 0


if __name__ == "__main__":
    text, code = audit(sys.argv[1], Path(sys.argv[2]))
    print(text)
    sys.exit(code)
