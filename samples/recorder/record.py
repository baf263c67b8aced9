"""Record scenarios: boot the guest once for each, and put captures, cluster files, truth.json and page into a folder.

    python samples/recorder/record.py --list
    python samples/recorder/record.py [--guest build/recorder] [--into build/recorded] [NAME...]

``setup.sh`` makes what is booted. A name may be shortened to its number.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from calico_lab.scenario import load_scenarios
from calico_lab.truth import write_page

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build"
TIMEOUT = 360  # seconds for one scenario, the guest's start included
MEMORY = "640M"


def main() -> int:
    """Record what the command line names; 1 where one of them failed."""
    arguments = _parse()
    scenarios = load_scenarios()
    if arguments.list:
        print("\n".join(scenarios))
        return 0
    wanted = [_find(scenarios, name) for name in arguments.names or scenarios]
    failed = 0
    for name in wanted:
        began = time.monotonic()
        with _guest_for_one(arguments.guest) as guest:
            problem = record(name, guest, arguments.into / name)
        print(f"{name}: {problem or 'recorded'} ({time.monotonic() - began:.0f} s)", flush=True)
        failed += problem is not None
    return 1 if failed else 0


def record(name: str, guest: Path, folder: Path) -> str | None:
    """Record one scenario into a folder, which is replaced; what went wrong, or None."""
    recorder = guest / "root" / "recorder"
    shutil.rmtree(recorder, ignore_errors=True)
    recorder.mkdir()
    (recorder / "out").mkdir()
    shutil.copy(HERE / "init.sh", recorder)
    shutil.copytree(HERE / "calico_lab", recorder / "calico_lab", ignore=shutil.ignore_patterns("__pycache__"))
    _boot(guest, name)
    out = recorder / "out"
    log = guest / "logs" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    if (out / "console.log").exists():
        shutil.copy(out / "console.log", log)
    status = (out / "status").read_text().strip() if (out / "status").exists() else "none: the guest did not finish"
    if status != "0":
        return f"failed with status {status}, see {log}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(out / "captures", folder)
    shutil.copytree(out / "nodes", folder / "calico-diagnostics" / "nodes")
    _write_objects(json.loads((out / "objects.json").read_text()), folder / "calico-diagnostics" / "cluster")
    shutil.copy(out / "truth.json", folder)
    (folder / "README.md").write_text(write_page(json.loads((out / "truth.json").read_text())))
    return None


def _boot(guest: Path, name: str) -> None:
    kernel = guest / "kernel" / "usr" / "bin" / "linux.uml"
    command = [
        *("nice", str(kernel), f"mem={MEMORY}", "root=/dev/root", "rootfstype=hostfs"),
        *(f"rootflags={guest / 'root'}", "rw", "init=/recorder/init.sh", f"SCENARIO={name}"),
        *("quiet", "con=null", "con0=fd:0,fd:1", f"uml_dir={guest}/"),
    ]
    subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=TIMEOUT,
        check=False,  # what the guest yields says how it went
    )


def _write_objects(objects: dict[str, list[dict[str, object]]], folder: Path) -> None:
    folder.mkdir(parents=True)
    for file, items in objects.items():
        listed = {"apiVersion": "v1", "kind": "List", "items": items}
        (folder / file).write_text(yaml.safe_dump(listed, sort_keys=False))


@contextmanager
def _guest_for_one(guest: Path) -> Iterator[Path]:
    """The guest's folder, for one recording at a time."""
    with (guest / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield guest.resolve()


def _find(names: Iterable[str], name: str) -> str:
    matching = [full for full in names if name in (full, full.partition("-")[0])]
    if not matching:
        sys.exit(f"no scenario {name!r}; --list names them")
    return matching[0]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Record scenarios.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios, or their numbers; all where none is named")
    parser.add_argument("--list", action="store_true", help="print the names of all scenarios")
    parser.add_argument("--guest", type=Path, default=BUILD / "recorder", help="what setup.sh made")
    parser.add_argument("--into", type=Path, default=BUILD / "recorded", help="where scenarios are put")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
